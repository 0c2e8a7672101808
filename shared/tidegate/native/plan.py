"""What the library is told before any page: attributes, columns, and the texts around each value."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring as json_string
from typing import Any, Final

from tidegate.dialects import QUOTINGS, RFC_4180, Dialect
from tidegate.immutable import dataclass
from tidegate.native.library import (
    CSV,
    DIALECT,
    JSON,
    NAMES,
    NOTATIONS,
    OTHER,
    PACK,
    SHOWN,
    SLACK,
    TYPED,
    PathStep,
    Plan,
    PlannedAttribute,
    PlannedColumn,
    PlannedPath,
    Text,
)
from tidegate.native.spec import ByTable, Constant, Inside, ItemSpec, Origin, RowSpec
from tidegate.parquet.columntypes import INT64, column_type


@dataclass(frozen=True, slots=True)
class _Ends:
    """What stands before and after each record, and between two."""

    mode: int
    before: bytes
    after: bytes
    between: bytes

    @classmethod
    def of(cls, rows: RowSpec) -> _Ends:
        """Those of such rows."""
        if rows.format in _FORMATS:
            return _FORMATS[rows.format]
        layout = rows.dialect
        plain = Dialect(line_end=layout.line_end, bom=layout.bom, header=layout.header)
        return cls(CSV if layout == plain else DIALECT, b"", layout.line_end.encode(), b"")


_FORMATS: Final[Mapping[str, _Ends]] = {
    "JSON": _Ends(JSON, b"\n", b"", b","),
    "JSONL": _Ends(JSON, b"", b"\n", b""),
    "Parquet": _Ends(TYPED, b"", b"", b""),
}
FORMATS: Final = ("CSV", "TSV", *_FORMATS)
"""The formats that the library writes."""
_PACKED: Final = _Ends(PACK, b"", b"", b"")
_NAMES: Final = _Ends(NAMES, b"", b"", b"")
_NOT_IN_ANY_PAGE: Final = b"\xff"
"""A name that no UTF-8 text contains, for attributes whose values shall not be found."""


class _Attributes:
    """The attributes that a plan mentions, numbered by their place in `names`, and what becomes of each."""

    def __init__(
        self, items: ItemSpec, rows: RowSpec | None, shown: frozenset[str] | None, tables: tuple[str, ...]
    ) -> None:
        origins = () if rows is None else tuple(origin for _, origin in rows.columns)
        others = rows is None or rows.others
        ignored = frozenset() if rows is None or others else rows.ignored
        copied = [origin for origin in origins if isinstance(origin, str)]
        led_into = [name for origin in origins if isinstance(origin, Inside) for name in origin.roots]
        mentioned = (*items.key, items.time, *(items.owner or ())[:1], *copied, *led_into, *tables, *(shown or ()))
        self.names = list(dict.fromkeys((*mentioned, *ignored)))
        welcome = ignored.union(copied)
        self.roles = [_roles(name, shown, others=others or name in welcome) for name in self.names]
        self.unknown_roles = _roles(None, shown, others=others)
        self.number = {name: number for number, name in enumerate(self.names)}
        hidden = len(self.names)
        self.shown_number = {n: at if self.roles[at] & SHOWN else hidden for n, at in self.number.items()}
        """The number; of one that records do not show that of an attribute which no item has, behind all others."""
        self.most_uses = max(Counter((*copied, *led_into)).values(), default=0)
        """In so many columns one attribute is at most, itself or by a path."""


class PreparedPlan:
    """A plan in memory that C can read, with all that it points to."""

    def __init__(
        self,
        items: ItemSpec,
        rows: RowSpec | None,
        shown: frozenset[str] | None,
        without_rows: _Ends,
        tables: tuple[str, ...] = (),
    ) -> None:
        ends = without_rows if rows is None else _Ends.of(rows)
        dialect = RFC_4180 if rows is None else rows.dialect
        columns = () if rows is None else rows.columns
        known = _Attributes(items, rows, shown, tables)
        self._kept: list[Any] = []
        self.names = known.names
        self.written_order = _written_order(ends, columns)
        """Numbers of the columns in the order in which a record's bytes have them."""
        self.constant_kinds = [origin.kinds if isinstance(origin, Constant) else None for _, origin in columns]
        """Of each column that is a constant."""
        self.key_count = len(items.key)
        self.column_count = len(columns)
        self.has_tables = bool(tables)
        before = [_before(ends, name, origin) for name, origin in columns]
        marks = [None if mark is None else mark.encode() for mark in (dialect.null_text, dialect.missing_text)]
        longest_mark = max(len(mark or b"") for mark in marks)
        self.fixed = 256 + sum(map(len, before)) + (24 + longest_mark) * len(columns) + 8 * len(items.key)
        written = [self._column(columns[n][1], before[n], _type(rows, n), known) for n in self.written_order]
        attributes = [(_as_in_pages(n), roles) for n, roles in zip(known.names, known.roles, strict=True)]
        attributes.append((_NOT_IN_ANY_PAGE, 0))
        self._plan = Plan(
            mode=ends.mode,
            guard=rows is not None and rows.formula_guard,
            unknown_roles=known.unknown_roles,
            time=known.number[items.time],
            notation=NOTATIONS[items.time_type],
            owner=known.number[items.owner[0]] if items.owner else -1,
            owner_text=self._mark(items.owner[1].encode(errors="surrogatepass") if items.owner else None),
            key_count=len(items.key),
            attribute_count=len(attributes),
            column_count=len(columns),
            table_count=len(tables),
            key=_numbers(known.number[name] for name in items.key),
            attributes=_array(PlannedAttribute, [PlannedAttribute(self._text(n), roles) for n, roles in attributes]),
            columns=_array(PlannedColumn, written),
            table=_numbers(known.shown_number[name] for name in tables),
            open=self._text(ends.before),
            close=self._text(ends.after),
            separator=self._text(ends.between),
            delimiter=ord(dialect.delimiter),
            quoting=QUOTINGS.index(dialect.quoting),
            null_text=self._mark(marks[0]),
            missing_text=self._mark(marks[1]),
            fixed=self.fixed,
            # A nested value in CSV has its quotes doubled; a packed record has its key twice.
            growth=2 * known.most_uses if rows is not None else 1 + len(items.key),
        )
        self.pointer = ctypes.pointer(self._plan)

    def _column(self, origin: Origin, before: bytes, typed: tuple[int, int, int], known: _Attributes) -> PlannedColumn:
        number = known.shown_number[origin] if isinstance(origin, str) else -1
        path = self._path(origin, known.shown_number) if isinstance(origin, Inside) else None
        return PlannedColumn(number, self._text(before), path, *typed)

    def _text(self, text: bytes) -> Text:
        padded = text + bytes(SLACK)
        self._kept.append(padded)
        return Text(padded, len(text))

    def _path(self, path: Inside, shows: Mapping[str, int]) -> Any:
        """A pointer to the path for C, whose first step is the number of an attribute."""
        steps = (PathStep * len(path.steps))()
        for number, (text, name, places) in enumerate(path.steps):
            self._kept.append(kept := _numbers(places))
            steps[number] = PathStep(self._text(_meant(text)), self._text(_meant(name)), len(places), kept)
        self._kept.append(steps)
        text, name, _ = path.steps[0]
        return ctypes.pointer(PlannedPath(shows[path.whole], shows[text], shows[name], len(path.steps), steps))

    def _mark(self, text: bytes | None) -> Text:
        return Text(None, -1) if text is None else self._text(text)


