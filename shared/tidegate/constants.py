"""Columns that are the same in every record, as the native library is told of them: their bytes in a row."""

from __future__ import annotations

from tidegate.formats import Column, Format, UnwritableValueError
from tidegate.formats.parquet import ParquetFormat
from tidegate.model import AttributeValue, ColumnSpec, FormatSpec
from tidegate.native import Constant
from tidegate.parquet.columntypes import column_type


def constant_of(column: ColumnSpec, spec: FormatSpec, made: Format, type_text: str) -> Constant | None:
    """The constant of a column that has no path, in rows of this format; `type_text` is its type in Parquet.

    None where the format cannot hold it: the Python path then says so of every record.
    """
    value: AttributeValue = column.constant or {}
    one = Column(column.name, [value], frozenset(value))
    try:
        if spec.type == "Parquet":
            (text,) = ParquetFormat([column_type(type_text)]).records([one])
        elif spec.type in ("CSV", "TSV"):
            # Twice in a row, because a row of one empty cell has quotes that the cell itself has not.
            (row,) = made.records([one, one])
            dialect = spec.dialect
            text = row[: (len(row) - len(dialect.delimiter.encode()) - len(dialect.line_end)) // 2]
        else:
            (row,) = made.records([one])
            member = row.strip(b"\n")[1:-1]
            text = b"," + member if member else b""
    except UnwritableValueError:
        return None
    return Constant(text, one.kinds)
