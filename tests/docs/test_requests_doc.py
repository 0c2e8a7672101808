"""docs/requests.md: its examples do what it says of them, and its tables leave nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tidegate import schedule
from tidegate.errors import RejectedError
from tidegate.request import json_schema, parse

TEXT = (Path(__file__).parents[2] / "docs" / "requests.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```json (\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


def examples(kind: str) -> list[str]:
    return [text for label, text in EXAMPLES if label == kind]


def rows(heading: str) -> list[str]:
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("body", examples("accepted"))
def test_an_example_of_a_request_is_accepted(body: str) -> None:
    parse(body)


@pytest.mark.parametrize(("code", "body"), [each for each in EXAMPLES if each[0].isupper()])
def test_an_example_of_a_refusal_is_refused_with_its_code(code: str, body: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parse(body)
    assert caught.value.code == code


def test_the_schedules_example_stands_for_the_request_that_follows_it() -> None:
    (payload,), (body,) = examples("schedule"), examples("body")
    assert schedule.body(json.loads(payload)) == json.loads(body)


def test_every_example_is_of_a_kind_that_is_checked() -> None:
    assert len(EXAMPLES) == TEXT.count("```json") == TEXT.count("```") / 2
    assert all(label in ("accepted", "schedule", "body") or label.isupper() for label, _ in EXAMPLES)


def test_the_tables_name_every_field() -> None:
    assert sorted(rows("Fields")) == sorted(json_schema()["properties"])
    assert sorted(rows("Schedules")) == sorted(schedule.json_schema()["properties"])


def test_the_table_of_refusals_names_every_code() -> None:
    codes = (
        "MALFORMED UNKNOWN_FIELD MISSING_FIELD INVALID_FIELD CONFLICTING_FIELDS UNKNOWN_EXPORT UNKNOWN_STUDY"
        " STUDY_DISABLED OVERRIDE_NOT_FOUND END_IN_FUTURE REQUEST_ID_REUSED"
    )
    assert set(rows("Refusals")) == set(codes.split())
