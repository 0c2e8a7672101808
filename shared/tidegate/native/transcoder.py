"""Pages and packed lines to rows, by the native library: what goes in, what comes out, and the buffers between."""

from __future__ import annotations

import ctypes
import json
from base64 import b64decode
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Final, TypeAlias

from tidegate.immutable import dataclass
from tidegate.native.library import (
    DONE,
    KINDS,
    MOST_TABLES,
    OTHER_COLUMN,
    SHORT_OF_NAMES,
    SHORT_OF_OUT,
    SHORT_OF_RECORDS,
    Library,
    Outcome,
    Room,
    library,
)
from tidegate.native.plan import PreparedPlan, plan_of_lines, plan_of_pages
from tidegate.native.spec import ByTable, ItemSpec, RowSpec

_MOST_TRIES: Final = 10
"""Each with larger buffers, up to 512 times the first, which is nearly always enough."""
_TELLING: Final = 1 << 16
"""Bytes from which on a page tells what the next ones will be like."""
_MOST_BYTES_PER_BYTE: Final = 4.0
_NUMBERS_A_TABLE: Final = 5
"""`table_lines` in call.h."""
_SMALLEST_TIME, _LARGEST_TIME = -(1 << 63), (1 << 63) - 1

WireKey: TypeAlias = dict[str, dict[str, Any]]


class Refusal(Enum):
    """Why a page was not transcribed; nothing of it was."""

    UNEXPECTED = "unexpected"
    """It is not exactly in the grammar, or holds what the reference treats in a special way."""
    OTHER_COLUMN = "otherColumn"
    """A record has an attribute that is no column, and the specification asks to stop at such."""


