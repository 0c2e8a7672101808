"""Which columns a part has, where each takes its value from, and what the manifest says of its type."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tidegate.dates import read_iso, written
from tidegate.errors import FatalError
from tidegate.formats import MISSING, Column, UnwritableValueError
from tidegate.formats.wire import MALFORMED, values_of
from tidegate.instants import from_millis
from tidegate.model import AttributeValue, ColumnSpec, DateSpec, Definition, Record
from tidegate.paths import found_at, is_plain, roots
from tidegate.sources import time_type_of

ISO8601: Final = "iso8601"

_ATTEMPTS: Final = 8
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


def printable(value: object) -> str:
    """A name or a key in quotes, whatever is in it."""
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()


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
    if is_plain(path):
        found = [MISSING if (value := values.get(path)) is None else value for values in batch]
    else:
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
    everywhere = dict(_everywhere(names, batch))
    return [Column.of(name, everywhere.get(name) or _values(name, batch)) for name in names]


def _everywhere(
    names: Sequence[str], batch: Sequence[Mapping[str, AttributeValue]]
) -> Iterator[tuple[str, Sequence[AttributeValue]]]:
    """Each name that every record has, with their values; all of them at once, which takes half of the time.

    Few attributes are in some records only, and hardly ever only the last one lacks one: so it takes a few attempts, of
    which all but one end early. Where it does not, no name is known to be everywhere.
    """
    left = list(names)
    for _ in range(_ATTEMPTS):
        try:
            yield from zip(left, values_of(left, batch), strict=True)
        except KeyError as error:
            left = [name for name in left if name not in error.args]
        else:
            return


def _values(name: str, batch: Sequence[Mapping[str, AttributeValue]]) -> list[AttributeValue]:
    return [values.get(name, MISSING) for values in batch]


def have_all(columns: Sequence[Column], batch: Sequence[Mapping[str, AttributeValue]]) -> bool:
    """Whether columns, each an attribute of its own, surely have all that is in these records: a comparison of counts.

    It takes a tenth of the time that a look at all names does.
    """
    known = [len(batch) if column.contents is not None else sum(map(bool, column.values)) for column in columns]
    return sum(known) == sum(map(len, batch))


def contents(column: Column) -> tuple[frozenset[str], Callable[[], Iterator[Any]]]:
    """The kinds of a column's values, and what is in those that are not null."""

    def values() -> Iterator[Any]:
        for value in column.values:
            if value and "NULL" not in value:
                yield from value.values()

    return column.kinds, values


class ColumnOrder:
    """Which columns a part has, in which order, and which attributes have a place there.

    With a list they are those of the list, and where unknown ones are appended, these behind it by name. Without one:
    the record's key, its time, then the others by name. Key and time are there even if no record has them, so that the
    first columns never move, unless the source's projection leaves them out. Where the source has an order of its own
    (`lead`), its columns come first, all of them.
    """

    def __init__(self, definition: Definition, key_names: Sequence[str]) -> None:
        source = definition.source
        self._export = definition.export
        self._first = tuple(dict.fromkeys((*key_names, source.time_key) if source.time_key else key_names))
        self._always = frozenset(n for n in self._first if not source.projection or n in source.projection)
        self._listed = tuple(column.name for column in definition.columns or ())
        # An attribute that the definition names anywhere is no unknown one.
        paths = [column.path for column in definition.columns or () if column.path is not None]
        elsewhere = (*self._first, source.partition_key, *definition.table_by, *(source.filter or ()))
        self._named = frozenset((*(name for path in paths for name in roots(path)), *elsewhere))
        self.is_open = not self._listed or definition.unknown_columns == "append"
        self._is_strict = bool(self._listed) and definition.unknown_columns == "fail"

    def known(self, names: Sequence[str]) -> frozenset[str]:
        """The attributes that a record of a part with these columns may have, where not every record will do."""
        return self._named.union(names[len(self._listed) :]) if self._listed else frozenset(names)

    def check(self, records: Iterable[Record]) -> None:
        """Raises FatalError UNKNOWN_COLUMN for the first record with an attribute that a strict list does not have."""
        if not self._is_strict:
            return
        for record in records:
            if not record.values.keys() <= self._named:
                raise self._unknown(record)

    def _unknown(self, record: Record) -> FatalError:
        column = min(record.values.keys() - self._named)
        which = printable(record.key[0] if len(record.key) == 1 else record.key)
        # Ids of records are in the remedy, which the history, being kept for ever, leaves out.
        return FatalError(
            f"A record has the attribute {printable(column)}, which the columns of export {self._export} do not name,"
            " and its unknownColumns is fail.",
            code="UNKNOWN_COLUMN",
            remedy=f"It is in the record {which}, for one. Nothing was delivered. Name it in columns, or set"
            " unknownColumns to append or ignore; the next export then covers this window too.",
        )

    def lead(self, names: Sequence[str]) -> None:
        """Put these columns first, in this order, whether a record has them or not."""
        self._first = tuple(names)
        self._always = frozenset(names)

    def of(self, seen: Collection[str]) -> tuple[str, ...]:
        """The columns of a part in which these attributes occurred; there is one at least unless nothing is known.

        Raises FatalError COLUMN_NAME_TAKEN where one that is to be appended is called like a column of the list.
        """
        if self._listed:
            appended = sorted(set(seen) - self._named) if self.is_open else []
            taken = next((name for name in appended if name in self._listed), None)
            if taken is not None:
                raise self._taken(taken)
            return (*self._listed, *appended)
        present = self._always.union(seen) or self._first
        return (*(n for n in self._first if n in present), *sorted(n for n in present if n not in self._first))

    def _taken(self, name: str) -> FatalError:
        return FatalError(
            f"The attribute {printable(name)} cannot be appended to the columns of export {self._export}: one of these"
            " has that name.",
            code="COLUMN_NAME_TAKEN",
            remedy="Name the attribute in columns, with another name (as) for one of the two; the next export then"
            " covers this window too.",
        )
