"""Rows of typed cells to columns, by the native library: the same as parquet/rowgroup.py's `transposed`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from tidegate.native.library import Library, TypedColumn, library
from tidegate.parquet.columntypes import BOOLEAN, INT32, INT64, ColumnType
from tidegate.parquet.rowgroup import Rows, Values


def transposed(
    rows: Rows, start: int, limit: int, types: Sequence[ColumnType], most: int, native: Library | None = None
) -> tuple[int, list[Values], int]:
    """See parquet.rowgroup.transposed. Raises ValueError for bytes that are no rows of such columns."""
    columns = (TypedColumn * len(types))(*(TypedColumn(one.width, one.physical in (INT32, INT64)) for one in types))
    records = ctypes.c_int64()
    call = (native or library()).columns
    given = rows if isinstance(rows, bytes) else (ctypes.c_char * len(rows)).from_buffer(rows)

    def run(out: object, bits: object, stride: int) -> int:
        end = call(given, len(rows), start, limit, most, columns, len(types), out, bits, stride, ctypes.byref(records))
        if end < 0:
            raise ValueError("these are no rows of such columns")
        return end

    end = run(None, None, 0)
    sizes = [_size(one, column) for one, column in zip(types, columns, strict=True)]
    place = 0
    for column, size in zip(columns, sizes, strict=True):
        column.at, place = place, place + size
    stride = (records.value + 7) // 8
    data, bits = bytearray(place), bytearray(stride * len(types))
    run((ctypes.c_char * place).from_buffer(data), (ctypes.c_char * len(bits)).from_buffer(bits), stride)
    values, present = memoryview(data), memoryview(bits)
    return (
        records.value,
        [
            Values(
                records.value - column.present,
                present[number * stride : (number + 1) * stride],
                values[column.at : column.at + size],
                column.low if column.compared and column.present else None,
                column.high if column.compared and column.present else None,
            )
            for number, (column, size) in enumerate(zip(columns, sizes, strict=True))
        ],
        end,
    )


def _size(one: ColumnType, column: TypedColumn) -> int:
    return (column.present + 7) // 8 if one.physical == BOOLEAN else column.size
