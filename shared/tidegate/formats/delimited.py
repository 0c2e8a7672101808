"""CSV as RFC 4180 has it: CRLF, a header, quotes only where they are needed; UTF-8 without a byte order mark."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidegate.formats.wire import (
    MALFORMED,
    Column,
    UnwritableValueError,
    base64_text,
    first_unwritable,
    json_text,
    json_texts,
)
from tidegate.model import AttributeValue

_FORMULA_STARTS = frozenset("=+-@\t\r")
GUARDED = tuple("'" + start for start in "=+-@\t\r")
"""How a text begins that has got an apostrophe; one that was written so by its author begins in the same way."""
_QUOTE, _DOUBLED = '"', '""'
_QUOTED = re.compile(r'[",\r\n]')
_BETWEEN = "\x00"


class CSVFormat:
    """One row a record. Null, a missing attribute and the empty string are all an empty cell: CSV cannot say which.

    Text (strings, base64, column names) that a spreadsheet would run as a formula gets a leading apostrophe, unless
    `formula_guard` is off; numbers are left alone, so -5 stays -5. Lists, maps and sets are compact JSON text.
    """

    extension = "csv"
    media_type = "text/csv; charset=utf-8"
    separator = b""

    def __init__(self, *, formula_guard: bool = True) -> None:
        self._guard = formula_guard

    def header(self, names: Sequence[str]) -> bytes:
        """The column names as one row."""
        cells = self._texts(list(names))
        try:
            return (",".join(cells) + "\r\n").encode()
        except UnicodeEncodeError:
            column = next(name for name in names if not _is_unicode(name))
            raise UnwritableValueError(0, column, "has a name that is not Unicode text") from None

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """One row a record, ended by CRLF."""
        try:
            cells = [self._cells(column) for column in columns]
            if len(cells) == 1:
                # A row of one empty cell would be an empty line, which readers skip.
                return [((cell or '""') + "\r\n").encode() for cell in cells[0]]
            return [(",".join(row) + "\r\n").encode() for row in zip(*cells, strict=True)]
        except MALFORMED as error:
            raise first_unwritable(columns, self._cells, error) from None

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def _cells(self, column: Column) -> list[str]:
        values = column.values
        if column.kinds == {"S"}:
            return self._texts([value["S"] if value else "" for value in values])
        if column.kinds == {"B"}:
            return self._texts([base64_text(value["B"]) if value else "" for value in values])
        if len(column.kinds) == 1 and "NULL" not in column.kinds:
            return _quoted(json_texts(column))
        return [self._cell(value) if value else "" for value in values]

    def _cell(self, value: AttributeValue) -> str:
        ((kind, raw),) = value.items()
        if kind == "NULL":
            return ""
        if kind == "S":
            return self._text(raw)
        if kind == "B":
            return self._text(base64_text(raw))
        (text,) = _quoted([json_text(value)])
        return text

    def _texts(self, texts: list[str]) -> list[str]:
        # Most columns need neither quotes nor guard: a few searches over all of them at once say so.
        whole = _BETWEEN + _BETWEEN.join(texts)
        plain = not any(character in whole for character in ',"\n\r')
        if plain and not (self._guard and any(_BETWEEN + start in whole for start in _FORMULA_STARTS)):
            return texts
        return [self._text(text) for text in texts]

    def _text(self, text: str) -> str:
        if self._guard and text[:1] in _FORMULA_STARTS:
            text = f"'{text}"
        return f'"{text.replace(_QUOTE, _DOUBLED)}"' if _QUOTED.search(text) else text


def _quoted(texts: list[str]) -> list[str]:
    """JSON texts as cells. They have no line breaks, so that all of them can be treated as one."""
    whole = "\n".join(texts)
    if _QUOTE not in whole and "," not in whole:
        return texts
    doubled = whole.replace(_QUOTE, _DOUBLED).split("\n")
    return [f'"{text}"' if _QUOTE in text or "," in text else text for text in doubled]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
