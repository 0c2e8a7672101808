"""A Parquet file's end: what columns it has, and where each of their chunks lies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.immutable import dataclass
from tidegate.parquet.columntypes import BYTE_ARRAY, FIXED, INT32, INT64, ColumnType
from tidegate.parquet.pagecompression import Codec
from tidegate.parquet.rowgroup import Chunk
from tidegate.parquet.thrift import Integer, List, Structure, Value, written

MAGIC: Final = b"PAR1"
TYPES: Final = "tidegate.types"
"""The key of the footer's own metadata under which the columns' types stand as definitions write them."""
_CREATED_BY: Final = "tidegate"
_OPTIONAL: Final = Integer(1)
_PLAIN, _RLE = Integer(0), Integer(3)
_MICROS: Final[Structure] = {2: {}}


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the footer has it: where it begins, how long it is, what it holds."""

    offset: int
    size: int
    plain: int
    nulls: int
    low: int | None
    high: int | None

    @classmethod
    def of(cls, chunk: Chunk, offset: int) -> StoredChunk:
        """The chunk that begins at that place of the file."""
        return cls(offset, sum(map(len, chunk.pages)), chunk.plain, chunk.nulls, chunk.low, chunk.high)

    def document(self) -> list[int | None]:
        """The same as JSON, for a checkpoint; the arguments of this class."""
        return [self.offset, self.size, self.plain, self.nulls, self.low, self.high]


@dataclass(frozen=True, slots=True)
class Group:
    """A row group that is in the file already."""

    records: int
    chunks: tuple[StoredChunk, ...]


def footer(columns: Sequence[tuple[str, ColumnType]], groups: Sequence[Group], codec: Codec) -> bytes:
    """The bytes behind the last row group, up to the file's end; they depend on the arguments alone."""
    metadata = written(
        {
            1: Integer(1),
            2: List([{4: "schema", 5: Integer(len(columns))}, *(_element(name, one) for name, one in columns)]),
            3: Integer(sum(group.records for group in groups), 64),
            4: List([_row_group(number, group, columns, codec) for number, group in enumerate(groups)]),
            5: List([{1: TYPES, 2: _types(columns)}]),
            6: _CREATED_BY,
            7: List([{1: {}} for _ in columns]),
        }
    )
    return metadata + len(metadata).to_bytes(4, "little") + MAGIC


def types_in(metadata: Mapping[int, Any]) -> dict[str, str]:
    """The columns' types of a footer that was read. Raises ValueError for one that is not of Tidegate."""
    for pair in metadata.get(5, ()):
        if pair.get(1) == TYPES.encode():
            return dict(json.loads(pair[2]))
    raise ValueError("it was not written by Tidegate")


def _types(columns: Sequence[tuple[str, ColumnType]]) -> str:
    return json.dumps([(name, one.text) for name, one in columns], separators=(",", ":"), ensure_ascii=False)


def _element(name: str, column: ColumnType) -> Structure:
    element: dict[int, Value] = {1: Integer(column.physical), 3: _OPTIONAL, 4: name}
    if column.physical == FIXED:
        element[2] = Integer(column.width)
    match column.kind:
        case "text":
            element |= {6: Integer(0), 10: {1: {}}}
        case "decimal":
            scale, precision = Integer(column.scale), Integer(column.precision)
            element |= {6: Integer(5), 7: scale, 8: precision, 10: {5: {1: scale, 2: precision}}}
        case "date":
            element |= {6: Integer(6), 10: {6: {}}}
        case "timestamp":
            element |= {6: Integer(10), 10: {8: {1: True, 2: _MICROS}}}
        case "int64":
            element |= {6: Integer(18), 10: {10: {1: Integer(64, 8), 2: True}}}
    return element


def _row_group(number: int, group: Group, columns: Sequence[tuple[str, ColumnType]], codec: Codec) -> Structure:
    chunks: list[Structure] = [
        {2: Integer(0, 64), 3: _chunk(name, column, group.records, chunk, codec)}
        for (name, column), chunk in zip(columns, group.chunks, strict=True)
    ]
    sums: dict[int, Value] = {} if number > 0x7FFF else {7: Integer(number, 16)}
    sums[1] = List(chunks)
    sums[2] = Integer(sum(chunk.plain for chunk in group.chunks), 64)
    sums[3] = Integer(group.records, 64)
    sums[5] = Integer(group.chunks[0].offset, 64)
    sums[6] = Integer(sum(chunk.size for chunk in group.chunks), 64)
    return sums


def _chunk(name: str, column: ColumnType, records: int, chunk: StoredChunk, codec: Codec) -> Structure:
    return {
        1: Integer(column.physical),
        2: List([_PLAIN, _RLE]),
        3: List([name]),
        4: Integer(codec.number),
        5: Integer(records, 64),
        6: Integer(chunk.plain, 64),
        7: Integer(chunk.size, 64),
        9: Integer(chunk.offset, 64),
        12: _statistics(column, chunk),
    }


def _statistics(column: ColumnType, chunk: StoredChunk) -> Structure:
    """Where nothing but null is in a chunk, and for text, binary and 16-byte decimals, only the number of nulls."""
    nulls: dict[int, Value] = {3: Integer(chunk.nulls, 64)}
    if chunk.low is None or chunk.high is None or column.physical in (BYTE_ARRAY, FIXED):
        return nulls
    size = {INT32: 4, INT64: 8}[column.physical]
    low, high = (number.to_bytes(size, "little", signed=True) for number in (chunk.low, chunk.high))
    return nulls | {5: high, 6: low}
