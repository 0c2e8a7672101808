"""Parquet files as pyarrow and DuckDB read them, and as our own reader does."""

import base64
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.formats.wire import json_text
from tidegate.model import AttributeValue, Part, Record
from tidegate.parquet.columntypes import column_type
from tidegate.parquet.reader import rows
from tidegate.readback import read_back
from tidegate.write import PartWriter, Written
from unit.part_samples import MIX, MemoryStore, definition, plain_record, record, wire_records

CODECS = ["zstd", "snappy", "gzip", "none"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exported(records: list[Record], **document: Any) -> tuple[Written, MemoryStore]:
    form = {"type": "Parquet", **document.pop("format", {})}
    store = MemoryStore()
    writer = PartWriter(definition(format=form, **document), "exports/x/", "work/1/", store, ("id",), None)
    writer.add(records)
    return writer.finish(), store


def table(data: bytes) -> pa.Table:
    """What pyarrow reads, every page's checksum looked at."""
    return pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True).read()


def only(written: Written, store: MemoryStore) -> bytes:
    (part,) = written.parts
    return store.stored(part)


def meant(value: AttributeValue, type_text: str) -> Any:
    """What a reader should get of a value in a column of this type."""
    if not value or "NULL" in value:
        return None
    ((kind, raw),) = value.items()
    column = column_type(type_text)
    if column.kind == "decimal":
        return Decimal(raw)
    if column.kind == "timestamp":
        return EPOCH + timedelta(microseconds=int(Decimal(raw) * 1000))
    if column.kind == "text" and kind != "S":
        return base64.b64encode(raw).decode() if kind == "B" else json_text(value)
    return raw


@pytest.mark.parametrize("compression", CODECS)
def test_a_mix_of_all_kinds_is_read_by_pyarrow_exactly(compression: str) -> None:
    written, store = exported([record(values) for values in MIX], format={"compression": compression})
    data = only(written, store)
    assert written.schema is not None
    types = written.schema[""]
    found = table(data)
    assert found.column_names == ["id", "uploadedOn", *sorted(types.keys() - {"id", "uploadedOn"})]
    assert found.to_pylist() == [
        {name: meant(values.get(name, {}), types[name]) for name in found.column_names} for values in MIX
    ]
    assert written.parts[0].key == "exports/x/part-00001.parquet"


@pytest.mark.parametrize("compression", CODECS)
def test_duckdb_reads_the_same_with_the_types_that_analysts_want(tmp_path: Path, compression: str) -> None:
    schema = {"price": "decimal(9,2)", "count": "int64", "share": "double", "day": "date"}
    records = [
        plain_record(
            number,
            price={"N": f"{number}.25"},
            count={"N": str(number)},
            share={"N": "0.1"},
            day={"S": "2026-02-28"},
            even={"BOOL": number % 2 == 0},
            amount={"N": "-12345678901234567890.000000000000000001"},
        )
        for number in range(100)
    ] + [plain_record(100)]
    file = tmp_path / "part.parquet"
    file.write_bytes(only(*exported(records, format={"compression": compression, "schema": schema})))
    with duckdb.connect() as database:
        read = database.read_parquet(str(file))
        described = dict(zip(read.columns, map(str, read.types), strict=True))
        found = read.aggregate(
            "count(*), count(price), sum(price), max(count), min(share), max(day)::text, sum(even::int),"
            " min(amount)::text, epoch_ms(max(uploadedOn))"
        ).fetchall()
    assert described == {
        "id": "VARCHAR",
        "uploadedOn": "TIMESTAMP WITH TIME ZONE",
        "amount": "DECIMAL(38,18)",
        "count": "BIGINT",
        "day": "DATE",
        "even": "BOOLEAN",
        "price": "DECIMAL(9,2)",
        "share": "DOUBLE",
    }
    amount = "-12345678901234567890.000000000000000001"
    assert found == [(101, 100, Decimal("4975.00"), 99, 0.1, "2026-02-28", 50, amount, 100)]


def test_the_schema_that_readers_see_is_this_one() -> None:
    schema = {"price": "decimal(9,2)", "at": "timestamp(iso8601)", "day": "date", "n": "int64", "d": "double"}
    columns = ["id", "uploadedOn", "price", "at", "day", "n", "d", "yes", "photo", "digits"]
    data = only(*exported([record(values) for values in MIX], columns=columns, format={"schema": schema}))
    assert str(pq.ParquetFile(io.BytesIO(data)).schema_arrow.remove_metadata()) == "\n".join(
        [
            "id: string",
            "uploadedOn: timestamp[us, tz=UTC]",
            "price: decimal128(9, 2)",
            "at: timestamp[us, tz=UTC]",
            "day: date32[day]",
            "n: int64",
            "d: double",
            "yes: bool",
            "photo: binary",
            "digits: decimal128(38, 18)",
        ]
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(wire_records(), min_size=1, max_size=12), st.sampled_from(CODECS))
def test_any_records_come_back_in_their_types(batch: list[dict[str, AttributeValue]], compression: str) -> None:
    records = [record({**values, "id": {"S": str(number)}}) for number, values in enumerate(batch)]
    written, store = exported(records, format={"compression": compression})
    assert written.failed is None
    assert written.schema is not None
    types = written.schema[""]
    found = table(only(written, store)).to_pylist()
    expected = [{name: meant(one.values.get(name, {}), types[name]) for name in types} for one in records]
    assert found == expected


