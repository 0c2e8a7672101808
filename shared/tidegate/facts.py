"""What a column can say of its request: facts that were frozen at acceptance, or with the window.

So they are the same in every pass of an operation and in every attempt, and its parts keep their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tidegate.dates import written
from tidegate.model import AttributeValue, ColumnSpec, Operation, Window

_TABLE: Final = "table"
_TEXTS: Final[Mapping[str, Callable[[Operation], str | None]]] = {
    "study": lambda operation: operation.study,
    "export": lambda operation: operation.export,
    "tag": lambda operation: operation.tag,
    "exportType": lambda operation: operation.export_type,
    "operationId": lambda operation: operation.operation_id,
    "requestId": lambda operation: operation.request_id,
}
_TIMES: Final[Mapping[str, Callable[[Operation, Window | None], datetime | None]]] = {
    "windowStart": lambda _, window: window.start if window else None,
    "windowEnd": lambda _, window: window.end if window else None,
    "windowDate": lambda _, window: window.end if window else None,
    "exportDate": lambda operation, _: operation.created_at,
}


def bound(columns: Sequence[ColumnSpec], operation: Operation, window: Window | None) -> tuple[ColumnSpec, ...]:
    """The columns with the facts of this operation as constants; the table's name stays open for `of_table`.

    What an operation does not have (an override's window and type) is no value.
    """
    return tuple(replace(c, constant=_value(c, operation, window)) if c.fact else c for c in columns)


def of_table(columns: Sequence[ColumnSpec], table: str) -> tuple[ColumnSpec, ...]:
    """The columns in the parts of a table; "" is no table, and no value."""
    named = _text(table or None)
    return tuple(replace(c, constant=named) if c.fact == _TABLE else c for c in columns)


def _value(column: ColumnSpec, operation: Operation, window: Window | None) -> AttributeValue | None:
    fact = column.fact or ""
    if fact in _TEXTS:
        return _text(_TEXTS[fact](operation))
    if fact not in _TIMES or column.date is None:
        return None
    at = _TIMES[fact](operation, window)
    return _text(None if at is None else written(at, column.date.pattern, column.date.zone))


def _text(text: str | None) -> AttributeValue:
    return {} if text is None else {"S": str(text)}
