"""What docs/parquet.md says of types is what readers see, and its numbers are those of the code."""

import io
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tidegate.columnar import GROUP_BYTES
from tidegate.definition_schema import validate
from tidegate.parquet.columntypes import KNOWN, column_type
from tidegate.parquet.rowgroup import PAGE_RECORDS
from tidegate.parts import DISCOVERY_BYTES, DISCOVERY_RECORDS
from tidegate.write import PartWriter
from unit.parquet.test_column_types import inferred_of
from unit.part_samples import MemoryStore, definition, plain_record

TEXT = (Path(__file__).parents[2] / "docs/parquet.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w(),]+)` \| [^|]+ \| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|$", TEXT, re.MULTILINE)
SHOWN = {"p": "12", "s": "2"}
VALUES: dict[str, dict[str, Any]] = {
    "boolean": {"BOOL": True},
    "binary": {"B": b"x"},
    "date": {"S": "2026-01-31"},
    "timestamp(iso8601)": {"S": "2026-01-31T00:00:00.000Z"},
}


def filled(text: str) -> str:
    return re.sub(r"\b[ps]\b", lambda found: SHOWN[found[0]], text)


@pytest.mark.parametrize(("said", "stored", "arrow", "duck"), ROWS, ids=[row[0] for row in ROWS])
def test_a_type_is_for_readers_what_its_row_says(said: str, stored: str, arrow: str, duck: str, tmp_path: Path) -> None:
    store = MemoryStore()
    chosen = definition(format={"type": "Parquet", "schema": {"c": filled(said)}})
    writer = PartWriter(chosen, "exports/x/", "work/1/", store, ("id",), None)
    writer.add([plain_record(1, c=VALUES.get(said, {"N": "7"}))])
    written = writer.finish()
    assert written.records == 1
    data = store.stored(written.parts[0])
    (tmp_path / "a.parquet").write_bytes(data)
    file = pq.ParquetFile(io.BytesIO(data))
    assert str(file.schema_arrow.field("c").type) == filled(arrow)
    place = file.schema_arrow.names.index("c")
    assert stored.startswith(file.schema.column(place).physical_type)
    with duckdb.connect() as database:
        read = database.read_parquet(str(tmp_path / "a.parquet"))
        assert str(dict(zip(read.columns, read.types, strict=True))["c"]) == filled(duck)


def test_every_type_has_its_row() -> None:
    kinds = {column_type(filled(said)).kind for said, *_ in ROWS}
    assert kinds == {re.split(r"\W", name)[0] for name in KNOWN.split(", ")}


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("numbers, all of at most 20 digits before and 18 behind the point",
         [{"N": "99999999999999999999.999999999999999999"}]),
        ("numbers, some with more", [{"N": "1"}, {"N": "1E-19"}]),
        ("booleans", [{"BOOL": False}]),
        ("binary", [{"B": b""}]),
        ("strings, lists, maps, sets, several kinds, nothing but null", [{"L": []}, {"SS": ["a"]}]),
    ],
)  # fmt: skip
def test_a_type_that_is_found_out_is_what_its_row_says(said: str, values: list[Any]) -> None:
    (row,) = re.findall(rf"^\| {re.escape(said)} \| `(.+)` \|$", TEXT, re.MULTILINE)
    assert inferred_of(values) == row


def test_the_example_is_a_definition() -> None:
    (line,) = re.findall(r"^format: \{type: Parquet, compression: zstd, schema: (.+)\}$", TEXT, re.MULTILINE)
    assert line == '{amount: "decimal(12,2)", uploadedOn: timestamp}'
    schema = {"amount": "decimal(12,2)", "uploadedOn": "timestamp"}
    form = {"type": "Parquet", "compression": "zstd", "schema": schema}
    source = {"type": "dynamodb", "table": "Records"}
    assert validate({"exportId": "e", "source": source, "format": form})["format"]["schema"] == schema


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"reaches {GROUP_BYTES >> 20} MiB" in TEXT
    assert f"pages have {PAGE_RECORDS:,} rows" in TEXT
    assert f"the first {DISCOVERY_RECORDS:,} or {DISCOVERY_BYTES >> 20} MiB" in TEXT
