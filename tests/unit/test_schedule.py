"""A schedule's payload and the request that it stands for (SPEC 2, SPEC 3, FEATURES C33 and C34)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import RejectedError
from tidegate.instants import from_millis, to_millis
from tidegate.model import ExportType, Trigger
from tidegate.request import parse
from tidegate.schedule import body, from_schedule, json_schema, latest_hour, latest_midnight
from tidegate.zones import names

ARN = "arn:aws:scheduler:eu-west-2:111122223333:schedule/default/tidegate-daily"
DAILY = {
    "schedule": ARN,
    "scheduledTime": "2026-07-02T01:00:00Z",
    "exportType": "DAILY",
    "timeZone": "Europe/London",
}
HOURLY = {**DAILY, "exportType": "HOURLY", "scheduledTime": "2026-07-02T01:05:30Z"}
END_OF_DAY = "2026-07-02T23:59:59Z"
HOUR = timedelta(hours=1)


def refused(event: dict[str, Any]) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        from_schedule(event)
    return caught.value


def test_a_daily_firing_sends_the_last_local_midnight_and_its_type_and_nothing_else() -> None:
    assert body(DAILY) == {"endDateTime": "2026-07-01T23:00:00.000Z", "exportType": "DAILY"}


def test_an_hourly_firing_sends_the_top_of_the_hour_and_its_type_and_nothing_else() -> None:
    assert body(HOURLY) == {"endDateTime": "2026-07-02T01:00:00.000Z", "exportType": "HOURLY"}


def test_export_and_tag_are_sent_where_the_schedule_has_them() -> None:
    sent = body({**DAILY, "export": "partner-nightly", "tag": "nightly"})
    assert sent == {**body(DAILY), "export": "partner-nightly", "tag": "nightly"}


def test_the_request_is_that_of_the_body_with_the_firings_own_id() -> None:
    request, trigger = from_schedule({**DAILY, "tag": "nightly"})
    assert trigger is Trigger.RULE
    assert request.request_id == f"{ARN}@2026-07-02T01:00:00.000Z"
    sent = parse(json.dumps({**body({**DAILY, "tag": "nightly"}), "requestId": request.request_id}))
    assert request == sent
    assert (request.export_type, request.start, request.ignore_watermark) == (ExportType.DAILY, None, False)


def test_the_same_firing_has_the_same_id_however_its_time_is_written() -> None:
    again = {**DAILY, "scheduledTime": "2026-07-02T02:00:00.0+01:00"}
    assert from_schedule(DAILY) == from_schedule(again)


def test_a_long_id_is_shortened_and_still_tells_firings_apart() -> None:
    long = {**DAILY, "schedule": ARN + "x" * 100}
    ids = {
        from_schedule(event)[0].request_id
        for event in (long, {**long, "schedule": "arn2" + ARN + "x" * 100}, {**long, "scheduledTime": END_OF_DAY})
    }
    assert len(ids) == 3
    assert all(request_id is not None and len(request_id) == 128 for request_id in ids)
    assert from_schedule(long) == from_schedule(dict(long))


def test_the_zone_is_utc_unless_given() -> None:
    event = {name: value for name, value in DAILY.items() if name != "timeZone"}
    assert body(event)["endDateTime"] == "2026-07-02T00:00:00.000Z"


@pytest.mark.parametrize("name", ["schedule", "scheduledTime", "exportType"])
def test_the_other_fields_are_required(name: str) -> None:
    error = refused({key: value for key, value in DAILY.items() if key != name})
    assert (error.code, name in error.message) == ("MISSING_FIELD", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schedule", ""),
        ("schedule", 1),
        ("scheduledTime", "<aws.scheduler.scheduled-time>"),
        ("scheduledTime", 1782954000),
        ("scheduledTime", "0001-01-01T00:00:00Z"),
        ("exportType", "INSTANT"),
        ("exportType", "WEEKLY"),
        ("timeZone", "London"),
        ("timeZone", None),
        ("export", 1),
        ("tag", "t" * 257),
    ],
)
def test_a_wrong_value_is_invalid_and_named(name: str, value: object) -> None:
    error = refused({**DAILY, name: value})
    assert (error.code, name in error.message) == ("INVALID_FIELD", True)


def test_another_field_is_unknown() -> None:
    assert refused({**DAILY, "startDateTime": END_OF_DAY}).code == "UNKNOWN_FIELD"
    assert refused({**DAILY, "tag": "\ud800"}).code == "MALFORMED"
    assert refused({**DAILY, "export": "No Such"}).code == "UNKNOWN_EXPORT"


def test_the_published_schema_takes_the_payload_and_refuses_what_is_refused_here() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(DAILY)
    assert validator.is_valid({**HOURLY, "export": "a", "tag": "t"})
    for wrong in ({**DAILY, "exportType": "INSTANT"}, {**DAILY, "date": ""}, {"schedule": ARN}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize(
    ("at", "time_zone", "midnight"),
    [
        ("2026-07-02T00:00:00+01:00", "Europe/London", "2026-07-02T00:00:00+01:00"),
        ("2026-07-01T23:59:59.999+01:00", "Europe/London", "2026-07-01T00:00:00+01:00"),
        ("2026-03-29T02:30:00+01:00", "Europe/London", "2026-03-29T00:00:00+00:00"),
        # Midnight was left out: the day began at 01:00, the instant at which midnight would have been.
        ("2018-11-04T02:00:00-02:00", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"),
        # Midnight occurred twice: the first one counts.
        ("2026-11-01T00:30:00-05:00", "America/Havana", "2026-11-01T00:00:00-04:00"),
        # Clocks went back from 00:01 to 23:01: it was "yesterday" again, after a midnight that counts.
        ("2010-11-06T23:30:00-03:30", "America/St_Johns", "2010-11-07T00:00:00-02:30"),
        # The 30th was left out.
        ("2011-12-31T02:00:00+14:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_the_latest_midnight_is_that_of_the_zones_own_calendar(at: str, time_zone: str, midnight: str) -> None:
    found = latest_midnight(datetime.fromisoformat(at), ZoneInfo(time_zone))
    assert found == datetime.fromisoformat(midnight)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "time_zone", "hour"),
    [
        ("2026-07-02T01:05:00Z", "Asia/Kathmandu", "2026-07-02T00:15:00Z"),
        ("2026-07-02T01:35:00Z", "Asia/Kolkata", "2026-07-02T01:30:00Z"),
        ("2026-07-02T01:00:00Z", "UTC", "2026-07-02T01:00:00Z"),
        # 01:00 to 02:00 occurs twice, and ends twice.
        ("2026-10-25T00:05:00Z", "Europe/London", "2026-10-25T00:00:00Z"),
        ("2026-10-25T01:05:00Z", "Europe/London", "2026-10-25T01:00:00Z"),
        # Clocks go back by half an hour, from 02:00 to 01:30: no full hour strikes for 90 minutes.
        ("2026-04-04T15:10:00Z", "Australia/Lord_Howe", "2026-04-04T14:00:00Z"),
    ],
)
def test_the_latest_hour_is_that_of_the_zones_own_clock(at: str, time_zone: str, hour: str) -> None:
    assert latest_hour(datetime.fromisoformat(at), ZoneInfo(time_zone)) == datetime.fromisoformat(hour)


MOMENTS = st.integers(to_millis(datetime(1980, 1, 1, tzinfo=UTC)), to_millis(datetime(2037, 1, 1, tzinfo=UTC))).map(
    from_millis
)


@given(MOMENTS, st.sampled_from(sorted(names())))
def test_ends_lie_at_or_before_the_firing_and_not_long_before(at: datetime, time_zone: str) -> None:
    zone = ZoneInfo(time_zone)
    assert timedelta(0) <= at - latest_midnight(at, zone) < 49 * HOUR
    assert timedelta(0) <= at - latest_hour(at, zone) < 2 * HOUR


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=2)), st.sampled_from(sorted(names())))
def test_a_later_firing_never_has_an_earlier_end(at: datetime, later: timedelta, time_zone: str) -> None:
    zone = ZoneInfo(time_zone)
    assert latest_midnight(at, zone) <= latest_midnight(at + later, zone)
    assert latest_hour(at, zone) <= latest_hour(at + later, zone)
