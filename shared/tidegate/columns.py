"""Which columns a part has, where each takes its value from, and what the manifest says of its type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tidegate.dates import read_iso, written
from tidegate.formats import MISSING, Column, UnwritableValueError
from tidegate.formats.wire import MALFORMED
from tidegate.instants import from_millis
from tidegate.model import AttributeValue, ColumnSpec, DateSpec, Definition
from tidegate.paths import found_at
from tidegate.sources import time_type_of

ISO8601: Final = "iso8601"

_TYPES: Final = {
    "S": "string",
    "N": "number",
    "BOOL": "boolean",
    "B": "binary",
    "L": "list",
    "M": "map",
    "SS": "stringSet",
    "NS": "numberSet",
    "BS": "binarySet",
}


def type_of(kinds: Iterable[str]) -> str:
    """The manifest's type of a column in which these kinds of values occurred; nulls count only where all are null."""
    others = set(kinds) - {"NULL"}
    if not others:
        return "null"
    return _TYPES.get(others.pop(), "mixed") if len(others) == 1 else "mixed"


def value_at(values: Mapping[str, AttributeValue], path: str) -> AttributeValue:
    """The value that a path such as `answers.q1` or `visits[0].site` leads to, MISSING where there is none."""
    found = found_at(values, path)
    return MISSING if found is None else found


def selected(columns: Sequence[ColumnSpec], batch: Sequence[Mapping[str, AttributeValue]]) -> list[Column]:
    """The columns that a definition asks for, of a batch of records; facts of the request have become constants.

    Raises UnwritableValueError where what has to be written as a date is no time.
    """
    return [_selected(column, batch) for column in columns]


def _selected(column: ColumnSpec, batch: Sequence[Mapping[str, AttributeValue]]) -> Column:
    path, date = column.path, column.date
    if path is None:
        constant = MISSING if column.constant is None else column.constant
        return Column(column.name, [constant] * len(batch), frozenset(constant))
    found = [value_at(values, path) for values in batch]
    if date is None:
        return Column.of(column.name, found)
    dated = []
    for index, value in enumerate(found):
        try:
            dated.append(_dated(value, date))
        except MALFORMED:
            raise UnwritableValueError(index, column.name, f"holds what is no time{_in(date)}") from None
    return Column.of(column.name, dated)


def _dated(value: AttributeValue, date: DateSpec) -> AttributeValue:
    """A time as text; null and missing stay what they are. Raises one of MALFORMED for everything else."""
    if not value:
        return MISSING
    if "NULL" in value:
        return value
    unit = date.unit or ("epochMillis" if "N" in value else ISO8601)
    at = read_iso(value.get("S", "")) if unit == ISO8601 else from_millis(time_type_of(unit).millis(value))
    return {"S": written(at, date.pattern, date.zone)}


def _in(date: DateSpec) -> str:
    return f" in {date.unit}" if date.unit else ""


def named(names: Sequence[str], batch: Sequence[Mapping[str, AttributeValue]]) -> list[Column]:
    """The attributes of these names as columns, of a batch of records."""
    return [Column.of(name, [values.get(name, MISSING) for values in batch]) for name in names]


class ColumnOrder:
    """The order of columns where a definition has no list: the record's key, its time, then the others by name.

    Key and time are there even if no record has them, so that the first columns never move, unless the source's
    projection leaves them out.
    """

    def __init__(self, definition: Definition, key_names: Sequence[str]) -> None:
        self._first = tuple(dict.fromkeys((*key_names, definition.source.time_key)))
        projected = definition.source.projection
        self._always = frozenset(name for name in self._first if not projected or name in projected)

    def of(self, seen: Collection[str]) -> tuple[str, ...]:
        """The columns of a part in which these attributes occurred; there is always at least one."""
        present = self._always.union(seen) or self._first
        return (*(n for n in self._first if n in present), *sorted(n for n in present if n not in self._first))
