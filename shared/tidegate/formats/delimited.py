"""CSV as RFC 4180 has it (CRLF, a header, quotes only where they are needed, UTF-8), TSV, and their dialects.

Cells are kept as their UTF-8, spelled with a character for each byte (`_spelled`): otherwise one text that is not ASCII
would make its whole row wider, and encoding that takes longer than all else that is done for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tidegate.dialects import RFC_4180, Dialect
from tidegate.formats.wire import (
    MALFORMED,
    Column,
    UnwritableValueError,
    base64_text,
    by_kind,
    first_unwritable,
    json_contents,
    json_lines,
)
from tidegate.model import AttributeValue

_FORMULA_STARTS = frozenset("=+-@\t\r")
_GUARDED_LINE = re.compile(f"\n[{re.escape(''.join(sorted(_FORMULA_STARTS)))}]")
GUARDED = tuple("'" + start for start in "=+-@\t\r")
"""How a text begins that has got an apostrophe; one that was written so by its author begins in the same way."""
_WITH_QUOTES = frozenset({"M", "SS", "BS"})
"""Kinds that have quotes in their JSON text, unless they are empty."""
_WORDS = frozenset({"N", "BOOL"})
"""Kinds whose JSON text is ASCII without quotes and, in nearly all dialects, without a delimiter."""
_QUOTE, _DOUBLED = '"', '""'
_BOM = "\ufeff"


class CSVFormat:
    """One row a record. Null, a missing attribute and the empty string are an empty cell, unless the dialect differs.

    Text (strings, base64, column names) that a spreadsheet would run as a formula gets a leading apostrophe, unless
    `formula_guard` is off; numbers are left alone, so -5 stays -5. Lists, maps and sets are compact JSON text. A cell
    in quotes never stands for null or a missing attribute where the dialect has a text for these.
    """

    extension = "csv"
    media_type = "text/csv; charset=utf-8"
    separator = b""

    def __init__(self, *, formula_guard: bool = True, dialect: Dialect = RFC_4180) -> None:
        self._guard = formula_guard
        self._dialect = dialect
        self._between, self._end = _spelled(dialect.delimiter), dialect.line_end
        self._special = re.compile(f'["\r\n{re.escape(dialect.delimiter)}]')
        self._null = None if dialect.null_text is None else _spelled(dialect.null_text)
        self._missing = None if dialect.missing_text is None else _spelled(dialect.missing_text)
        self._marks = frozenset({self._null, self._missing} - {None})
        self._is_minimal = dialect.quoting == "minimal"

    def header(self, names: Sequence[str]) -> bytes:
        """The column names as one row, where the dialect has a header; a byte order mark first, where it has one."""
        start = _spelled(_BOM) if self._dialect.bom else ""
        if not self._dialect.header:
            return _bytes(start)
        try:
            cells = self._texts(list(names))
        except UnicodeEncodeError:
            column = next(name for name in names if not _is_unicode(name))
            raise UnwritableValueError(0, column, "has a name that is not Unicode text") from None
        if not self._is_minimal:
            cells = [_in_quotes(cell) for cell in cells]
        return _bytes(start + self._between.join(cells) + self._end)

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """One row a record, with its line end."""
        try:
            cells = [self._cells(column) for column in columns]
            if len(cells) == 1:
                # A row of one empty cell would be an empty line, which readers skip.
                return [_bytes((cell or '""') + self._end) for cell in cells[0]]
            between, end = self._between, self._end
            return [(between.join(row) + end).encode("latin-1") for row in zip(*cells, strict=True)]
        except MALFORMED as error:
            raise first_unwritable(columns, self._cells, error) from None

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def _cells(self, column: Column) -> list[str]:
        cells = self._needed(column)
        if self._is_minimal and not self._marks:
            return cells
        return [self._dressed(cell, value) for cell, value in zip(cells, column.values, strict=True)]

    def _needed(self, column: Column) -> list[str]:
        """The cells with quotes only where they are needed, empty ones for null and missing."""
        return by_kind(column, self._of_kind)

    def _of_kind(self, kind: str, contents: list[Any]) -> list[str]:
        """The cells of what is in values of one kind."""
        if kind == "S":
            return self._texts(contents)
        if kind == "B":
            return self._texts(list(map(base64_text, contents)))
        if kind == "NULL":
            return [""] * len(contents)
        if kind in _WORDS:
            words = json_contents(kind, contents)
            lines = "\n".join(words)
            return self._quoted(lines, all_need_it=False) if self._between in lines else words
        lines = json_lines(kind, contents).decode("latin-1")
        return self._quoted(lines, all_need_it=kind in _WITH_QUOTES and all(contents))

    def _dressed(self, cell: str, value: AttributeValue) -> str:
        """A cell in the quotes that the dialect asks for, or the text that stands for no value."""
        if not value or "NULL" in value:
            mark = self._null if value else self._missing
            return mark if mark is not None else cell if self._is_minimal else _in_quotes(cell)
        bare = self._is_minimal or (self._dialect.quoting == "nonnumeric" and "N" in value)
        return cell if bare and cell not in self._marks else _in_quotes(cell)

    def _texts(self, texts: list[str]) -> list[str]:
        # Most columns need neither quotes nor guard: a few searches over all of them at once say so.
        lines = "\n" + "\n".join(texts)
        special = self._dialect.delimiter in lines or _QUOTE in lines or "\r" in lines
        if not special and lines.count("\n") == len(texts) and not (self._guard and _GUARDED_LINE.search(lines)):
            return texts if lines.isascii() else _spelled(lines).split("\n")[1:]
        return [_spelled(self._text(text)) for text in texts]

    def _text(self, text: str) -> str:
        if self._guard and text[:1] in _FORMULA_STARTS:
            text = f"'{text}"
        return f'"{text.replace(_QUOTE, _DOUBLED)}"' if self._special.search(text) else text

    def _quoted(self, lines: str, *, all_need_it: bool) -> list[str]:
        """Lines of JSON as cells."""
        doubled = lines.replace(_QUOTE, _DOUBLED)
        if all_need_it:
            return f'"{doubled}"'.replace("\n", '"\n"').split("\n")
        return [f'"{text}"' if _QUOTE in text or self._between in text else text for text in doubled.split("\n")]


class TSVFormat(CSVFormat):
    """CSV with a tab between the cells."""

    extension = "tsv"
    media_type = "text/tab-separated-values; charset=utf-8"


def _spelled(text: str) -> str:
    """The UTF-8 of a text, a character for each byte; ASCII as it is. Raises UnicodeEncodeError for what has none."""
    return text if text.isascii() else text.encode().decode("latin-1")


def _bytes(spelled: str) -> bytes:
    return spelled.encode("latin-1")


def _in_quotes(cell: str) -> str:
    """A cell in quotes, whether it needed them or not; one that did has them already, and no other begins with one."""
    return cell if cell.startswith(_QUOTE) else f'"{cell}"'


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
