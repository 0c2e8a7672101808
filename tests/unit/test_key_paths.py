"""No name that a stranger may choose leads to a key outside of its own prefix, whatever characters it has."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tidegate.errors import RejectedError
from tidegate.layout import LIST_NAME, directory, fenced_prefix, nowhere_key, plan_key, window_of, work_prefix
from tidegate.message import study_id
from tidegate.model import Operation, Pair, Window
from tidegate.override import locate
from tidegate.partnames import part_key
from tidegate.sweep import _days
from tidegate.ulid import derived, is_ulid
from unit.test_layout import END, WINDOW, operation

HOSTILE = [
    "", ".", "..", "../..", "/", "//", "/etc/passwd", "a/../b", "..\\..", "%2e%2e", "%2e%2e%2f", "%2F", "%", "%00",
    "\x00", "\n", "\r\n", "\x7f", "\u202e", "\ufeff", "\u2215", "\uff0e\uff0e", "study=a", "dt=2026-03-10",
    "a/dt=2026-03-10", "manifest.json", "x" * 5000, "\U0001f980" * 300, "+", " ", "~", "*", "?versionId=1", "#",
    "export=default", "table=",
]  # fmt: skip
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(), st.text(st.sampled_from("./%2eEfF\\~\x00 a"), max_size=12))
PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9._%=-]+")
KINDS: list[Operation] = [
    operation(),
    operation(ignoreWatermark=True),
    operation(override={"key": "ids.txt"}),
    operation(redriveCount=1),
]


def segments(key: str) -> list[str]:
    """The segments of a key that every reader takes as they stand: plain characters, no empty one, no dots alone."""
    found = key.split("/")
    assert all(PLAIN_SEGMENT.fullmatch(segment) for segment in found), key
    assert not {".", ".."} & set(found), key
    return found


def is_study(name: str) -> bool:
    try:
        return study_id(name) == name
    except ValueError:
        return False


@given(NAMES, st.sampled_from(KINDS), st.booleans())
def test_each_file_of_a_study_lies_in_one_folder_of_its_own_whatever_the_study_is_called(
    study: str, kind: Operation, windowed: bool
) -> None:
    assume(is_study(study))
    made = replace(kind, study=study)
    folder = directory(made, WINDOW if windowed else None)
    assert folder.startswith("exports/export=nightly/study=")
    for name in ("manifest.json", LIST_NAME):
        exports, export, of_study, day, leaf, last = segments(folder + name)
        assert (exports, export, unquote(of_study), last) == ("exports", "export=nightly", f"study={study}", name)
        assert re.fullmatch(r"dt=\d{4}-\d{2}-\d{2}", day)
        assert re.fullmatch(r"(reexport|override|redrive)=[0-9A-Z]{26}|[\dTZ.]+_[\dTZ.]+", leaf)


@pytest.mark.parametrize("study", ["", "/", "a/b", "../..", "/etc/passwd", "x" * 5000, "\U0001f980" * 300, "\ud800"])
def test_a_study_that_could_not_have_a_folder_is_none(study: str) -> None:
    with pytest.raises(ValueError, match=r"must|surrogates"):
        study_id(study)


@given(NAMES.filter(bool), st.integers(1, 10**6))
def test_each_part_of_a_table_lies_in_one_folder_below_its_studys_whatever_the_table_is_called(
    table: str, number: int
) -> None:
    folder = directory(operation(), WINDOW)
    key = part_key(folder, table, number, "csv.gz")
    assert key.startswith(folder)
    of_table, part = segments(key.removeprefix(folder))
    assert of_table.startswith("table=")
    assert re.fullmatch(r"part-\d{5,}\.csv\.gz", part)
    assert len(key.encode()) <= 1024


@given(NAMES, NAMES, NAMES)
def test_the_lists_of_a_request_lie_below_work_or_failed_whatever_its_id_and_study_are(
    request_id: str, digest: str, study: str
) -> None:
    work, requests, _, name = segments(plan_key(request_id, digest, study))
    assert (work, requests) == ("work", "requests")
    assert re.fullmatch(r"[0-9a-f]{32}\.json", name)
    failed, request, list_name = segments(nowhere_key(request_id, digest))
    assert (failed, list_name) == ("failed", LIST_NAME)
    assert re.fullmatch(r"[0-9a-f]{32}", request)


@given(NAMES, NAMES, st.integers(0, 10**9))
def test_the_private_objects_of_an_operation_lie_below_work_because_its_id_is_made_and_not_given(
    request_id: str, study: str, fence: int
) -> None:
    made = derived(datetime(2026, 3, 10, tzinfo=UTC), request_id, study)
    assert is_ulid(made)
    assert segments(fenced_prefix(made, fence) + "x")[:2] == ["work", made]
    assert fenced_prefix(made, fence).startswith(work_prefix(made))


@given(NAMES, NAMES)
@example("a", "a/dt=2026-03-10")
@example("a", "a%2Fdt=2026-03-10")
def test_what_a_sweep_looks_at_belongs_to_its_own_study_alone(one: str, other: str) -> None:
    assume(one != other and is_study(one) and is_study(other))
    (prefix,) = _days(Pair("nightly", one), END, END)
    assert directory(operation(one), WINDOW).startswith(prefix)
    for kind in KINDS:
        assert not directory(replace(kind, study=other), WINDOW).startswith(prefix)


@given(st.one_of(NAMES, st.lists(NAMES, min_size=6, max_size=8).map("/".join)))
@example("a/b/c/d/99999999T999999.999Z_20260310T000000.000Z/x")
@example("a/b/c/d/20260310T000000.000Z_20260310T000000.000Z/x")
def test_no_key_that_lies_in_the_bucket_already_can_stop_whoever_reads_its_window(key: str) -> None:
    found = window_of(key)
    assert found is None or isinstance(found, Window)


def test_the_days_of_a_sweep_are_those_it_was_told_and_end_in_a_slash() -> None:
    prefixes = list(_days(Pair("nightly", ".."), END - timedelta(days=1), END))
    assert prefixes == [f"exports/export=nightly/study=../dt=2026-03-{day:02}/" for day in (9, 10)]


@pytest.mark.parametrize(
    "text",
    [
        "s3://BUCKET/ids.txt", "s3://Allowed/ids.txt", "s3://allowed@stranger/ids.txt", "s3://stranger@allowed/ids.txt",
        "s3://allowed:443/ids.txt", "s3://allowed.s3.amazonaws.com/ids.txt", "s3://allowed%2f/ids.txt", "s3:///allowed/ids",
        "s3://allowed\\stranger/x", "s3:// allowed/x", "s3://allowed /x", "s3://allowed\n/x", "s3://*/x", "s3://allow?d/x",
        "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/x", "s3://ap-111122223333-s3alias/x", "s3://../allowed/x",
        "s3://allowed,stranger/x", "s3://stranger?x=allowed/x", "s3://stranger#allowed/x", "s3://stranger/../allowed/x",
        "s3://\u0430llowed/x", "s3://allowed\x00/x", "s3:///x",
    ],
)  # fmt: skip
def test_only_a_bucket_that_is_exactly_one_of_the_list_is_read(text: str) -> None:
    with pytest.raises(RejectedError) as caught:
        locate(text, "exports", ("allowed", "other"))
    assert caught.value.code == "OVERRIDE_NOT_FOUND"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("s3://allowed/../exports/x", "../exports/x"),
        ("s3://allowed//x", "/x"),
        ("s3://allowed/x?versionId=3", "x?versionId=3"),
        ("s3://allowed/%2e%2e/x", "%2e%2e/x"),
        ("s3://allowed/s3://stranger/x", "s3://stranger/x"),
    ],
)
def test_behind_the_bucket_everything_is_the_key_as_it_stands(text: str, key: str) -> None:
    ref = locate(text, "exports", ("allowed",))
    assert (ref.bucket, ref.key, ref.version_id) == ("allowed", key, None)


@pytest.mark.parametrize(
    "text", ["S3://stranger/x", "http://stranger/x", "arn:aws:s3:::stranger/x", "//stranger/x", "..", "s3:/x"]
)
def test_what_does_not_begin_like_a_url_of_s3_is_a_key_in_the_export_bucket(text: str) -> None:
    assert locate(text, "exports", ("stranger",)).bucket == "exports"
