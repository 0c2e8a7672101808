"""The names that readers rely on (SPEC 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.layout import directory, fenced_prefix, nowhere_key, percent_encoded, plan_key, work_prefix
from tidegate.message import STUDY_CHARACTERS, study_id
from tidegate.model import Kind, Operation, State, Trigger, Window
from tidegate.partnames import part_key

START = datetime(2026, 3, 8, 23, 0, 0, 1000, tzinfo=UTC)
END = datetime(2026, 3, 10, tzinfo=UTC)
WINDOW = Window(START, END)
ID = "01KKBSWHG0X7W5SDXKQW3N5Y6Z"


def operation(study: str = "a", trigger: Trigger = Trigger.MESSAGE, **params: Any) -> Operation:
    return Operation(
        operation_id=ID,
        kind=Kind.EXPORT,
        state=State.RUNNING,
        request_id="r",
        export="nightly",
        study=study,
        export_type="DAILY",
        trigger=trigger,
        tag="t",
        actor=None,
        created_at=datetime(2026, 3, 12, 1, tzinfo=UTC),
        last_action_at=END,
        params=params,
    )


def test_a_normal_runs_directory_is_its_export_study_day_and_window() -> None:
    assert directory(operation(), WINDOW) == (
        "exports/export=nightly/study=a/dt=2026-03-10/20260308T230000.001Z_20260310T000000.000Z/"
    )


def test_the_day_is_that_of_the_end_in_utc_whatever_zone_it_is_given_in() -> None:
    elsewhere = timezone(timedelta(hours=-5))
    window = Window(START.astimezone(elsewhere), END.astimezone(elsewhere))
    assert directory(operation(), window) == directory(operation(), WINDOW)


@pytest.mark.parametrize(
    ("made", "leaf"),
    [
        (operation(ignoreWatermark=True), f"reexport={ID}"),
        (operation(override={"key": "ids.txt"}, ignoreWatermark=True), f"override={ID}"),
        (operation(redriveCount=1, ignoreWatermark=True), f"redrive={ID}"),
        (operation(redriveCount=1, override={"key": "ids.txt"}), f"redrive={ID}"),
        (operation(trigger=Trigger.REDRIVE), f"redrive={ID}"),
        (operation(redriveCount=0, override=None, ignoreWatermark=False), "20260308T230000.001Z_20260310T000000.000Z"),
    ],
)
def test_what_is_no_normal_run_never_has_the_name_of_one(made: Operation, leaf: str) -> None:
    assert directory(made, WINDOW) == f"exports/export=nightly/study=a/dt=2026-03-10/{leaf}/"


def test_an_override_has_the_day_of_its_acceptance() -> None:
    made = operation(override={"key": "ids.txt"})
    assert directory(made, None) == f"exports/export=nightly/study=a/dt=2026-03-12/override={ID}/"


@given(st.text())
def test_a_name_is_encoded_outside_the_plain_characters_and_can_be_read_back(name: str) -> None:
    encoded = percent_encoded(name)
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%")
    assert unquote(encoded) == name


@given(st.text(), st.text())
def test_two_names_never_share_a_directory(one: str, other: str) -> None:
    assert (directory(operation(one), WINDOW) == directory(operation(other), WINDOW)) is (one == other)


def test_private_objects_of_two_operations_claims_requests_and_studies_are_apart() -> None:
    assert fenced_prefix(ID, 7) == f"work/{ID}/0000000007/"
    assert fenced_prefix(ID, 7).startswith(work_prefix(ID))
    keys = {
        plan_key(request, digest, study)
        for request in ("r", "r\x00d")
        for digest in ("d", "e")
        for study in ("missing", "a")
    }
    assert len(keys) == 8
    assert all(key.startswith("work/requests/") for key in keys)
    assert len({nowhere_key(request, digest) for request in ("r", "r\x00d") for digest in ("d", "e")}) == 4


def test_the_longest_names_give_a_key_that_s3_takes() -> None:
    study = "\U0001f980" * (STUDY_CHARACTERS // 12)
    longest = replace(operation(study_id(study)), export="e" * 64)
    assert len(part_key(directory(longest, WINDOW), "\U0001f980" * 500, 1_000_000, "jsonl.gz")) <= 1024
    with pytest.raises(ValueError, match="percent-encoded"):
        study_id(study + "\U0001f980")