@dataclass(frozen=True, slots=True)
class TableLines:
    """The packed lines of a page's records that are in one table; `ends` counts from the first of them."""

    table: str
    data: memoryview[int]
    ends: memoryview[int]


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a page in their order, written; no Python object was made for any of them.

    `data` holds the rows with the format's separator between them; `ends` has for each the offset behind it, before
    the separator. `times` are milliseconds (empty where they came from lines). `kinds` has, for each column in the
    given order, the kinds of values that occurred; `seen` (packed lines only) the attributes that occurred. With
    ByTable `tables` has for each record the number of its table in `by_table`, where these are by their first
    record; `data` and `ends` are one table's behind the other's then.
    `first_millis` is the time of the page's first item, kept or not; `items` counts all, `count` those that were kept.
    `capacity` is the page's ConsumedCapacity.
    """

    data: bytearray
    count: int
    ends: memoryview[int]
    times: memoryview[int]
    kinds: list[frozenset[str]]
    seen: frozenset[str]
    first_millis: int | None
    last_key: WireKey | None
    items: int
    capacity: dict[str, Any] | None
    _input: bytes
    _keys: memoryview[int]
    _key_count: int
    tables: memoryview[int]
    by_table: tuple[TableLines, ...]

    def identities(self, start: int = 0) -> list[tuple[str, ...]]:
        """The keys of the records from this number on, as text: S and N as they are, B in base64."""
        places, body = iter(self._keys[2 * self._key_count * start :].tolist()), self._input
        texts = [
            body[offset : offset + size].decode() if size >= 0 else self._unescaped(offset, -1 - size)
            for offset, size in zip(places, places, strict=True)
        ]
        return list(zip(*(texts[part :: self._key_count] for part in range(self._key_count)), strict=True))

    def _unescaped(self, offset: int, size: int) -> str:
        text: str = json.loads(b'"%b"' % self._input[offset : offset + size])
        return text


class Transcoder:
    """Turns pages of one source into rows of one set of columns, or packs them. Threads may share one.

    Raises UnusableLibraryError where there is no library: ask `available` first.
    """

    def __init__(self, items: ItemSpec, target: RowSpec | ByTable | None, *, native: Library | None = None) -> None:
        self._library = native or library()
        self._pages = plan_of_pages(items, target)
        self._lines = plan_of_lines(items, target)
        self._records_per_byte = 1 / 256
        self._bytes_per_byte = 1.25
        self._names = 256

    def page(self, body: bytes, low: int, high: int) -> Rows | Refusal:
        """The records of a Query's or Scan's answer with low <= time < high, in milliseconds."""
        low, high = max(low, _SMALLEST_TIME), min(high, _LARGEST_TIME)

        def call(plan: PreparedPlan, room: Room, outcome: Outcome) -> None:
            self._library.page(plan.pointer, body, len(body), low, high, room, outcome)

        return self._transcribed(self._pages, body, call, timed=True)

    def lines(self, packed: bytes) -> Rows | Refusal:
        """The records of lines that pack mode wrote, or `tidegate.packing`: all that they hold is shown.

        Without columns nothing is written, and the answer tells which attributes occur in them.
        """

        def call(plan: PreparedPlan, room: Room, outcome: Outcome) -> None:
            self._library.lines(plan.pointer, packed, len(packed), room, outcome)

        return self._transcribed(self._lines, packed, call, timed=False)

    def _transcribed(
        self, plan: PreparedPlan, body: bytes, call: Callable[[PreparedPlan, Room, Outcome], None], *, timed: bool
    ) -> Rows | Refusal:
        """Calls until the buffers are large enough."""
        out_size = int(len(body) * self._bytes_per_byte) + plan.fixed + 4096
        records = int(len(body) * self._records_per_byte) + 64
        names = self._names
        outcome = Outcome()
        first = out_size, records, names
        for _ in range(_MOST_TRIES):
            buffers = _Buffers(plan, out_size, records, names)
            call(plan, buffers.room, outcome)
            if outcome.status == SHORT_OF_OUT:
                out_size *= 2
            elif outcome.status == SHORT_OF_RECORDS:
                records *= 4
            elif outcome.status == SHORT_OF_NAMES:
                names *= 4
            else:
                break
        if outcome.status != DONE:
            return Refusal.OTHER_COLUMN if outcome.status == OTHER_COLUMN else Refusal.UNEXPECTED
        if first != (out_size, records, names) and len(body) >= _TELLING:
            self._learn(out_size / len(body), 1.25 * outcome.count / len(body), names)
        return buffers.rows(plan, outcome, body, timed=timed)

    def _learn(self, bytes_per_byte: float, records_per_byte: float, names: int) -> None:
        """Keeps what sufficed, so that the next page takes one call. Of two threads either may win."""
        self._bytes_per_byte = max(self._bytes_per_byte, min(bytes_per_byte, _MOST_BYTES_PER_BYTE))
        self._records_per_byte = max(self._records_per_byte, records_per_byte)
        self._names = max(self._names, names)


class _Buffers:
    """What the library writes to in one call. None of it is cleared first, because that takes as long as a copy."""

    def __init__(self, plan: PreparedPlan, out_size: int, records: int, names: int) -> None:
        self._out = _uncleared(out_size)
        stride = 2 + 2 * plan.key_count + plan.has_tables
        groups = _NUMBERS_A_TABLE * MOST_TABLES if plan.has_tables else 0
        self._records = records
        self._numbers = _uncleared(8 * (records * stride + plan.column_count + 2 * names + groups))
        self._kinds_at = records * stride
        self._names_at = self._kinds_at + plan.column_count
        self._tables_at = records * (2 + 2 * plan.key_count)
        self._groups_at = self._names_at + 2 * names
        start = _address(self._numbers)
        self.room = Room(
            out=_address(self._out),
            out_size=out_size,
            ends=start,
            times=start + 8 * records,
            keys=start + 16 * records,
            tables=start + 8 * self._tables_at,
            groups=start + 8 * self._groups_at,
            records=records,
            kinds=start + 8 * self._kinds_at,
            names=start + 8 * self._names_at,
            name_count=names,
        )

    def rows(self, plan: PreparedPlan, outcome: Outcome, body: bytes, *, timed: bool) -> Rows:
        numbers = memoryview(self._numbers).cast("q")
        count, records = outcome.count, self._records
        tables = self._tables(outcome, numbers)
        del self._out[outcome.size :]
        keys_at = 2 * records
        return Rows(
            data=self._out,
            count=count,
            ends=numbers[:count],
            times=numbers[records : records + (count if timed else 0)],
            kinds=self._kinds_of_columns(plan, numbers, count),
            seen=frozenset(self._seen(plan, numbers[self._names_at :][: 2 * outcome.name_count], body)),
            first_millis=outcome.first_millis if outcome.has_first else None,
            last_key=_wire_key(body[outcome.last_key :][: outcome.last_key_size]) if outcome.last_key_size else None,
            items=outcome.items,
            capacity=json.loads(body[outcome.capacity :][: outcome.capacity_size]) if outcome.capacity_size else None,
            _input=body,
            _keys=numbers[keys_at : keys_at + 2 * plan.key_count * count],
            _key_count=plan.key_count,
            tables=numbers[self._tables_at : self._tables_at + (count if tables else 0)],
            by_table=self._by_table(tables, numbers[:count]),
        )

    def _tables(self, outcome: Outcome, numbers: memoryview[int]) -> list[tuple[str, int, int]]:
        """Each table's name, how many records it has, how many bytes of lines."""
        found = []
        for at in range(self._groups_at, self._groups_at + _NUMBERS_A_TABLE * outcome.table_count, _NUMBERS_A_TABLE):
            records, _, size, name, name_size = numbers[at : at + _NUMBERS_A_TABLE]
            found.append((self._out[name : name + name_size].decode(), records, size))
        return found

    def _by_table(self, tables: list[tuple[str, int, int]], ends: memoryview[int]) -> tuple[TableLines, ...]:
        found, first, at = [], 0, 0
        for name, records, size in tables:
            found.append(TableLines(name, memoryview(self._out)[at : at + size], ends[first : first + records]))
            first, at = first + records, at + size
        return tuple(found)

    def _kinds_of_columns(self, plan: PreparedPlan, numbers: memoryview[int], count: int) -> list[frozenset[str]]:
        kinds: list[frozenset[str]] = [frozenset()] * plan.column_count
        for place, column in enumerate(plan.written_order):
            constant = plan.constant_kinds[column]
            found = numbers[self._kinds_at + place]
            kinds[column] = _kinds(found) if constant is None else constant if count else frozenset()
        return kinds

    def _seen(self, plan: PreparedPlan, pairs: memoryview[int], body: bytes) -> list[str]:
        places = zip(pairs[::2], pairs[1::2], strict=True)
        return [plan.names[-1 - at] if at < 0 else body[at : at + size].decode() for at, size in places]


@cache
def _kinds(bits: int) -> frozenset[str]:
    return frozenset(kind for number, kind in enumerate(KINDS) if bits >> number & 1)


def _wire_key(text: bytes) -> WireKey:
    key: WireKey = json.loads(text)
    return {name: {kind: b64decode(raw) if kind == "B" else raw for kind, raw in v.items()} for name, v in key.items()}


def _uncleared(size: int) -> bytearray:
    made: bytearray = _make_bytearray(None, size)
    return made


def _address(data: bytearray) -> int:
    at: int = _bytearray_address(data)
    return at


_make_bytearray: Final = ctypes.pythonapi.PyByteArray_FromStringAndSize
_make_bytearray.restype = ctypes.py_object
_make_bytearray.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t]
_bytearray_address: Final = ctypes.pythonapi.PyByteArray_AsString
_bytearray_address.restype = ctypes.c_void_p
_bytearray_address.argtypes = [ctypes.py_object]
