"""Where things are in the export bucket: the names that readers rely on (SPEC 6), and our private ones."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from tidegate.instants import compact, parse_compact
from tidegate.model import Operation, Pair, Trigger, Window

EXPORTS = "exports/"
WORK = "work/"
FAILED = "failed/"
"""The redrive lists of requests; no lifecycle rule removes them. Those of exports lie beside their parts."""
LIST_NAME = "failed-records.jsonl"
"""Every redrive list, below a directory of its own."""
LOOKBACK = "lookback/"
"""Beside `exports/` and not in it: readers who take everything below `exports/` must not find it there."""
_WINDOW = re.compile(r"(\d{8}T\d{6}\.\d{3}Z)_(\d{8}T\d{6}\.\d{3}Z)", re.ASCII)


def percent_encoded(name: str) -> str:
    """A study or table as a path segment: all but `[A-Za-z0-9._-]` as %XX of its UTF-8 bytes."""
    return quote(name, safe="", encoding="utf-8").replace("~", "%7E")


def directory(operation: Operation, window: Window | None) -> str:
    """The final prefix of an operation's files, ending in a slash.

    A normal run's is made of its window, so that the same window has the same names. A run that ignores the watermark
    has its operation's id there instead, and never overwrites an original. An override has no window: its `dt` is the
    day of acceptance.
    """
    folder = pair_folder(EXPORTS, Pair(operation.export or "", operation.study or ""))
    day = window.end if window is not None else operation.created_at
    return f"{folder}dt={day.astimezone(UTC):%Y-%m-%d}/{_leaf(operation, window)}/"


def _leaf(operation: Operation, window: Window | None) -> str:
    params = operation.params
    if params.get("redriveCount", 0) > 0 or operation.trigger == Trigger.REDRIVE:
        return f"redrive={operation.operation_id}"
    if params.get("override") is not None:
        return f"override={operation.operation_id}"
    if params.get("ignoreWatermark") or window is None:
        return f"reexport={operation.operation_id}"
    return f"{compact(window.start)}_{compact(window.end)}"


def window_of(key: str) -> Window | None:
    """The window that a final key of a normal run names; None for every other key."""
    segments = key.split("/")
    match = _WINDOW.fullmatch(segments[4]) if len(segments) > 5 else None
    try:
        return Window(parse_compact(match[1]), parse_compact(match[2])) if match else None
    except ValueError:
        return None


def pair_folder(root: str, pair: Pair) -> str:
    """Where a pair's objects are below `root`, EXPORTS or LOOKBACK; ends in a slash."""
    return f"{root}export={percent_encoded(pair.export)}/study={percent_encoded(pair.study)}/"


def pair_of(key: str) -> Pair | None:
    """The pair whose folder a key is in, or is; the inverse of `pair_folder`. None for other keys."""
    segments = key.split("/")
    if len(segments) < 4 or not (segments[1].startswith("export=") and segments[2].startswith("study=")):
        return None
    return Pair(unquote(segments[1].removeprefix("export=")), unquote(segments[2].removeprefix("study=")))


def memory_key(operation: Operation, end: datetime) -> str:
    """Where is kept what the window of this end, and those before it, exported within the look-back."""
    pair = Pair(operation.export or "", operation.study or "")
    return f"{pair_folder(LOOKBACK, pair)}{compact(end)}_{operation.operation_id}.jsonl.gz"


def work_prefix(operation_id: str) -> str:
    """Where an operation's private objects are, ending in a slash."""
    return f"{WORK}{operation_id}/"


def fenced_prefix(operation_id: str, fence: int) -> str:
    """Where the objects of one claim of an operation are; no other claim writes there."""
    return f"{WORK}{operation_id}/{fence:010d}/"


def plan_key(request_id: str, digest: str, study: str) -> str:
    """Where the record ids of an override are kept that belong to one study."""
    name = hashlib.sha256(study.encode()).hexdigest()[:32]
    return f"{WORK}requests/{_request(request_id, digest)}/{name}.json"


def nowhere_key(request_id: str, digest: str) -> str:
    """The redrive list of the ids of an override that were found nowhere."""
    return f"{FAILED}{_request(request_id, digest)}/{LIST_NAME}"


def _request(request_id: str, digest: str) -> str:
    return hashlib.sha256(f"{request_id}\x00{digest}".encode()).hexdigest()[:32]
