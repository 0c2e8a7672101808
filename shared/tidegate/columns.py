"""Which columns a part has, where each takes its value from, and what the manifest says of its type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from tidegate.formats import MISSING, Column
from tidegate.model import AttributeValue, ColumnSpec, Definition

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
    """The value at a path such as `answers.q1`, MISSING where there is none.

    An attribute whose own name is the whole path wins; otherwise each step but the last has to be a map. What is no
    value in wire form has nothing below it.
    """
    found = values.get(path)
    if found is not None or "." not in path:
        return MISSING if found is None else found
    inside: Any = values
    *maps, last = path.split(".")
    for step in maps:
        outer = inside.get(step)
        inside = outer.get("M") if isinstance(outer, Mapping) else None
        if not isinstance(inside, Mapping):
            return MISSING
    found = inside.get(last)
    return MISSING if found is None else found


def selected(columns: Sequence[ColumnSpec], batch: Sequence[Mapping[str, AttributeValue]]) -> list[Column]:
    """The columns that a definition asks for, of a batch of records."""
    return [Column.of(column.name, [value_at(values, column.path) for values in batch]) for column in columns]


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
