"""Records as rows of typed cells, which parquet/rowgroup.py turns into the columns of a Parquet file.

A value either fits its column's type exactly or its record fails; only `double`, which has to be asked for, rounds.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Any, Final, TypeAlias

from tidegate.formats.numerals import numeral
from tidegate.formats.wire import (
    MALFORMED,
    NOT_WIRE_FORM,
    Column,
    UnwritableValueError,
    base64_text,
    json_text,
)
from tidegate.model import AttributeValue
from tidegate.parquet.columntypes import INT64, ColumnType, column_type

NULL_CELL: Final = b"\x00"
INFERRED_DECIMAL: Final = "decimal(38,18)"
"""Of a column of numbers that nobody has declared, where the first of them fit."""
_RANGE: Final = 1 << 63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _plain_numbers(whole: int, fraction: int) -> re.Pattern[str]:
    """Lines of numerals with at most so many digits before and behind the point."""
    numeral_text = rf"-?(?:0|[1-9][0-9]{{0,{whole - 1}}})(?:\.[0-9]{{1,{fraction}}})?"
    return re.compile(rf"{numeral_text}(?:\n{numeral_text})*+")


_PLAIN_NUMBERS: Final[Mapping[str, re.Pattern[str]]] = {
    INFERRED_DECIMAL: _plain_numbers(20, 18),
    "timestamp(epochMillis)": _plain_numbers(15, 3),
    "timestamp(epochSeconds)": _plain_numbers(12, 6),
}
"""What surely fits a type that may be found out."""
Write: TypeAlias = Callable[[str, Any], bytes]
"""(kind, what is in it) -> the cell's bytes behind its first one; raises one of MALFORMED where it does not fit."""


class UnfitError(ValueError):
    """A value in wire form that is not one of the column's type."""


class ParquetFormat:
    """One row a record, of cells in the order of the columns; null and a missing attribute are both null."""

    extension = "parquet"
    media_type = "application/vnd.apache.parquet"
    separator = b""

    def __init__(self, types: Sequence[ColumnType] = ()) -> None:
        self._types = types

    def header(self, names: Sequence[str]) -> bytes:
        """Nothing: the names are in the footer. Raises UnwritableValueError for one that is no Unicode text."""
        for name in names:
            try:
                name.encode()
            except UnicodeEncodeError:
                raise UnwritableValueError(0, name, "has a name that is not Unicode text") from None
        return b""

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """One row a record; the columns are those of the types that this format was made for."""
        cells = [_cells(column, one) for column, one in zip(columns, self._types, strict=True)]
        return [b"".join(row) for row in zip(*cells, strict=True)]

    def footer(self) -> bytes:
        """Nothing: the file's own footer tells of all its row groups, and is written with the last one."""
        return b""


def inferred(kinds: Collection[str], contents: Callable[[], Iterable[Any]], time: ColumnType | None) -> str:
    """The type of a column in which these kinds of values came first.

    `contents` gives what is in the values that are not null; it is asked where there is one kind. `time` is the type
    that the column should have where it is the record's time. There is little to choose from, so that the next
    window's values fit too: text holds everything.
    """
    others = set(kinds) - {"NULL"}
    if not others:
        return "text" if time is None else time.text
    kind = min(others)
    if len(others) > 1:
        return "text"
    if time is not None and _all_fit(kind, contents(), time):
        return time.text
    if kind == "N" and _all_fit(kind, contents(), column_type(INFERRED_DECIMAL)):
        return INFERRED_DECIMAL
    return {"BOOL": "boolean", "B": "binary"}.get(kind, "text")


def _all_fit(kind: str, contents: Iterable[Any], column: ColumnType) -> bool:
    write, plain = _writer(column), _PLAIN_NUMBERS.get(column.text)
    try:
        if kind == "N" and plain is not None:
            contents = list(contents)
            lines = "\n".join(contents)
            if plain.fullmatch(lines) and lines.count("\n") == len(contents) - 1:
                return True  # as nearly always, for a hundredth of the time
        for raw in contents:
            write(kind, raw)
    except MALFORMED:
        return False
    return True


def _cells(column: Column, one: ColumnType) -> list[bytes]:
    write = _writer(one)
    try:
        return [_cell(value, write) for value in column.values]
    except MALFORMED:
        for index, value in enumerate(column.values):
            _check(index, column.name, value, one)
        raise


def _cell(value: AttributeValue, write: Write) -> bytes:
    if not value:
        return NULL_CELL
    ((kind, raw),) = value.items()
    return NULL_CELL if kind == "NULL" else b"\x01" + write(kind, raw)


