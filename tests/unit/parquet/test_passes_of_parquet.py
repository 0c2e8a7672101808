"""Parquet parts: the same bytes however often interrupted, the same types in every part and run, flat memory."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model import Record
from tidegate.transcoding import PageCounts, RawPage, Transcoding
from tidegate.write import PartWriter
from unit.part_samples import MemoryStore, definition, plain_record
from unit.raw_pages import raw
from unit.test_write_passes import SMALL, assert_the_same, in_one_go, in_passes, peak, record_lists
from unit.test_write_raw import as_bytes

GROUPS = {"tidegate.columnar.GROUP_BYTES": 300, "tidegate.parquet.rowgroup.PAGE_RECORDS": 3}


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "format": st.fixed_dictionaries(
                {
                    "type": st.just("Parquet"),
                    "compression": st.sampled_from(["zstd", "none"]),
                    "schema": st.sampled_from([{}, {"id": "text", "t": "text", "c": "int64"}]),
                }
            ),
            "maxRecordsPerPart": st.sampled_from([1, 3, 1000]),
            "maxBytesPerPart": st.sampled_from([1, 120, 1 << 30]),
            "tableBy": st.sampled_from([[], ["t"]]),
            "columns": st.sampled_from([None, ["id", {"from": "a.b", "as": "c"}, "t"]]),
        }
    )


@settings(max_examples=120, deadline=None)
@given(
    documents(),
    record_lists(),
    st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=6),
    st.sampled_from([0, 200, 1 << 25]),
)
def test_parts_depend_on_the_records_and_nothing_else(
    document: dict[str, Any], records: list[Record], cuts: list[tuple[int, bool]], memory: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SMALL, **GROUPS}.items():
            patch.setattr(name, value)
        chosen = definition(**document)
        once, often = MemoryStore(), MemoryStore()
        expected = in_one_go(chosen, records, once)
        patch.setattr("tidegate.write.SPOOL_BYTES", memory)
        found = in_passes(chosen, records, often, cuts)
    assert_the_same((expected, once), (found, often))
    assert found.schema == expected.schema
    assert all(part.records <= chosen.max_records_per_part for part in found.parts)


@settings(max_examples=80, deadline=None)
@given(documents(), record_lists(), st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=6))
def test_pages_of_bytes_give_the_same_parts_and_types_as_records(
    document: dict[str, Any], records: list[Record], cuts: list[tuple[int, bool]]
) -> None:
    chosen = definition(**document)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SMALL, **GROUPS}.items():
            patch.setattr(name, value)
        by_records, by_bytes = MemoryStore(), MemoryStore()
        expected = in_one_go(chosen, records, by_records)
        found = as_bytes(chosen, records, by_bytes, cuts)
    assert_the_same((expected, by_records), (found, by_bytes))
    assert found.schema == expected.schema


def test_records_with_values_that_fit_never_become_objects() -> None:
    def made(number: int) -> Record:
        amount, flag = {"N": f"{number}.5"}, {"BOOL": number % 2 == 0}
        return plain_record(number, amount=amount, flag=flag, exact={"N": "0." + "1" * 38}, tags={"SS": ["b", "a"]})

    records = [made(number) for number in range(20_000)]
    shared, store = Transcoding(PageCounts()), MemoryStore()
    chosen = definition(format={"type": "Parquet"})
    one = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None, shared)
    for start in range(0, 20_000, 1300):
        page = raw(shared, records[start : start + 1300])
        assert isinstance(page, RawPage)
        page._to_records = lambda: pytest.fail("a record became an object")
        one.add(page)
    written, expected = one.finish(), in_one_go(chosen, records, other := MemoryStore())
    assert written.schema == expected.schema
    assert written.schema is not None
    assert (written.schema[""]["amount"], written.schema[""]["exact"]) == ("decimal(38,18)", "text")
    assert store.stored(written.parts[0]) == other.stored(expected.parts[0])


def writer(store: MemoryStore, inherited: dict[str, dict[str, str]] | None = None, **document: Any) -> PartWriter:
    chosen = definition(format={"type": "Parquet", **document})
    return PartWriter(chosen, "exports/x/", "work/1/", store, ("id",), None, None, inherited)


def test_types_stay_as_in_the_files_before_whatever_the_new_records_hold() -> None:
    before = {"": {"amount": "decimal(38,18)", "note": "text"}, "other": {"x": "boolean"}}
    records = [
        plain_record(1, amount={"N": "1"}, note={"N": "5"}),
        plain_record(2, amount={"S": "much"}, new={"BOOL": True}),
        plain_record(3, amount={"NULL": True}),
    ]
    one = writer(MemoryStore(), before)
    one.add(records)
    written = one.finish()
    assert written.schema == {
        "": {
            "amount": "decimal(38,18)", "id": "text", "new": "boolean", "note": "text",
            "uploadedOn": "timestamp(epochMillis)",
        },
        "other": {"x": "boolean"},
    }  # fmt: skip
    assert written.records == 2
    assert written.failed is not None
    assert written.failed.file.records == 1


def test_a_declared_type_wins_over_that_of_the_files_before() -> None:
    one = writer(MemoryStore(), {"": {"amount": "text"}}, schema={"amount": "decimal(5,1)"})
    one.add([plain_record(1, amount={"N": "1.5"})])
    written = one.finish()
    assert written.schema is not None
    assert written.schema[""]["amount"] == "decimal(5,1)"


def test_a_later_part_has_the_types_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.parts.DISCOVERY_RECORDS", 2)
    one = writer(MemoryStore())
    one.add([plain_record(1, a={"N": "1"}), plain_record(2)])
    one.add([plain_record(3, b={"S": "x"}), plain_record(4, a={"N": "1E-30"}, b={"S": "y"})])
    written = one.finish()
    assert [part.records for part in written.parts] == [2, 1]
    assert written.schema is not None
    assert written.schema[""]["a"] == "decimal(38,18)"
    assert written.failed is not None
    assert written.failed.first == ('"r000004"',)


def test_a_window_without_records_hands_the_types_on() -> None:
    before = {"": {"amount": "text"}}
    assert writer(MemoryStore(), before).finish().schema == before


def test_nothing_of_types_is_in_what_other_formats_write() -> None:
    store = MemoryStore()
    one = PartWriter(definition(), "exports/x/", "work/1/", store, ("id",), None)
    one.add([plain_record(1)])
    assert b"inherited" not in one.state()
    written = one.finish()
    assert written.schema is None
    assert "schema" not in written.document()


def test_memory_does_not_grow_with_the_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.store.objects.PIECE_BYTES", 1 << 16)
    monkeypatch.setattr("tidegate.columnar.GROUP_BYTES", 1 << 16)
    parquet = {"type": "Parquet", "schema": {"id": "text", "note": "text", "uploadedOn": "timestamp"}}
    chosen: dict[str, Any] = {"format": parquet, "columns": ["id", "note", "uploadedOn"]}
    peak(1_000, **chosen)
    assert peak(12_000, **chosen) <= 1.2 * peak(3_000, **chosen)
