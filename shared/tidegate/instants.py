"""Instants: aware UTC datetimes inside, whole milliseconds in tables, RFC 3339 with three digits in JSON and names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d+))?(?P<zone>[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def to_millis(instant: datetime) -> int:
    """Whole milliseconds since 1970 of an aware datetime, rounded down; exact, no floats on the way."""
    return (instant - EPOCH) // MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware UTC datetime of whole milliseconds since 1970. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=millis)


def floor_millis(instant: datetime) -> datetime:
    """The same instant in UTC, cut to whole milliseconds."""
    return from_millis(to_millis(instant))


def parse_rfc3339(text: str) -> datetime:
    """The UTC instant of an RFC 3339 date-time.

    An offset is required and at most 3 fraction digits are taken, because a window is exact to the millisecond.
    Raises ValueError with a reason for people.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is not an RFC 3339 date-time with an offset, such as 2026-01-31T00:00:00Z")
    fraction = match["fraction"] or ""
    if len(fraction) > 3:
        raise ValueError("has more than 3 fraction digits; windows are exact to the millisecond")
    zone = "+00:00" if match["zone"] in "Zz" else match["zone"]
    try:
        parsed = datetime.fromisoformat(f"{match['date']}T{match['time']}.{fraction:0<3}{zone}")
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a date-time that exists ({error})") from None


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as everywhere in JSON: 2026-01-31T00:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact(instant: datetime) -> str:
    """The form in object names: 20260131T000000.000Z."""
    return rfc3339(instant).replace("-", "").replace(":", "")


def parse_compact(text: str) -> datetime:
    """The inverse of `compact`. Raises ValueError where the text is not in that form."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