def _numbers(numbers: Iterable[int]) -> Any:
    listed = tuple(numbers)
    return (ctypes.c_int64 * len(listed))(*listed)


def _array(kind: Any, members: Sequence[ctypes.Structure]) -> Any:
    return (kind * len(members))(*members)


def _type(rows: RowSpec | None, number: int) -> tuple[int, int, int]:
    """Of a column of typed rows, as `_typed` has it."""
    return (0, 0, 0) if rows is None or not rows.types else _typed(rows.types[number])


def plan_of_pages(items: ItemSpec, target: RowSpec | ByTable | None) -> PreparedPlan:
    """For pages: records show what the specification says. Raises UnicodeEncodeError as RowSpec has it."""
    if isinstance(target, ByTable):
        return PreparedPlan(items, None, items.shown, _PACKED, target.attributes)
    return PreparedPlan(items, target, items.shown, _PACKED)


def plan_of_lines(items: ItemSpec, target: RowSpec | ByTable | None) -> PreparedPlan:
    """For packed records, which hold nothing but what they show. Raises UnicodeEncodeError as RowSpec has it.

    Without rows they are only looked at, for the attributes in them.
    """
    return PreparedPlan(items, None if isinstance(target, ByTable) else target, None, _NAMES)


_TEXT, _BINARY, _BOOLEAN, _SHORT, _LONG, _INSTANT = range(6)
"""The types of typed.h."""
_SHORT_DIGITS: Final = 18
_MOST_POWER: Final = 19


def writes_dialect(dialect: Dialect) -> bool:
    """Whether the library writes rows in this dialect: where a single byte stands between cells, and all is Unicode."""
    marks = f"{dialect.null_text or ''}{dialect.missing_text or ''}"
    return dialect.delimiter.isascii() and marks == marks.encode(errors="ignore").decode()


def writes_type(text: str) -> bool:
    """Whether the library writes values of this type of column."""
    column = column_type(text)
    return column.kind not in ("double", "date") and column.scale <= _MOST_POWER


def _typed(text: str) -> tuple[int, int, int]:
    """Type, digits and scale of a column for typed.h."""
    column = column_type(text)
    if column.kind == "decimal":
        return _SHORT if column.physical == INT64 else _LONG, column.precision, column.scale
    if column.notation == "iso8601":
        return _INSTANT, -1 if column.fraction is None else column.fraction, 0
    if column.physical == INT64:
        return _SHORT, _SHORT_DIGITS, {"epochMillis": 3, "epochSeconds": 6}.get(column.notation, 0)
    return {"binary": _BINARY, "boolean": _BOOLEAN}.get(column.kind, _TEXT), 0, 0


def _before(ends: _Ends, name: str, origin: Origin) -> bytes:
    if isinstance(origin, Constant):
        return origin.text
    return f",{json_string(name)}:".encode() if ends.mode == JSON else b""


def _written_order(ends: _Ends, columns: Sequence[tuple[str, Origin]]) -> list[int]:
    numbers = range(len(columns))
    return sorted(numbers, key=lambda number: columns[number][0]) if ends.mode == JSON else list(numbers)


def _roles(name: str | None, shown: frozenset[str] | None, *, others: bool) -> int:
    """Of an attribute; None is one whose name no specification mentions."""
    if shown is not None and name not in shown:
        return 0
    return SHOWN if others else SHOWN | OTHER


def _meant(name: str) -> bytes:
    """A member's name, which is compared with what the names in a page mean."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        return _NOT_IN_ANY_PAGE


def _as_in_pages(name: str) -> bytes:
    """The name's bytes in a page; where it has escapes there the library refuses the page."""
    try:
        plain = name.encode()
    except UnicodeEncodeError:
        return _NOT_IN_ANY_PAGE
    return plain if json_string(name).encode() == b'"%b"' % plain else _NOT_IN_ANY_PAGE
