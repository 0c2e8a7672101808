"""Reads back the Parquet files that are written here: how many records, and chosen columns of them as text.

For other files, and for analysis, there are real readers; this one knows no encoding but the one that is written.
"""

from __future__ import annotations

import struct
import zlib
from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import repeat
from typing import Any, BinaryIO, Final

from tidegate.parquet.columntypes import BOOLEAN, BYTE_ARRAY, DOUBLE, FIXED, INT32, ColumnType, column_type
from tidegate.parquet.footer import MAGIC, types_in
from tidegate.parquet.pagecompression import codec_of_number
from tidegate.parquet.thrift import read

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRAILER: Final = 8
_MALFORMED: Final = (KeyError, TypeError, IndexError, AttributeError, OverflowError, struct.error)
_TIMESPECS: Final = {0: "seconds", 3: "milliseconds", 6: "microseconds", None: "microseconds"}


def rows(file: BinaryIO, names: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    """These columns of each record, None where it has no text or number there; numbers without needless digits.

    Holds one row group's chosen columns at a time. Raises ValueError or OSError where the file is broken.
    """
    try:
        yield from _rows(file, names)
    except _MALFORMED:
        raise ValueError("its metadata or a page is not what this writer makes") from None


def _rows(file: BinaryIO, names: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    metadata = _metadata(file)
    types = {name: column_type(text) for name, text in types_in(metadata).items()}
    if [name.encode() for name in types] != [element[4] for element in metadata[2][1:]]:
        raise ValueError("its metadata contradicts itself")
    places = {name: number for number, name in enumerate(types)}
    for group in _groups(metadata):
        columns = [
            _texts(file, group[1][places[name]][3], types[name]) if name in places else repeat(None, group[3])
            for name in names
        ]
        yield from zip(*columns, strict=True) if columns else repeat((), group[3])


def _metadata(file: BinaryIO) -> dict[int, Any]:
    size = file.seek(0, 2)
    file.seek(max(0, size - _TRAILER))
    trailer = file.read(_TRAILER)
    length = int.from_bytes(trailer[:4], "little")
    if trailer[4:] != MAGIC or length > size - _TRAILER - len(MAGIC):
        raise ValueError("it does not end as a Parquet file does")
    file.seek(size - _TRAILER - length)
    metadata, _ = read(file.read(length))
    return metadata


def _groups(metadata: Mapping[int, Any]) -> list[Mapping[int, Any]]:
    """The row groups, whose numbers of records agree with all that is said of them."""
    groups: list[Mapping[int, Any]] = metadata[4]
    counts = [chunk[3][5] == group[3] for group in groups for chunk in group[1]]
    if not all(counts) or sum(group[3] for group in groups) != metadata[3]:
        raise ValueError("its metadata contradicts itself")
    return groups


def _texts(file: BinaryIO, chunk: Mapping[int, Any], column: ColumnType) -> Iterator[str | None]:
    file.seek(chunk[9])
    data, codec = file.read(chunk[7]), codec_of_number(chunk[4])
    at, left = 0, chunk[5]
    while left > 0:
        head, at = read(data, at)
        stored, count = data[at : at + head[3]], head[5][1]
        if zlib.crc32(stored) != head[4] & 0xFFFFFFFF or not 0 < count <= left:
            raise ValueError("a page is not what its header says")
        at += head[3]
        left -= count
        yield from _page(codec.decompress(stored, head[2]), count, column)


def _page(plain: bytes, count: int, column: ColumnType) -> Iterator[str | None]:
    size = int.from_bytes(plain[:4], "little")
    present = _present(plain[4 : 4 + size], count)
    values = _values(plain[4 + size :], sum(present), column)
    return (next(values) if here else None for here in present)


def _present(levels: bytes, count: int) -> list[int]:
    head = at = shift = 0
    while levels[at] > 0x7F:
        head |= (levels[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    head |= levels[at] << shift
    if not head & 1:
        return [levels[at + 1]] * count
    bits = levels[at + 1 :]
    return [bits[place >> 3] >> (place & 7) & 1 for place in range(count)]


def _values(data: bytes, count: int, column: ColumnType) -> Iterator[str | None]:
    if column.physical == BYTE_ARRAY:
        return _byte_arrays(data, count, column)
    if column.physical in (BOOLEAN, DOUBLE):
        return repeat(None, count)
    if column.physical == FIXED:
        numbers = [int.from_bytes(data[at : at + 16], "big", signed=True) for at in range(0, 16 * count, 16)]
    else:
        numbers = list(struct.unpack(f"<{count}{'i' if column.physical == INT32 else 'q'}", data))
    return (_number_text(number, column) for number in numbers)


def _byte_arrays(data: bytes, count: int, column: ColumnType) -> Iterator[str | None]:
    at = 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + 4], "little")
        value = data[at + 4 : at + 4 + size]
        at += 4 + size
        yield b2a_base64(value, newline=False).decode() if column.kind == "binary" else value.decode()


def _number_text(number: int, column: ColumnType) -> str:
    if column.kind == "date":
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
    if column.kind != "timestamp":
        return _plain(number, column.scale)
    if column.notation != "iso8601":
        return _plain(number, 6 if column.notation == "epochSeconds" else 3)
    moment = _EPOCH + timedelta(microseconds=number)
    return moment.isoformat(timespec=_TIMESPECS[column.fraction]).replace("+00:00", "Z")


def _plain(number: int, scale: int) -> str:
    """A number of so many digits behind the point, without needless zeros, as DynamoDB has it."""
    digits = str(abs(number)).rjust(scale + 1, "0")
    whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :].rstrip("0")
    return f"{'-' if number < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"
