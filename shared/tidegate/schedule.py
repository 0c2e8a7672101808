"""A schedule's firing -> the request it stands for (SPEC 2 and 3). Pure: the end comes from the scheduled time.

The payload, which can also be sent by hand to repeat a firing:

    {"schedule": "<aws.scheduler.schedule-arn>", "scheduledTime": "<aws.scheduler.scheduled-time>",
     "exportType": "DAILY" or "HOURLY", "timeZone": "Europe/London"}

with `export` and `tag` where wanted. A schedule that is delivered late or twice gives the same request, because nothing
here asks for the time of day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.json_text import load_object
from tidegate.message import AnyCaseExportType, Instant, published_schema
from tidegate.model import ExportType, Request, Trigger
from tidegate.rejection import checked, rejected
from tidegate.request import of_fields
from tidegate.zones import zone

REQUEST_ID_CHARACTERS = 128
_WHAT = "schedule's payload"
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class SchedulePayload(BaseModel):
    """What a DAILY or HOURLY schedule sends when it fires; the window ends at local midnight or the top of the hour."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="Tidegate schedule payload")

    schedule: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="The schedule's arn. With the scheduled time it makes the requestId.",
        examples=["arn:aws:scheduler:eu-west-2:111122223333:schedule/default/tidegate-daily"],
    )
    scheduled_time: Instant = Field(
        alias="scheduledTime",
        description="When the schedule was to fire, however late it did.",
        examples=["2026-03-29T01:00:00Z"],
    )
    export_type: Annotated[AnyCaseExportType, WithJsonSchema({"enum": ["DAILY", "HOURLY"]}, mode="validation")] = Field(
        alias="exportType", description="DAILY ends at local midnight, HOURLY at the top of the local hour."
    )
    time_zone: Annotated[str, AfterValidator(lambda name: zone(name).key)] = Field(
        default="UTC",
        alias="timeZone",
        description="IANA time zone of midnight and of the hour.",
        examples=["Europe/London"],
    )
    export: str | None = Field(default=None, description="The export's id; default: default.")
    tag: str | None = Field(default=None, description="For tracing.")


def from_schedule(event: Mapping[str, Any]) -> tuple[Request, Trigger]:
    """The request of a schedule's firing, with trigger RULE.

    Its requestId is `<schedule>@<scheduled time>`; where that has more than 128 characters, the first 16 hex digits of
    its sha256, `~`, and as much of its end as fits. Raises RejectedError with SPEC 2's codes.
    """
    payload = _checked(event)
    return replace(of_fields(_body(payload)), request_id=_request_id(payload)), Trigger.RULE


def body(event: Mapping[str, Any]) -> dict[str, str]:
    """The request message that a firing stands for: endDateTime, exportType, and export and tag where given.

    Never a startDateTime: the watermark, or the type, gives the start. Raises RejectedError as `from_schedule`.
    """
    return _body(_checked(event))


def message(event: Mapping[str, Any]) -> dict[str, str]:
    """The request message that a firing stands for, under the requestId that the firing itself has.

    Raises RejectedError as `from_schedule`.
    """
    payload = _checked(event)
    return {"requestId": _request_id(payload), **_body(payload)}


def latest_midnight(at: datetime, local_zone: ZoneInfo) -> datetime:
    """The latest local midnight at or before `at`, aware UTC.

    A midnight that occurs twice is read with fold=0, one that does not exist is the instant at which it was left out.
    """
    today = at.astimezone(local_zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    # Tomorrow counts too: where clocks go back over midnight, it may be "yesterday" again after a midnight has passed.
    return max(
        instant
        for wall_clock in (today - _DAY, today, today + _DAY)
        if (instant := _instant_of(wall_clock, local_zone)) <= at
    )


def latest_hour(at: datetime, local_zone: ZoneInfo) -> datetime:
    """The latest full hour of the local clock at or before `at`, aware UTC; an hour that occurs twice ends twice."""
    this_hour = at.astimezone(local_zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return max(
        instant
        for wall_clock in (this_hour - _HOUR, this_hour, this_hour + _HOUR)
        for fold in (0, 1)
        if _instant_of(wall_clock, local_zone) <= (instant := _instant_of(wall_clock, local_zone, fold)) <= at
    )


def json_schema() -> dict[str, Any]:
    """The payload's JSON schema (draft 2020-12), generated from the model."""
    return published_schema(SchedulePayload)


def _instant_of(wall_clock: datetime, local_zone: ZoneInfo, fold: int = 0) -> datetime:
    return wall_clock.replace(tzinfo=local_zone, fold=fold).astimezone(UTC)


def _checked(event: Mapping[str, Any]) -> SchedulePayload:
    try:
        fields = load_object(json.dumps(event))
    except ValueError as error:
        raise RejectedError(
            f"The event is no schedule's payload: {error}.", code="MALFORMED", remedy="Send the documented payload."
        ) from None
    payload = checked(SchedulePayload, fields, what=_WHAT, null_is_absent=False)
    if payload.export_type is ExportType.INSTANT:
        raise rejected("INVALID_FIELD", ["exportType must be DAILY or HOURLY (got 'INSTANT')."], what=_WHAT)
    return payload


def _body(payload: SchedulePayload) -> dict[str, str]:
    ends = latest_midnight if payload.export_type is ExportType.DAILY else latest_hour
    try:
        end = ends(payload.scheduled_time, zone(payload.time_zone))
    except OverflowError:
        raise rejected("INVALID_FIELD", ["scheduledTime is too near the end of the calendar."], what=_WHAT) from None
    fields = {
        "endDateTime": rfc3339(end),
        "exportType": payload.export_type.value,
        "export": payload.export,
        "tag": payload.tag,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _request_id(payload: SchedulePayload) -> str:
    whole = f"{payload.schedule}@{rfc3339(payload.scheduled_time)}"
    if len(whole) <= REQUEST_ID_CHARACTERS:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{digest}~{whole[-(REQUEST_ID_CHARACTERS - len(digest) - 1) :]}"
