"""Where a window starts (SPEC 3): pure arithmetic over what was frozen at acceptance and the watermark of now.

Windows are half-open and exact to the millisecond, so the end of one is the start of the next. No clock is read here:
the end came with the request, and local time means something only where a start has to be generated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidegate.instants import floor_millis
from tidegate.model import ExportType, Window
from tidegate.zones import zone

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)


def generated_start(export_type: ExportType, end: datetime, time_zone: str) -> datetime:
    """The start of a window that no watermark and no person gives, aware UTC.

    HOURLY: one hour before `end`. DAILY and INSTANT: the same wall-clock time one calendar day before, in `time_zone`
    (an IANA name), which is 23 or 25 hours on days when clocks change. A wall-clock time that does not exist or occurs
    twice is read with fold=0. So where a whole day was left out (Pacific/Apia, 2011-12-30), the day before the 31st has
    no length: the start equals the end. Never before the year 1.
    Raises ValueError where `time_zone` is not a zone.
    """
    local_zone = zone(time_zone)
    try:
        if export_type is ExportType.HOURLY:
            return end.astimezone(UTC) - _HOUR
        wall_clock = end.astimezone(local_zone).replace(tzinfo=None) - _DAY
        return wall_clock.replace(tzinfo=local_zone, fold=0).astimezone(UTC)
    except OverflowError:
        return _FIRST_INSTANT


def resolve(
    *,
    end: datetime,
    start: datetime | None,
    ignore_watermark: bool,
    export_type: ExportType,
    watermark: datetime | None,
    first_export_from: datetime | None,
    time_zone: str,
) -> Window:
    """The window of one (export, study), by SPEC 3's table; to be asked again whenever an operation begins anew.

    `end`, `start`, `ignore_watermark` and `export_type` were frozen at acceptance; `watermark` is what ExportTime holds
    now, `first_export_from` and `time_zone` are the definition's. The first of these that holds gives the start:
    a chosen start; the watermark, unless ignored; `first_export_from`, unless the watermark is ignored; the generated
    start. The window is empty where the end is at or before the start: then nothing may be read and no watermark moved.
    """
    if start is not None:
        chosen = start
    elif not ignore_watermark and watermark is not None:
        chosen = watermark
    elif not ignore_watermark and first_export_from is not None:
        chosen = first_export_from
    else:
        chosen = generated_start(export_type, end, time_zone)
    return Window(floor_millis(chosen), floor_millis(end))


def settled_at(end: datetime, settle_seconds: int) -> datetime:
    """When a window with this end may be read: `settle_seconds` after it, when indexes and clocks have caught up."""
    return end + timedelta(seconds=settle_seconds)
