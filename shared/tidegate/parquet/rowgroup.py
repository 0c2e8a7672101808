"""Rows of typed cells to the pages of one row group: what each column's values are, page by page.

A row is its cells, one behind the other. A cell is a byte 0 for null, or a byte 1 and the value: 8 bytes little-endian
for int64, timestamps, doubles and decimals of up to 18 digits, 16 big-endian for longer decimals, 4 little-endian for
dates, one for booleans; text and binary have their length in 4 bytes before them. That is Parquet's PLAIN encoding,
but for booleans.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.parquet.columntypes import BOOLEAN, INT32, INT64, ColumnType
from tidegate.parquet.pagecompression import Codec
from tidegate.parquet.thrift import Integer, written

PAGE_RECORDS: Final = 20_000
_PLAIN, _RLE = Integer(0), Integer(3)
_BITS: Final = bytes.maketrans(b"\x00\x01", b"01")
Buffer: TypeAlias = bytes | memoryview
Rows: TypeAlias = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Values:
    """One column of some rows: how many are null, a bit for each row that is not, and the values of those, PLAIN.

    `low` and `high` are the smallest and largest number, None where there is none or the type has no order here.
    """

    nulls: int
    present: Buffer
    data: Buffer
    low: int | None = None
    high: int | None = None


Transpose: TypeAlias = "Callable[[Rows, int, int, Sequence[ColumnType], int], tuple[int, list[Values], int]]"
"""See `transposed`, which is the reference."""


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
    rows: Rows, start: int, limit: int, types: Sequence[ColumnType], codec: Codec, transpose: Transpose
) -> tuple[int, list[Chunk], int]:
    """The group of the rows from `start` on up to the one that reaches `limit`: how many, their columns, their end.

    The bytes of the columns depend on the rows, types and codec alone.
    """
    chunks = [Chunk([]) for _ in types]
    total = 0
    while start < min(limit, len(rows)):
        count, page, start = transpose(rows, start, limit, types, PAGE_RECORDS)
        for values, chunk in zip(page, chunks, strict=True):
            _add_page(chunk, count, values, codec)
        total += count
    return total, chunks, start


def transposed(
    rows: Rows, start: int, limit: int, types: Sequence[ColumnType], most: int
) -> tuple[int, list[Values], int]:
    """The rows from `start` on as columns, so many at most, up to the one that reaches `limit`; how many, their end."""
    columns: list[tuple[int, bytearray, list[Rows]]] = [(one.width, bytearray(), []) for one in types]
    stop = min(limit, len(rows))
    at, count = start, 0
    while at < stop and count < most:
        for width, present, values in columns:
            if rows[at]:
                begin = at + 1
                at = begin + (width or 4 + int.from_bytes(rows[begin : begin + 4], "little"))
                values.append(rows[begin:at])
                present.append(1)
            else:
                present.append(0)
                at += 1
        count += 1
    return count, [_values(one, column[1], column[2]) for one, column in zip(types, columns, strict=True)], at


def _values(one: ColumnType, present: bytearray, values: Sequence[Rows]) -> Values:
    nulls, bits, data = present.count(0), _packed_bits(present), b"".join(values)
    if one.physical == BOOLEAN:
        return Values(nulls, bits, _packed_bits(data))
    if one.physical not in (INT32, INT64) or not values:
        return Values(nulls, bits, data)
    numbers = struct.unpack(f"<{len(values)}{'i' if one.physical == INT32 else 'q'}", data)
    return Values(nulls, bits, data, min(numbers), max(numbers))


def texts(values: Values) -> Iterator[str]:
    """The values of a column of text that are not null."""
    at, data = 0, bytes(values.data)
    while at < len(data):
        stop = at + 4 + int.from_bytes(data[at : at + 4], "little")
        yield data[at + 4 : stop].decode()
        at = stop


def _add_page(chunk: Chunk, count: int, values: Values, codec: Codec) -> None:
    levels = _levels(count, values)
    plain = b"".join((len(levels).to_bytes(4, "little"), levels, values.data))
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
    chunk.nulls += values.nulls
    if values.low is not None and values.high is not None:
        chunk.low = values.low if chunk.low is None else min(chunk.low, values.low)
        chunk.high = values.high if chunk.high is None else max(chunk.high, values.high)


def _levels(count: int, values: Values) -> bytes:
    """Which rows have a value, as Parquet's hybrid of runs and bits has it: one run, or all of it in bits."""
    if values.nulls in (0, count):
        return _size(count << 1) + (b"\x00" if values.nulls else b"\x01")
    return _size((count + 7) // 8 << 1 | 1) + values.present


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
