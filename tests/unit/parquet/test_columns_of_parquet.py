"""Columns that are more than copies of attributes, in a format whose columns have types."""

import io
from typing import Any

from pyarrow import parquet

from tidegate.model import AttributeValue, Record
from tidegate.write import PartWriter, Written
from unit.part_samples import MemoryStore, definition, plain_record

BORN: dict[str, AttributeValue] = {"born": {"S": "1980-05-01T00:00:00Z"}}


def written(store: MemoryStore, records: list[Record], **document: Any) -> Written:
    parts = PartWriter(
        definition(format={"type": "Parquet"}, **document), "exports/x/", "work/1/", store, ("id",), None
    )
    parts.add(records)
    return parts.finish()


def rows(store: MemoryStore, result: Written) -> list[dict[str, Any]]:
    (part,) = result.parts
    found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(store.plain(part))).to_pylist()
    return found


def test_dates_and_constants_are_texts_and_a_value_that_is_no_time_fails_alone() -> None:
    store = MemoryStore()
    records = [plain_record(1, born={"S": "1980-05-01"}), plain_record(2, **BORN), plain_record(3)]
    columns = ["id", {"from": "born", "date": "YYYY-MM-DD"}, {"value": "x", "as": "by"}]
    result = written(store, records, columns=columns)
    assert rows(store, result) == [
        {"id": "r000002", "born": "1980-05-01", "by": "x"},
        {"id": "r000003", "born": None, "by": "x"},
    ]
    assert result.failed is not None
    assert result.failed.first == ('"r000001"',)


def test_the_time_as_a_date_is_a_text_and_the_time_itself_a_timestamp() -> None:
    store = MemoryStore()
    columns = ["id", "uploadedOn", {"from": "uploadedOn", "as": "day", "date": "YYYY-MM-DD"}]
    (row,) = rows(store, written(store, [plain_record(1)], columns=columns))
    assert row["day"] == "1970-01-01"
    assert row["uploadedOn"].isoformat() == "1970-01-01T00:00:00.001000+00:00"


def test_unknown_attributes_are_appended() -> None:
    store = MemoryStore()
    result = written(store, [plain_record(1, extra={"BOOL": True})], columns=["id"], unknownColumns="append")
    assert rows(store, result) == [{"id": "r000001", "extra": True}]
