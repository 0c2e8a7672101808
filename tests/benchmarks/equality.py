"""Whether a written file has the records that it should have: each once, each value the same, in any notation.

The file is read by the standard library, pyarrow and notations.py, never by the code that wrote it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pyarrow import parquet

from benchmarks import notations, records

_GUARDED = ("=", "+", "-", "@", "\t", "\r")
_SHOWN = 3


@dataclass(slots=True)
class Comparison:
    """What a file has against what it should have. `wrong` counts differing values by column."""

    missing: int = 0
    strange: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def faults(self, known: frozenset[str] = frozenset()) -> str:
        """What is wrong, in words; "" where nothing is. Columns in `known` may differ."""
        told = []
        if self.missing or self.strange:
            told.append(f"{self.missing} records are missing, {self.strange} are there twice or should not be")
        told += [f"{count} values of {name} differ" for name, count in self.wrong.items() if name not in known]
        return "; ".join((*told, *self.examples)) if told else ""


def compare(written: Path, count: int) -> Comparison:
    """Compare a file, or a folder of files, with the records of the study of `count`.

    Rows may be in any order.
    """
    found = Comparison()
    left = {records.identity(number): number for number in range(count)}
    for row in _rows(written):
        number = left.pop(str(row.get("id", "")), None)
        if number is None:
            found.strange += 1
            continue
        expected = records.record(number, count)
        for name in expected.keys() | row.keys() - {name for name in row if name.startswith("_")}:
            if not _same(expected.get(name), row.get(name, "")):
                found.wrong[name] += 1
                if len(found.examples) < _SHOWN:
                    found.examples.append(f"record {number}: {name} is {row.get(name)!r}, not {expected.get(name)}")
    found.missing = len(left)
    return found


def _rows(written: Path) -> Iterator[Mapping[str, Any]]:
    files = sorted(path for path in written.rglob("*") if path.is_file()) if written.is_dir() else [written]
    for file in files:
        data = file.read_bytes()
        if data.startswith(b"PAR1"):
            yield from map(_shown, parquet.ParquetFile(io.BytesIO(data)).read().to_pylist())
            continue
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
        if text.startswith("{"):
            yield from (json.loads(line, parse_int=Decimal, parse_float=Decimal) for line in text.splitlines())
        else:
            csv.field_size_limit(sys.maxsize)
            yield from csv.DictReader(io.StringIO(text, newline=""), strict=True)


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with its times as numbers of milliseconds."""
    return {
        name: int(value.timestamp() * 1000) if isinstance(value, datetime) else value for name, value in row.items()
    }


def _same(expected: Mapping[str, Any] | None, found: Any) -> bool:
    """Whether a cell or JSON value shows an attribute. CSV has one notation for null, missing and empty text."""
    if expected is None or "NULL" in expected:
        return found in ("", None)
    ((kind, value),) = expected.items()
    if isinstance(found, str) and kind in {"L", "M", "SS", "NS"}:
        try:
            return _equal(kind, value, notations.read(found))
        except ValueError:
            return False
    if kind == "S" and found == f"'{value}" and value.startswith(_GUARDED):
        return True
    return _equal(kind, value, found)


def _equal(kind: str, value: Any, found: Any) -> bool:
    if kind == "S":
        return bool(found == value)
    if kind == "BOOL":
        return str(found).lower() == str(value).lower()
    if kind == "NULL":
        return found is None
    if kind == "N":
        return not isinstance(found, bool) and _number(found) == Decimal(value)
    if kind == "M":
        return isinstance(found, dict) and found.keys() == value.keys() and all(
            _member(value[name], found[name]) for name in value
        )  # fmt: skip
    if not isinstance(found, list) or len(found) != len(value):
        return False
    if kind == "L":
        return all(map(_member, value, found))
    if kind == "NS":
        return sorted(map(Decimal, value)) == sorted(map(_number, found))
    return bool(sorted(value) == sorted(found))


def _member(expected: Mapping[str, Any], found: Any) -> bool:
    ((kind, value),) = expected.items()
    return _equal(kind, value, found)


def _number(found: Any) -> Decimal:
    try:
        return Decimal(str(found))
    except InvalidOperation:
        return Decimal("NaN")
