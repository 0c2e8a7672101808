"""Pages of bytes: what is written from them is what is written from their records."""

from collections.abc import Sequence
from dataclasses import replace
from operator import or_
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import FatalError
from tidegate.model import Definition, Record
from tidegate.remembered import mark_of
from tidegate.sources.times import time_type_of
from tidegate.transcoding import ItemSpec, PageCounts, RawPage, Transcoding
from tidegate.write import PartWriter, Written
from unit.part_samples import MemoryStore, definition, plain_record
from unit.raw_pages import EVER, body, raw
from unit.test_write_passes import SMALL, assert_the_same, documents, in_one_go, record_lists


def as_bytes(
    chosen: Definition, records: Sequence[Record], store: MemoryStore, cuts: Sequence[tuple[int, bool]]
) -> Written:
    """Written from pages of bytes, cut anywhere; sometimes by a new process."""
    shared = Transcoding(PageCounts())
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None, shared)
    start = 0
    for number, (cut, new_process) in enumerate(sorted(cuts), 1):
        writer.add(raw(shared, records[start:cut]))
        start = max(start, cut)
        if new_process:
            shared = Transcoding(PageCounts())
            writer = PartWriter(chosen, "exports/x/", f"work/{number}/", store, ("id",), writer.state(), shared)
    writer.add(raw(shared, records[start:]))
    return writer.finish()


COLUMNS: list[list[Any]] = [
    ["id", {"from": "t", "as": "renamed"}],
    ["id", {"from": "a.b", "as": "inside"}, "t"],
    [{"value": 'said "5", no', "as": "constant"}, "id", {"request": "table", "as": "of table"}],
    [{"value": True, "as": "constant"}],
    [{"request": "table", "as": "of table"}],
]


@settings(max_examples=150)
@given(
    documents(),
    record_lists(),
    st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=6),
    st.sampled_from([None, None, *COLUMNS]),
)
def test_pages_of_bytes_give_the_same_parts_as_records(
    document: dict[str, Any], records: list[Record], cuts: list[tuple[int, bool]], columns: list[Any] | None
) -> None:
    chosen = definition(**{**document, "columns": columns})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(name, value)
        by_records, by_bytes = MemoryStore(), MemoryStore()
        expected = in_one_go(chosen, records, by_records)
        found = as_bytes(chosen, records, by_bytes, cuts)
    assert_the_same((expected, by_records), (found, by_bytes))


TABLES: list[dict[str, Any]] = [
    {"t": {"S": "a"}, "u": {"S": "b~c"}},
    {"t": {"S": "a~b"}, "u": {"S": "c"}},
    {"t": {"S": 'qu"o\n\u00e9\U0001f600'}, "u": {"N": "1.50"}},
    {"t": {"S": "_none"}},
    {"t": {"S": ""}, "u": {"S": "x"}},
    {"t": {"B": b"a"}, "u": {"S": "x"}},
    {"t": {"N": "7"}, "u": {"S": "7"}},
    {"u": {"SS": ["a"]}},
    {},
]


@settings(max_examples=100)
@given(
    documents(),
    st.lists(st.builds(or_, st.sampled_from(TABLES), st.sampled_from([{}, {}, {"a": {"S": "x,"}}, {"b": {"N": "1"}}]))),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=6),
)
def test_pages_of_bytes_are_split_into_the_tables_of_their_records(
    document: dict[str, Any], values: list[dict[str, Any]], cuts: list[tuple[int, bool]]
) -> None:
    records = [plain_record(number, **one) for number, one in enumerate(values)]
    chosen = definition(**{**document, "tableBy": ["t", "u"]})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SMALL, "tidegate.write.MAX_OPEN_TABLES": 3}.items():
            patch.setattr(name, value)
        by_records, by_bytes = MemoryStore(), MemoryStore()
        expected = in_one_go(chosen, records, by_records)
        found = as_bytes(chosen, records, by_bytes, cuts)
    assert_the_same((expected, by_records), (found, by_bytes))


@pytest.mark.parametrize("format_type", ["CSV", "JSON", "Parquet"])
@pytest.mark.parametrize("columns", [None, ["id", "note", {"request": "table"}]], ids=["all", "some"])
def test_records_of_many_tables_never_become_objects(format_type: str, columns: list[str] | None) -> None:
    records = [
        plain_record(n, kind={"S": f"k{n % 50}"}, note={"S": f"n, {n}"}, **{f"of{n % 50}": {"N": str(n)}})
        for n in range(6000)
    ]
    form = {"type": format_type, "compression": "none"}
    chosen = definition(format=form, tableBy=["kind"], columns=columns, maxRecordsPerPart=70)
    shared, store = Transcoding(PageCounts()), MemoryStore()
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None, shared)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("tidegate.transcoding.RawPage.__iter__", "tidegate.tablelines.unpacked"):
            patch.setattr(name, lambda _: pytest.fail("a record became an object"))
        for start in range(0, 6000, 1300):
            page = raw(shared, records[start : start + 1300])
            assert isinstance(page, RawPage)
            writer.add(page)
    expected = in_one_go(chosen, records, other := MemoryStore())
    assert_the_same((expected, other), (writer.finish(), store))


def test_a_page_on_which_a_part_ends_for_want_of_room_for_tables_is_written_from_its_records() -> None:
    records = [plain_record(n, kind={"S": f"k{n % 60}"}) for n in range(300)]
    chosen = definition(format={"type": "CSV", "compression": "none"}, tableBy=["kind"])
    expected = in_one_go(chosen, records, by_records := MemoryStore())
    found = as_bytes(chosen, records, by_bytes := MemoryStore(), [(40, False), (130, True)])
    assert_the_same((expected, by_records), (found, by_bytes))
    assert len(found.parts) > 60


