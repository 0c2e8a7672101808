"""The types of columns of a Parquet file, as definitions write them: `decimal(12,2)`, `timestamp(iso8601)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from tidegate.immutable import dataclass

BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY, FIXED = 0, 1, 2, 5, 6, 7
"""Physical types, numbered as Parquet numbers them."""
NOTATIONS: Final = ("epochMillis", "epochSeconds", "iso8601")
MOST_DIGITS: Final = 38
_DIGITS_OF_8_BYTES: Final = 18
_FORM = re.compile(r"([a-z0-9]+)(?:\(\s*([A-Za-z0-9]+)\s*(?:,\s*(\d{1,3})\s*)?\))?")
_PLAIN: Final[Mapping[str, int]] = {
    "text": BYTE_ARRAY,
    "binary": BYTE_ARRAY,
    "boolean": BOOLEAN,
    "int64": INT64,
    "double": DOUBLE,
    "date": INT32,
}
_WIDTHS: Final[Mapping[int, int]] = {BOOLEAN: 1, INT32: 4, INT64: 8, DOUBLE: 8, FIXED: 16, BYTE_ARRAY: 0}
KNOWN: Final = "text, decimal(precision,scale), int64, double, boolean, binary, date, timestamp, timestamp(notation)"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """One type. `kind` is its name, `text` the whole of it as definitions write it; `physical` is Parquet's.

    `precision` and `scale` are a decimal's. `notation` is how a timestamp is written in the source, "" where that is
    still to be taken from the source; `fraction` the number of its fraction digits where they are fixed.
    """

    kind: str
    physical: int
    precision: int = 0
    scale: int = 0
    notation: str = ""
    fraction: int | None = None

    @property
    def text(self) -> str:
        """The type as a definition and a manifest write it."""
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if not self.notation:
            return self.kind
        return f"timestamp({self.notation}{'' if self.fraction is None else f',{self.fraction}'})"

    @property
    def width(self) -> int:
        """Bytes of each value in a row; 0 where the value is preceded by its length in 4 bytes."""
        return _WIDTHS[self.physical]


@cache
def column_type(text: str) -> ColumnType:
    """The type that a definition writes so. Raises ValueError, which finishes the sentence "the type ..."."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"must be one of {KNOWN}")
    kind, first, second = form.groups()
    if kind in _PLAIN and first is None:
        return ColumnType(kind, _PLAIN[kind])
    if kind == "decimal" and first is not None and first.isdecimal() and second is not None:
        return _decimal(int(first), int(second))
    if kind == "timestamp" and (first is None or first in NOTATIONS):
        if second is not None and (first != "iso8601" or int(second) not in (0, 3, 6)):
            raise ValueError("has fraction digits only as timestamp(iso8601,0), (iso8601,3) and (iso8601,6)")
        return ColumnType(kind, INT64, notation=first or "", fraction=None if second is None else int(second))
    raise ValueError(f"must be one of {KNOWN}; a notation is {', '.join(NOTATIONS)}")


def _decimal(precision: int, scale: int) -> ColumnType:
    if not 1 <= precision <= MOST_DIGITS or scale > precision:
        raise ValueError(f"must be a decimal of 1 to {MOST_DIGITS} digits, with no more of them behind the point")
    return ColumnType("decimal", INT64 if precision <= _DIGITS_OF_8_BYTES else FIXED, precision, scale)
