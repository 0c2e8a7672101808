"""How records become bytes: one protocol, one registry, one format a file.

A format turns a whole batch of records at once, column by column, because that is where the time goes: what it knows
of a column (all plain numbers, no quote anywhere) it need not ask of each value. The output of a record depends on
nothing but its values and the column names, never on its neighbours, so a batch may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tidegate.errors import FatalError
from tidegate.formats.delimited import CSVFormat, TSVFormat
from tidegate.formats.jsonarray import JSONArrayFormat
from tidegate.formats.jsonlines import JSONLinesFormat
from tidegate.formats.parquet import ParquetFormat
from tidegate.formats.wire import MISSING, Column, UnwritableValueError
from tidegate.model import FormatSpec

__all__ = ["MISSING", "Column", "Format", "UnwritableValueError", "format_of", "names", "register"]


class Format(Protocol):
    """What a part is made of: header, records with the separator between them, footer."""

    extension: str
    """Of a part's name, without the dot and without the compression's own: `csv`."""
    media_type: str
    """Of the uncompressed bytes, for the Content-Type of a part."""
    separator: bytes
    """Between two records, neither before the first nor after the last."""

    def header(self, names: Sequence[str]) -> bytes:
        """The bytes before a part's first record. Raises UnwritableValueError for a name that is no Unicode text."""
        ...

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """The bytes of each record, in order; every column holds one value of each record, and there is a column.

        Raises UnwritableValueError that names the record's position and the column, never the value.
        """
        ...

    def footer(self) -> bytes:
        """The bytes after a part's last record."""
        ...


_FORMATS: dict[str, Callable[[FormatSpec], Format]] = {}


def register(name: str, make: Callable[[FormatSpec], Format]) -> None:
    """Makes a format selectable as `format.type: name`; a second registration takes the place of the first."""
    _FORMATS[name] = make


def names() -> tuple[str, ...]:
    """The names of all formats that can be selected, sorted."""
    return tuple(sorted(_FORMATS))


def format_of(spec: FormatSpec) -> Format:
    """The format that a definition asks for. Raises FatalError where none has that name."""
    make = _FORMATS.get(spec.type)
    if make is None:
        raise FatalError(
            f"There is no format {spec.type!r}.",
            code="UNKNOWN_FORMAT",
            remedy=f"Set format.type of the export to one of {', '.join(names())}.",
        )
    return make(spec)


register("CSV", lambda spec: CSVFormat(formula_guard=spec.formula_guard, dialect=spec.dialect))
register("TSV", lambda spec: TSVFormat(formula_guard=spec.formula_guard, dialect=spec.dialect))
register("JSON", lambda _: JSONArrayFormat())
register("JSONL", lambda _: JSONLinesFormat())
register("Parquet", lambda _: ParquetFormat())
