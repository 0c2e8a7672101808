"""Rows of typed cells to the pages of one row group: what each column's values are, page by page.

A row is its cells, one behind the other. A cell is a byte 0 for null, or a byte 1 and the value: 8 bytes little-endian
for int64, timestamps, doubles and decimals of up to 18 digits, 16 big-endian for longer decimals, 4 little-endian for
dates, one for booleans; text and binary have their length in 4 bytes before them. That is Parquet's PLAIN encoding,
but for booleans.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.parquet.columntypes import BOOLEAN, INT32, INT64, ColumnType
from tidegate.parquet.pagecompression import Codec
from tidegate.parquet.thrift import Integer, written

PAGE_RECORDS: Final = 20_000
_PLAIN, _RLE = Integer(0), Integer(3)
_BITS: Final = bytes.maketrans(b"\x00\x01", b"01")
Rows: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Values:
    """One column of some rows: a byte 1 for each row that has a value and 0 for each that has none, and the values."""

    present: bytes | bytearray
    data: bytes


@dataclass(slots=True)
class Chunk:
    """One column of a row group: its pages, and what the footer says of them. `low` and `high` are None where unknown.

    `plain` is the size that the pages would have uncompressed, their headers included.
    """

    pages: list[bytes]
    plain: int = 0
    nulls: int = 0
    low: int | None = None
    high: int | None = None


def row_group(
    rows: Rows, start: int, limit: int, types: Sequence[ColumnType], codec: Codec
) -> tuple[int, list[Chunk], int]:
    """The group of the rows from `start` on up to the one that reaches `limit`: how many, their columns, their end.

    The bytes of the columns depend on the rows, types and codec alone.
    """
    chunks = [Chunk([]) for _ in types]
    count = 0
    for number, page, end in _pages(rows, start, limit, [one.width for one in types]):
        for column, values, chunk in zip(types, page, chunks, strict=True):
            _add_page(chunk, column, values, codec)
        count += number
        start = end
    return count, chunks, start


def _pages(rows: Rows, start: int, limit: int, widths: Sequence[int]) -> Iterator[tuple[int, list[Values], int]]:
    while start < min(limit, len(rows)):
        count, columns, start = transposed(rows, start, limit, widths)
        yield count, columns, start


def transposed(
    rows: Rows, start: int, limit: int, widths: Sequence[int], most: int = PAGE_RECORDS
) -> tuple[int, list[Values], int]:
    """The rows from `start` on as columns, so many at most, up to the one that reaches `limit`; how many, their end."""
    data = rows if isinstance(rows, bytes) else bytes(rows)
    columns: list[tuple[int, bytearray, list[bytes]]] = [(width, bytearray(), []) for width in widths]
    stop = min(limit, len(data))
    at, count = start, 0
    while at < stop and count < most:
        for width, present, values in columns:
            if data[at]:
                begin = at + 1
                at = begin + (width or 4 + int.from_bytes(data[begin : begin + 4], "little"))
                values.append(data[begin:at])
                present.append(1)
            else:
                present.append(0)
                at += 1
        count += 1
    return count, [Values(present, b"".join(values)) for _, present, values in columns], at


def _add_page(chunk: Chunk, column: ColumnType, values: Values, codec: Codec) -> None:
    count = len(values.present)
    data = _packed_bits(values.data) if column.physical == BOOLEAN else values.data
    levels = _levels(values.present)
    plain = b"".join((len(levels).to_bytes(4, "little"), levels, data))
    stored = codec.compress(plain)
    head = written(
        {
            1: Integer(0),
            2: Integer(len(plain)),
            3: Integer(len(stored)),
            4: Integer(_signed(zlib.crc32(stored))),
            5: {1: Integer(count), 2: _PLAIN, 3: _RLE, 4: _RLE},
        }
    )
    chunk.pages += (head, stored)
    chunk.plain += len(head) + len(plain)
    chunk.nulls += values.present.count(0)
    if column.physical in (INT32, INT64) and values.data:
        size, letter = (4, "i") if column.physical == INT32 else (8, "q")
        numbers = struct.unpack(f"<{len(values.data) // size}{letter}", values.data)
        low, high = min(numbers), max(numbers)
        chunk.low = low if chunk.low is None else min(chunk.low, low)
        chunk.high = high if chunk.high is None else max(chunk.high, high)


def _levels(present: bytes | bytearray) -> bytes:
    """Which rows have a value, as Parquet's hybrid of runs and bits has it: one run, or all of it in bits."""
    count = len(present)
    if present.count(present[0]) == count:
        return _size(count << 1) + bytes(present[:1])
    return _size((count + 7) // 8 << 1 | 1) + _packed_bits(present)


def _packed_bits(flags: bytes | bytearray) -> bytes:
    """Bytes of 0 and 1 as bits, the first one lowest."""
    if not flags:
        return b""
    return int(flags[::-1].translate(_BITS), 2).to_bytes((len(flags) + 7) // 8, "little")


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number
