"""Thrift's compact protocol, as far as Parquet's page headers and footer use it.

A structure to be written is a mapping of field numbers to values of the classes here; one that was read is a mapping
of field numbers to plain numbers, bytes, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from tidegate.immutable import dataclass

_TRUE, _FALSE, _I8, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_MOST_NESTED: Final = 32
_INTEGERS: Final = {8: _I8, 16: _I16, 32: _I32, 64: _I64}


@dataclass(frozen=True, slots=True)
class Integer:
    """A signed whole number of 8, 16, 32 or 64 bits."""

    value: int
    bits: int = 32


@dataclass(frozen=True, slots=True)
class List:
    """Values of one kind; an empty list is one of structures."""

    values: Sequence[Value]


Value: TypeAlias = "Integer | List | bool | bytes | str | Mapping[int, Value]"
Structure: TypeAlias = Mapping[int, Value]


def written(structure: Structure) -> bytes:
    """The bytes of a structure; fields in the order of their numbers."""
    out = bytearray()
    _write_structure(out, structure)
    return bytes(out)


def read(data: bytes | memoryview, start: int = 0) -> tuple[dict[int, Any], int]:
    """The structure at `start`, and where it ends. Raises ValueError for bytes that are none."""
    reader = _Reader(data, start)
    try:
        return reader.structure(0), reader.at
    except IndexError:
        raise ValueError("its metadata is cut short") from None


def _write_structure(out: bytearray, structure: Structure) -> None:
    before = 0
    for number in sorted(structure):
        value = structure[number]
        kind = (_TRUE if value else _FALSE) if isinstance(value, bool) else _kind(value)
        if 0 < number - before < 16:
            out.append((number - before) << 4 | kind)
        else:
            out.append(kind)
            _write_number(out, number)
        before = number
        if not isinstance(value, bool):
            _write_value(out, value)
    out.append(0)


def _kind(value: Value) -> int:
    match value:
        case bool():
            return _TRUE
        case Integer(bits=bits):
            return _INTEGERS[bits]
        case bytes() | str():
            return _BINARY
        case List():
            return _LIST
        case _:
            return _STRUCT


def _write_value(out: bytearray, value: Value) -> None:
    match value:
        case bool():
            out.append(_TRUE if value else _FALSE)
        case Integer(number, 8):
            out += number.to_bytes(1, "little", signed=True)
        case Integer(number):
            _write_number(out, number)
        case bytes() | str():
            data = value.encode() if isinstance(value, str) else value
            _write_size(out, len(data))
            out += data
        case List(values):
            _write_list(out, values)
        case _:
            _write_structure(out, value)


def _write_list(out: bytearray, values: Sequence[Value]) -> None:
    kind = _kind(values[0]) if values else _STRUCT
    if len(values) < 15:
        out.append(len(values) << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _write_size(out, len(values))
    for value in values:
        _write_value(out, value)


def _write_number(out: bytearray, number: int) -> None:
    """Zigzag: small numbers of either sign are short."""
    _write_size(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _write_size(out: bytearray, size: int) -> None:
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)


class _Reader:
    """Reads from `at` on; IndexError at the end of the bytes, ValueError for what is wrong."""

    def __init__(self, data: bytes | memoryview, start: int) -> None:
        self._data = data
        self.at = start

    def structure(self, level: int) -> dict[int, Any]:
        if level > _MOST_NESTED:
            raise ValueError("its metadata is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, level)
        return fields

    def _value(self, kind: int, level: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return self._number()
        if kind == _BINARY:
            return bytes(self._take(self._size()))
        if kind in (_LIST, _SET):
            return self._list(level)
        if kind == _STRUCT:
            return self.structure(level + 1)
        if kind == _I8:
            return int.from_bytes(self._take(1), "little", signed=True)
        if kind in (_TRUE, _FALSE):
            return self._byte() == _TRUE
        raise ValueError(f"its metadata has a field of kind {kind}")

    def _list(self, level: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._size()
        if count > len(self._data) - self.at:
            raise IndexError
        if level > _MOST_NESTED:
            raise ValueError("its metadata is nested too deeply")
        return [self._value(head & 15, level + 1) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _take(self, size: int) -> bytes | memoryview:
        taken = self._data[self.at : self.at + size]
        if len(taken) < size:
            raise IndexError
        self.at += size
        return taken

    def _number(self) -> int:
        size = self._size()
        return size >> 1 ^ -(size & 1)

    def _size(self) -> int:
        size = shift = 0
        while (byte := self._byte()) > 0x7F:
            size |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("its metadata has a number of more than 64 bits")
        return size | byte << shift