def test_row_groups_and_pages_are_cut_and_their_statistics_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.columnar.GROUP_BYTES", 10_000)
    monkeypatch.setattr("tidegate.parquet.rowgroup.PAGE_RECORDS", 50)
    records = [
        plain_record(number, low={"N": str(-number)}, some={"N": "1"} if number % 3 == 0 else {"NULL": True})
        for number in range(1000)
    ]
    data = only(*exported(records, format={"schema": {"low": "decimal(10,1)", "some": "int64"}}))
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    assert metadata.num_row_groups > 3
    assert sum(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)) == 1000
    start = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        of = {group.column(place).path_in_schema: group.column(place).statistics for place in range(group.num_columns)}
        last = start + group.num_rows - 1
        assert (of["low"].min, of["low"].max) == (Decimal(-last), Decimal(-start))
        assert of["some"].null_count == sum(place % 3 != 0 for place in range(start, last + 1))
        assert of["id"].has_min_max is False
        start = last + 1
    assert table(data).column("low").to_pylist() == [Decimal(-number) for number in range(1000)]


def test_a_part_without_a_record_is_a_file_that_readers_open() -> None:
    written, store = exported([], emptyPolicy="header")
    found = table(only(written, store))
    assert (found.num_rows, found.column_names) == (0, ["id", "uploadedOn"])
    assert written.schema == {}
    assert list(rows(io.BytesIO(only(written, store)), ["id"])) == []


def text_of(part: Part, store: MemoryStore, *names: str) -> list[tuple[str | None, ...]]:
    found: list[tuple[str | None, ...]] = []
    back = read_back([store.stored(part)], part.key, names, found.extend)
    assert (back.size, back.sha256, back.records, back.trouble) == (part.size, part.sha256, part.records, "")
    return found


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize(
    ("time_type", "times"),
    [
        ("epochMillis", ["1475539199999", "1475539199999.5", "0", "-1"]),
        ("epochSeconds", ["1475539199", "1475539199.000001", "-0.5"]),
        ("iso8601", ["2016-10-03T23:59:59.999Z", "1969-12-31T23:59:59.000Z", "0001-01-01T00:00:00.000Z"]),
    ],
)
def test_our_own_reader_gives_key_and_time_as_the_source_has_them(
    compression: str, time_type: str, times: list[str]
) -> None:
    kind = "S" if time_type == "iso8601" else "N"
    records = [
        record({"id": {"N": str(number)}, "uploadedOn": {kind: time}}, key="") for number, time in enumerate(times)
    ]
    written, store = exported(
        records, source={"table": "R", "timeType": time_type}, format={"compression": compression}
    )
    assert written.schema is not None
    assert written.schema[""]["uploadedOn"].startswith("timestamp(")
    expected = [(str(number), None, time) for number, time in enumerate(times)]
    assert text_of(written.parts[0], store, "id", "nowhere", "uploadedOn") == expected


def test_our_own_reader_gives_text_for_keys_of_every_type_and_none_for_what_is_no_text() -> None:
    values: dict[str, AttributeValue] = {
        "id": {"S": "\u00e9"}, "b": {"B": b"\xff"}, "n": {"N": "-0.050"}, "y": {"BOOL": True},
        "d": {"N": "1"}, "day": {"S": "2026-01-31"}, "i": {"N": "-7"}, "z": {"N": "0"},
    }  # fmt: skip
    schema = {"d": "double", "day": "date", "i": "int64"}
    written, store = exported([record(values)], format={"schema": schema})
    names = ("id", "b", "n", "y", "d", "day", "i", "z")
    found = text_of(written.parts[0], store, *names)
    assert found == [("\u00e9", "/w==", "-0.05", None, None, "2026-01-31", "-7", "0")]


def test_a_file_that_is_broken_anywhere_is_never_read_as_if_it_were_whole() -> None:
    records = [plain_record(number, note={"S": "x" * number}) for number in range(50)]
    written, store = exported(records)
    whole = only(written, store)
    expected = text_of(written.parts[0], store, "id", "note")
    for place in range(0, len(whole), 7):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        found: list[Any] = []
        back = read_back([bytes(broken)], "a.parquet", ("id", "note"), found.extend)
        assert back.trouble or found == expected, place
    for size in (0, 3, 8, len(whole) // 2, len(whole) - 1):
        assert read_back([whole[:size]], "a.parquet").records is None


def test_a_file_of_another_writer_is_told_apart() -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"]}), file)
    back = read_back([file.getvalue()], "a.parquet")
    assert back.trouble == "ValueError: it was not written by Tidegate"
