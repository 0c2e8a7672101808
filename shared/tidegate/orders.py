"""Orders: what a command asks of the intake function that a message cannot say, because its fields are fixed.

To repeat an operation's own window for some tables with its own definition (`{"redrive": ...}`), to export the records
of its redrive list again (`{"redriveRecords": ...}`), and to give a failed one another try (`{"retry": ...}`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from tidegate.errors import RejectedError
from tidegate.immutable import dataclass
from tidegate.model import DEFAULT_EXPORT, ExportType, Operation, Request
from tidegate.redrive import LONGEST_TAG, tag_of_redrive


class Unknown(StrEnum):
    """What a person says of e-mails whose answers got lost."""

    SENT = "sent"
    RESEND = "resend"


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
class RecordsOrder:
    """Export the records again that an operation could not export; `tables` empty for those that it had."""

    operation_id: str
    request_id: str
    tables: tuple[str, ...] = ()
    tag: str | None = None
    actor: str | None = None

    def payload(self) -> dict[str, Any]:
        """The payload for the intake function."""
        tables = list(self.tables) or None
        order = {"operationId": self.operation_id, "tables": tables, "tag": self.tag, "actor": self.actor}
        return {"redriveRecords": _present(order), "requestId": self.request_id}


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """Give a failed operation another try.

    `dispatch` is the number of messages it had when the order was made: an order that is delivered twice is carried
    out once. `delivery_only` refuses unless the window is sealed, so that the try reads no source. `send` is False
    where its own message is about to be sent again from the dead letters. `unknown` says what became of e-mails whose
    answers got lost.
    """

    operation_id: str
    dispatch: int
    delivery_only: bool = False
    send: bool = True
    actor: str | None = None
    unknown: Unknown | None = None

    def payload(self) -> dict[str, Any]:
        """The payload for the intake function."""
        order = {
            "operationId": self.operation_id,
            "dispatch": self.dispatch,
            "deliveryOnly": self.delivery_only,
            "send": self.send,
            "actor": self.actor,
            "unknown": None if self.unknown is None else str(self.unknown),
        }
        return {"retry": _present(order)}


Order: TypeAlias = TablesOrder | RecordsOrder | RetryOrder


def is_order(event: Mapping[str, Any]) -> bool:
    """Whether an event of the intake function is an order, and not a request or a schedule's payload."""
    return not event.keys().isdisjoint(("redrive", "redriveRecords", "retry"))


def order_of(event: Mapping[str, Any]) -> Order:
    """The order of an event. Raises RejectedError that names the field that is wrong."""
    try:
        json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RejectedError("The order holds an unpaired surrogate.", code="MALFORMED") from None
    if "retry" in event:
        _check_names("", event, {"retry"})
        order = _object(
            event["retry"], "retry", {"operationId", "dispatch", "deliveryOnly", "send", "actor", "unknown"}
        )
        return RetryOrder(
            _text(order, "operationId"),
            _value(order, "dispatch", int),
            delivery_only=_value(order, "deliveryOnly", bool, default=False),
            send=_value(order, "send", bool, default=True),
            actor=_optional_text(order, "actor"),
            unknown=_answer(order),
        )
    name = "redrive" if "redrive" in event else "redriveRecords"
    _check_names("", event, {name, "requestId"})
    order = _object(event[name], name, {"operationId", "tables", "tag", "actor"})
    operation_id, request_id = _text(order, "operationId"), _text(event, "requestId")
    tag, actor = _optional_text(order, "tag"), _optional_text(order, "actor")
    if name == "redrive":
        return TablesOrder(operation_id, _tables(order), request_id, tag, actor)
    return RecordsOrder(operation_id, request_id, _tables(order) if "tables" in order else (), tag, actor)


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


def records_request(operation: Operation, order: RecordsOrder) -> Request:
    """The request that exports an operation's failed records again, by the ids in its redrive list.

    Raises RejectedError where it has no such list.
    """
    tables = order.tables or operation.params.get("tables")
    return Request(
        export=operation.export or DEFAULT_EXPORT,
        export_type=None,
        end=None,
        start=None,
        ignore_watermark=True,
        studies=(operation.study,) if operation.study else None,
        tables=tuple(tables) if tables else None,
        override=redrive_list(operation),
        tag=tag_of_redrive(operation.tag) if order.tag is None else order.tag,
        request_id=order.request_id,
        redrive_count=int(operation.params.get("redriveCount", 0)) + 1,
    )


def redrive_list(operation: Operation) -> str:
    """The key of the list of an operation's failed records. Raises RejectedError where it has none."""
    key = ((operation.result or {}).get("failedRecords") or {}).get("key")
    if key is None:
        raise RejectedError(
            f"The operation {operation.operation_id} ({operation.state}) has no list of failed records.",
            code="NO_FAILED_RECORDS",
            remedy="If it failed as a whole, retry it: "
            f"'tidegate redrive operation {operation.operation_id}'. Else there is nothing to redrive.",
        )
    return str(key)


def _tables(order: Mapping[str, Any]) -> tuple[str, ...]:
    tables = _value(order, "tables", list)
    if not tables or not all(isinstance(table, str) and table for table in tables):
        raise RejectedError("tables must be a list of names, with one at least.", remedy="Name the tables.")
    return tuple(dict.fromkeys(tables))


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


def _answer(fields: Mapping[str, Any]) -> Unknown | None:
    given = _optional_text(fields, "unknown")
    if given is not None and given not in list(Unknown):
        raise RejectedError(f"unknown must be one of {', '.join(Unknown)}.")
    return None if given is None else Unknown(given)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_TAG:
        raise RejectedError(f"{name} must be a text of 1 to {LONGEST_TAG} characters.")
    return value


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)
