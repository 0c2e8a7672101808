"""SPEC 2: what acceptance checks once the end is fixed, when two messages mean the same, and the published schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import RejectedError
from tidegate.message import SAMPLE
from tidegate.model import Request
from tidegate.request import canonical, check_accepted, json_schema, parse

END = "2026-01-31T00:00:00Z"
DAILY = {"exportType": "DAILY", "endDateTime": END}
INSTANT = {"exportType": "INSTANT"}


def parsed(**fields: Any) -> Request:
    return parse(json.dumps(fields))


def test_acceptance_refuses_an_end_more_than_15_minutes_in_the_future() -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    request = parsed(**DAILY)
    check_accepted(request, now + timedelta(minutes=15), now)
    with pytest.raises(RejectedError, match="endDateTime") as caught:
        check_accepted(request, now + timedelta(minutes=15, milliseconds=1), now)
    assert caught.value.code == "END_IN_FUTURE"


def test_acceptance_refuses_a_start_that_the_end_it_chose_does_not_reach() -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    request = parsed(**INSTANT, startDateTime=END, ignoreLastExportTime=True)
    check_accepted(request, now + timedelta(milliseconds=1), now)
    with pytest.raises(RejectedError, match="startDateTime") as caught:
        check_accepted(request, now, now)
    assert caught.value.code == "INVALID_FIELD"


def test_the_canonical_text_is_that_of_the_meaning() -> None:
    one = parsed(**DAILY, appWhitelist=["b", "a"], useLastExportTime=False, requestId="1")
    same = parsed(
        studyWhitelist=["a", "b", "a"],
        ignoreLastExportTime="true",
        exportType="daily",
        endDateTime="2026-01-31T01:00:00.0+01:00",
        export="default",
        redriveCount=0,
    )
    assert canonical(one) == canonical(same)
    assert json.loads(canonical(parsed(**INSTANT)))["endDateTime"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"exportType": "HOURLY"},
        {"endDateTime": "2026-01-31T00:00:00.001Z"},
        {"ignoreLastExportTime": True},
        {"studyWhitelist": ["a"]},
        {"export": "other"},
        {"tag": "x"},
        {"redriveCount": 1},
    ],
)
def test_the_canonical_text_tells_other_requests_apart(change: dict[str, Any]) -> None:
    assert canonical(parsed(**DAILY)) != canonical(parsed(**{**DAILY, **change}))


FIELD_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "exportType": st.sampled_from(["DAILY", "Hourly", "instant", "WEEKLY", 1, None]),
    "endDateTime": st.sampled_from([END, "2026-01-31T00:00:00.5+01:00", "2026-01-31", None]),
    "startDateTime": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", 1]),
    "ignoreLastExportTime": st.sampled_from([True, False, "true", "false", "yes", None]),
    "ignoreLastExportDateTime": st.sampled_from([True, "false", 0]),
    "useLastExportTime": st.sampled_from([True, False, "true", "false", "no"]),
    "studyWhitelist": st.sampled_from([["a"], ["a", "b"], [], ["a/b"], [""], "a", None]),
    "appWhitelist": st.sampled_from([["a"], [], [1]]),
    "tableWhitelist": st.sampled_from([["t"], [], [""], [1]]),
    "recordIdS3Override": st.sampled_from(["ids.txt", "", 1]),
    "s3override": st.sampled_from(["ids.txt", "s3://bucket/ids.txt", None]),
    "export": st.sampled_from(["default", "", "Not One", 1]),
    "tag": st.sampled_from(["t", "", "t" * 257, 1]),
    "requestId": st.sampled_from(["r", "", "r" * 129, 1]),
    "redriveCount": st.sampled_from([0, 1, -1, True, "1"]),
    "colour": st.just("red"),
}
ANY_FIELDS = st.lists(st.sampled_from(sorted(FIELD_VALUES)), max_size=5, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELD_VALUES[name] for name in names})
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@given(ANY_FIELDS)
def test_the_published_schema_and_the_parser_agree(fields: dict[str, Any]) -> None:
    """All that the schema leaves to the parser: start before end, days that exist, bytes; none of these occurs here."""
    try:
        parse(json.dumps(fields))
    except RejectedError:
        accepted = False
    else:
        accepted = True
    assert VALIDATOR.is_valid(fields) is accepted


def test_the_published_schema_is_itself_valid_and_takes_its_example() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert VALIDATOR.is_valid(SAMPLE)
