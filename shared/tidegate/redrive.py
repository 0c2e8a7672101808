"""What a redrive asks for (SPEC 10): pure builders of request messages, and the orders that intake takes directly.

A redrive of records or of a window is a request message like anyone's. What a message cannot say, because its fields
are fixed, is an order to the intake function: to repeat an operation's own window with its own definition
(`{"redrive": ...}`), and to give a failed operation another try under its own id (`{"retry": ...}`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import NO_TAG, ExportType, Operation, Request, Window
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


@dataclass(frozen=True, slots=True)
class TablesOrder:
    """Export some tables of an operation's own window again."""

    operation_id: str
    tables: tuple[str, ...]
    request_id: str
    tag: str | None = None
    actor: str | None = None

    def payload(self) -> dict[str, Any]:
        """The payload for the intake function."""
        order = {"operationId": self.operation_id, "tables": list(self.tables), "tag": self.tag, "actor": self.actor}
        return {"redrive": _present(order), "requestId": self.request_id}


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """Give a failed operation another try.

    `dispatch` is the number of messages it had when the order was made: an order that is delivered twice is carried
    out once. `delivery_only` refuses unless the window is sealed, so that the try reads no source. `send` is False
    where its own message is about to be sent again from the dead letters.
    """

    operation_id: str
    dispatch: int
    delivery_only: bool = False
    send: bool = True
    actor: str | None = None

    def payload(self) -> dict[str, Any]:
        """The payload for the intake function."""
        order = {
            "operationId": self.operation_id,
            "dispatch": self.dispatch,
            "deliveryOnly": self.delivery_only,
            "send": self.send,
            "actor": self.actor,
        }
        return {"retry": _present(order)}


def is_order(event: Mapping[str, Any]) -> bool:
    """Whether an event of the intake function is an order, and not a request or a schedule's payload."""
    return "redrive" in event or "retry" in event


def order_of(event: Mapping[str, Any]) -> TablesOrder | RetryOrder:
    """The order of an event. Raises RejectedError that names the field that is wrong."""
    if "retry" in event:
        _check_names("", event, {"retry"})
        order = _object(event["retry"], "retry", {"operationId", "dispatch", "deliveryOnly", "send", "actor"})
        return RetryOrder(
            _text(order, "operationId"),
            _value(order, "dispatch", int),
            delivery_only=_value(order, "deliveryOnly", bool, default=False),
            send=_value(order, "send", bool, default=True),
            actor=_optional_text(order, "actor"),
        )
    _check_names("", event, {"redrive", "requestId"})
    order = _object(event["redrive"], "redrive", {"operationId", "tables", "tag", "actor"})
    tables = _value(order, "tables", list)
    if not tables or not all(isinstance(table, str) and table for table in tables):
        raise RejectedError("tables must be a list of names, with one at least.", remedy="Name the tables.")
    return TablesOrder(
        _text(order, "operationId"),
        tuple(dict.fromkeys(tables)),
        _text(event, "requestId"),
        _optional_text(order, "tag"),
        _optional_text(order, "actor"),
    )


def tables_request(operation: Operation, order: TablesOrder) -> Request:
    """The request that repeats an operation's own window for some tables, and leaves the watermark alone.

    Raises RejectedError where the operation has no window to repeat.
    """
    if operation.export is None or operation.study is None:
        raise RejectedError(
            f"The operation {operation.operation_id} exported nothing: it belongs to no study.",
            code="NO_WINDOW",
            remedy="Name the operation of a study; 'tidegate operations list' shows them.",
        )
    if operation.window is None or operation.window.empty:
        override = operation.params.get("override") is not None
        raise RejectedError(
            f"The operation {operation.operation_id} has no window to repeat"
            + (": it exported records by their ids." if override else f" (it is {operation.state})."),
            code="NO_WINDOW",
            remedy="Redrive its records instead."
            if override
            else "A window is found when an operation begins: wait for that, retry it, or redrive a window.",
        )
    return Request(
        export=operation.export,
        export_type=ExportType(operation.export_type or ExportType.INSTANT),
        end=operation.window.end,
        start=operation.window.start,
        ignore_watermark=True,
        studies=(operation.study,),
        tables=order.tables,
        override=None,
        tag=tag_of_redrive(operation.tag) if order.tag is None else order.tag,
        request_id=order.request_id,
        redrive_count=int(operation.params.get("redriveCount", 0)) + 1,
    )


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


def _object(value: Any, name: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RejectedError(f"{name} must be an object.")
    _check_names(f"{name}.", value, known)
    return value


def _check_names(path: str, fields: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise RejectedError(f"{path}{unknown[0][:80]} is no field of an order.", code="UNKNOWN_FIELD")


def _value(fields: Mapping[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = fields.get(name, default)
    if type(value) is not kind:
        raise RejectedError(f"{name} must be of type {kind.__name__}.")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_TAG:
        raise RejectedError(f"{name} must be a text of 1 to {LONGEST_TAG} characters.")
    return value


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)