def _check(index: int, name: str, value: AttributeValue, one: ColumnType) -> None:
    try:
        _cell(value, _writer(one))
    except UnicodeEncodeError:
        reason = "holds half of a surrogate pair, which is not Unicode text"
        raise UnwritableValueError(index, name, reason) from None
    except UnfitError:
        raise UnwritableValueError(index, name, f"holds a value that does not fit its type {one.text}") from None
    except MALFORMED:
        raise UnwritableValueError(index, name, NOT_WIRE_FORM) from None


@cache
def _writer(one: ColumnType) -> Write:
    """What writes values of this type."""
    if one.kind == "decimal":
        return _decimal_writer(one)
    if one.kind == "timestamp":
        return _timestamp_writer(one)
    return _WRITERS[one.kind]


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


def _text(kind: str, raw: Any) -> bytes:
    if kind == "S":
        return _sized(raw.encode())
    if kind == "N":
        return _sized(numeral(raw).encode())
    if kind == "B":
        return _sized(base64_text(raw).encode())
    return _sized(json_text({kind: raw}).encode())


def _binary(kind: str, raw: Any) -> bytes:
    if kind != "B":
        raise UnfitError
    return _sized(bytes(raw))


def _boolean(kind: str, raw: Any) -> bytes:
    if kind != "BOOL":
        raise UnfitError
    return {True: b"\x01", False: b"\x00"}[raw]


def _double(kind: str, raw: Any) -> bytes:
    if kind != "N":
        raise UnfitError
    number = float(numeral(raw))
    if not isfinite(number):
        raise UnfitError
    return struct.pack("<d", number)


def _date(kind: str, raw: Any) -> bytes:
    if kind != "S" or not _DATE.fullmatch(raw):
        raise UnfitError
    try:
        days = (date.fromisoformat(raw) - _EPOCH.date()).days
    except ValueError:
        raise UnfitError from None
    return days.to_bytes(4, "little", signed=True)


def _int64(kind: str, raw: Any) -> bytes:
    return _eight_bytes(_scaled(kind, raw, 0))


def _eight_bytes(number: int) -> bytes:
    if not -_RANGE <= number < _RANGE:
        raise UnfitError
    return number.to_bytes(8, "little", signed=True)


def _scaled(kind: str, raw: Any, scale: int) -> int:
    """A number times 10 to the power of `scale`, exactly. Raises UnfitError where that is not whole, or enormous."""
    if kind != "N":
        raise UnfitError
    text = numeral(raw)
    whole, _, fraction = text.partition(".")
    if len(fraction) <= scale and (whole + fraction).lstrip("-").isdecimal():
        return int(whole + fraction + "0" * (scale - len(fraction)))
    sign, digits, exponent = Decimal(text).as_tuple()
    shift = int(exponent) + scale
    number: int = int("".join(map(str, digits)))
    if number == 0:
        return 0
    if shift > MOST_SHIFT or shift < -len(digits):
        raise UnfitError
    number, rest = (number * 10**shift, 0) if shift >= 0 else divmod(number, 10**-shift)
    if rest:
        raise UnfitError
    return -number if sign else number


MOST_SHIFT: Final = 60
"""Powers of ten beyond which no type has room for a number."""


def _decimal_writer(one: ColumnType) -> Write:
    scale, bound, short = one.scale, 10**one.precision, one.physical == INT64

    def write(kind: str, raw: Any) -> bytes:
        number = _scaled(kind, raw, scale)
        if not -bound < number < bound:
            raise UnfitError
        return number.to_bytes(8, "little", signed=True) if short else number.to_bytes(16, "big", signed=True)

    return write


def _timestamp_writer(one: ColumnType) -> Write:
    if one.notation == "iso8601":
        return lambda kind, raw: _eight_bytes(_micros(kind, raw, one.fraction))
    scale = 6 if one.notation == "epochSeconds" else 3
    return lambda kind, raw: _eight_bytes(_scaled(kind, raw, scale))


def _micros(kind: str, raw: Any, fraction: int | None) -> int:
    """Microseconds since 1970 of an instant in ISO 8601; with `fraction` only of one in UTC with so many digits."""
    form = _INSTANT.fullmatch(raw) if kind == "S" else None
    if form is None:
        raise UnfitError
    seconds, digits, zone = form.group(1), form.group(2) or "", form.group(3)
    if (digits[6:].strip("0")) or (fraction is not None and (zone != "Z" or len(digits) != fraction)):
        raise UnfitError
    try:
        moment = datetime.fromisoformat(seconds + zone)
    except ValueError:
        raise UnfitError from None
    return (moment - _EPOCH) // timedelta(microseconds=1) + int(digits[:6].ljust(6, "0"))


_WRITERS: Final[Mapping[str, Write]] = {
    "text": _text,
    "binary": _binary,
    "boolean": _boolean,
    "double": _double,
    "date": _date,
    "int64": _int64,
}
