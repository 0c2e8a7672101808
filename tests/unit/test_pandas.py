"""Analysts open the files with pandas: what it reads is what the records hold, in each text format and compression."""

import io
from decimal import Decimal
from typing import Any

import pandas  # type: ignore[import-untyped]  # its stubs are a further package, for one test
import pytest

from tidegate.model import AttributeValue
from tidegate.write import PartWriter
from unit.part_samples import MIX, MemoryStore, definition, meant, record

TEXTS = {"dtype": str, "keep_default_na": False}
"""So pandas leaves digits, NA and empty cells as they are."""


def stored(kind: str, compression: str, columns: list[str]) -> bytes:
    store = MemoryStore()
    chosen = definition(format={"type": kind, "compression": compression, "formulaGuard": False}, columns=columns)
    writer = PartWriter(chosen, "exports/x/", "work/1/", store, ("id",), None)
    writer.add([record(values) for values in MIX])
    (part,) = writer.finish().parts
    return store.stored(part)


def cell(value: AttributeValue | None) -> str:
    """A value as a cell of CSV has it."""
    if value is None or "NULL" in value:
        return ""
    return str(meant(value)) if "N" in value else str(value["S"])


@pytest.mark.parametrize(("kind", "separator"), [("CSV", ","), ("TSV", "\t")])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_pandas_reads_texts_and_digits_exactly(kind: str, separator: str, compression: str) -> None:
    names = ["id", "uploadedOn", "digits", "note", "mood", "formula"]
    how: Any = {"sep": separator, "compression": None if compression == "none" else compression, **TEXTS}
    frame = pandas.read_csv(io.BytesIO(stored(kind, compression, names)), **how)
    assert list(frame.columns) == names
    assert frame.to_numpy().tolist() == [[cell(values.get(name)) for name in names] for values in MIX]
    assert Decimal(frame["digits"][0]) == Decimal(MIX[0]["digits"]["N"])


@pytest.mark.parametrize(("kind", "lines"), [("JSON", False), ("JSONL", True)])
def test_pandas_reads_json_with_its_nested_values(kind: str, lines: bool) -> None:
    names = ["id", "note", "mood", "nested", "tags", "yes"]
    frame = pandas.read_json(io.BytesIO(stored(kind, "gzip", names)), lines=lines, compression="gzip", dtype=False)
    first = frame.to_dict("records")[0]
    assert {name: first[name] for name in names} == {name: meant(MIX[0][name]) for name in names}
    assert list(frame["id"]) == ["a-1", "a-2"]
