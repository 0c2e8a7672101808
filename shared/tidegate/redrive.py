"""What a redrive of records or of a window asks for (SPEC 10): pure builders of request messages like anyone's.

What a message cannot say is an order to the intake function: see orders.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from tidegate.instants import rfc3339
from tidegate.model import NO_TAG, ExportType, Window
from tidegate.zones import zone

OVERRIDES = "overrides/"
"""Where the lists of ids lie that commands send, in the export bucket."""
PREFIX = "redrive; original: "
LONGEST_TAG = 256
MOST_SLICES = 10_000
_DAY = timedelta(days=1)


class DeadQueue(StrEnum):
    """The two dead-letter queues."""

    REQUESTS = "requests"
    WORK = "work"


def records_message(
    key: str,
    request_id: str,
    *,
    export: str | None = None,
    studies: Sequence[str] = (),
    tables: Sequence[str] = (),
    tag: str | None = None,
    redrive_count: int = 1,
) -> dict[str, Any]:
    """The message that exports exactly the record ids in the file `key`, whatever their time."""
    return _present(
        {
            "requestId": request_id,
            "recordIdS3Override": key,
            "export": export,
            "studyWhitelist": list(studies) or None,
            "tableWhitelist": list(tables) or None,
            "tag": tag_of_redrive(NO_TAG) if tag is None else tag,
            "redriveCount": redrive_count,
        }
    )


def window_message(
    window: Window,
    *,
    export: str | None = None,
    definition: Mapping[str, Any] | None = None,
    studies: Sequence[str] = (),
    tables: Sequence[str] = (),
    tag: str | None = None,
) -> dict[str, Any]:
    """The message that exports a window again and leaves the watermark alone.

    Its requestId comes from all that it says and from the export's definition, so the same message sent again is the
    same request: whoever repeats a command goes on where it was, and whoever has corrected the definition starts over.
    """
    message = _present(
        {
            "exportType": ExportType.DAILY.value,
            "startDateTime": rfc3339(window.start),
            "endDateTime": rfc3339(window.end),
            "ignoreLastExportTime": True,
            "export": export,
            "studyWhitelist": sorted(studies) or None,
            "tableWhitelist": sorted(tables) or None,
            "tag": tag_of_redrive(NO_TAG) if tag is None else tag,
            "redriveCount": 1,
        }
    )
    named = json.dumps([message, definition], sort_keys=True, default=str)
    digest = hashlib.sha256(named.encode()).hexdigest()
    return {"requestId": f"cli-window-{digest[:32]}", **message}


def days(window: Window, time_zone: str) -> Iterator[Window]:
    """The window cut at each local midnight of `time_zone`, in order; its slices abut and none is empty."""
    local_zone = zone(time_zone)
    start = window.start
    day = start.astimezone(local_zone).date()
    while start < window.end:
        day += _DAY
        midnight = datetime.combine(day, time(), local_zone).astimezone(UTC)
        if midnight > start:
            yield Window(start, min(midnight, window.end))
            start = midnight


def tag_of_redrive(tag: str) -> str:
    """The tag of a redrive: that of the original with one prefix, however often it is redriven."""
    return tag if tag.startswith(PREFIX) else f"{PREFIX}{tag}"[:LONGEST_TAG]


def override_text(keys: Sequence[Sequence[str]]) -> str:
    """The text of an override file: an id a line, a JSON array for a composite key.

    An id that would not be read back from such a line (blanks at its ends, a line break, a bracket first) stands in a
    line like that of a redrive list, so that one odd id hinders no other.
    """
    return "".join(f"{_override_line(key)}\n" for key in keys)


def _override_line(key: Sequence[str]) -> str:
    if len(key) == 1:
        (text,) = key
        plain = text.isprintable() and text.strip() == text and text[:1] not in ("", "[", "{")
        return text if plain else json.dumps({"key": [text]})
    return json.dumps(list(key))


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