def test_records_with_the_same_attributes_never_become_objects() -> None:
    records = [plain_record(number, note={"S": f"n, {number}"}) for number in range(30_000)]
    shared, store = Transcoding(PageCounts()), MemoryStore()
    chosen = definition(format={"type": "CSV", "compression": "none"})
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None, shared)
    pages = [raw(shared, records[start : start + 1300]) for start in range(0, 30_000, 1300)]
    for page in pages:
        assert isinstance(page, RawPage)
        page._to_records = lambda: pytest.fail("a record became an object")
        writer.add(page)
    expected = in_one_go(chosen, records, other := MemoryStore())
    assert store.stored(writer.finish().parts[0]) == other.stored(expected.parts[0])


@pytest.mark.parametrize(
    "more",
    [
        {"columns": ["id", {"value": "x", "as": "by"}, {"value": 1.5, "as": "n"}]},
        {"columns": ["note", "id"], "unknownColumns": "append"},
        {"columns": ["note", "id"], "unknownColumns": "fail"},
        {"format": {"type": "TSV", "nullText": "NULL", "compression": "none"}},
    ],
    ids=["constants", "append", "fail", "dialect"],
)
def test_no_record_becomes_an_object_for(more: dict[str, Any]) -> None:
    records = [plain_record(number, note={"S": f"n, {number}"}) for number in range(12_000)]
    chosen = definition(**{"format": {"type": "CSV", "compression": "none"}, **more})
    shared, store = Transcoding(PageCounts()), MemoryStore()
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None, shared)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("tidegate.transcoding.RawPage.__iter__", "tidegate.parts.unpacked"):
            patch.setattr(name, lambda _: pytest.fail("a record became an object"))
        for start in range(0, 12_000, 1300):
            writer.add(raw(shared, records[start : start + 1300]))
    assert_the_same((in_one_go(chosen, records, other := MemoryStore()), other), (writer.finish(), store))


def test_an_unknown_attribute_on_a_page_of_bytes_fails_the_operation_as_on_one_of_records() -> None:
    records = [
        plain_record(number, **({"b": {"S": "x"}, "a": {"S": "x"}} if number > 6 else {})) for number in range(9)
    ]
    chosen = definition(columns=["id"], unknownColumns="fail", format={"type": "CSV", "compression": "none"})
    errors = []
    for transcoding in (None, Transcoding(PageCounts())):
        writer = PartWriter(chosen, "exports/x/", "work/0/", MemoryStore(), ("id",), None, transcoding)
        first, second = (one if transcoding is None else raw(transcoding, one) for one in (records[:4], records[4:]))
        writer.add(first)
        with pytest.raises(FatalError) as caught:
            writer.add(second)
        errors.append((caught.value.code, caught.value.message, caught.value.remedy))
    assert errors[0] == errors[1]
    assert errors[0][0] == "UNKNOWN_COLUMN"
    assert '"r000007"' in errors[0][2]


def test_a_page_of_bytes_counts_towards_a_strict_row_limit_as_its_records_do() -> None:
    records = [plain_record(number) for number in range(11)]
    shared = Transcoding(PageCounts())
    chosen = definition(rowLimit=10, format={"type": "CSV", "compression": "none"})
    writer = PartWriter(chosen, "exports/x/", "work/0/", MemoryStore(), ("id",), None, shared)
    writer.add(raw(shared, records[:10]))
    page = raw(shared, records[10:])
    assert isinstance(page, RawPage)
    with pytest.raises(FatalError, match="at least 11 records, more than its rowLimit of 10"):
        writer.add(page)


def test_what_is_remembered_of_a_page_in_no_order_is_what_is_remembered_of_its_records() -> None:
    records = [replace(plain_record(number), time_millis=number) for number in (5, 1, 9, 3)]
    page = raw(Transcoding(PageCounts()), records)
    assert isinstance(page, RawPage)
    marks = [mark_of(record, "uploadedOn") for record in records]
    assert list(page.marks(9, None) or ()) == marks
    assert list(page.marks(10, None) or ()) == []


@pytest.mark.parametrize(
    ("time_type", "times"),
    [
        ("epochMillis", ["999", "1000", "1000.5", "1001", "2500"]),
        ("epochSeconds", ["0.999", "1", "1.0005", "1.5", "2"]),
        ("iso8601", ["1970-01-01T00:00:01.5Z", "1970-01-01T00:00:01Z", "1970-01-01T00:00:02.000Z"]),
    ],
)
def test_what_is_remembered_of_a_page_of_bytes_is_what_is_remembered_of_its_records(
    time_type: str, times: list[str]
) -> None:
    kind = "S" if time_type == "iso8601" else "N"
    values = [{"id": {"S": f"k\n{n}"}, "uploadedOn": {kind: text}} for n, text in enumerate(times)]
    notation = time_type_of(time_type)
    records = [Record((one["id"]["S"],), notation.millis(one["uploadedOn"]), one) for one in values]
    items = ItemSpec(("id",), "uploadedOn", time_type, None)
    page = Transcoding(PageCounts()).page(body(values), EVER, items, lambda: records)
    assert isinstance(page, RawPage)
    marks = page.marks(1000, notation.cut_millis)
    assert marks is not None
    expected = [mark for record in records if (mark := mark_of(record, "uploadedOn")) is not None]
    assert list(marks) == [mark for mark in expected if mark[0] >= 1000]
