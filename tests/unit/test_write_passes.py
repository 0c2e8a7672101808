"""The same bytes, however the records are divided among pages, passes and processes; and flat memory."""

import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model import Definition, Record
from tidegate.packing import packed, unpacked
from tidegate.parts import TableWriter
from tidegate.write import PartWriter, Written
from unit.part_samples import MemoryStore, definition, plain_record, record, wire_records

SMALL = {
    "tidegate.pieces.MEMBER_BYTES": 100,
    "tidegate.store.objects.PIECE_BYTES": 150,
    "tidegate.parts.DISCOVERY_RECORDS": 4,
    "tidegate.parts.DISCOVERY_BYTES": 400,
    "tidegate.write.MAX_OPEN_TABLES": 2,
}


UNWRITABLE: list[dict[str, Any]] = [
    {"a": {"S": "\ud800"}},
    {"b\udfff": {"S": "x"}},
    {"a": {"N": "many"}},
    {"new": {"X": "y"}},
]


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "format": st.fixed_dictionaries(
                {"type": st.sampled_from(["CSV", "JSON", "JSONL"]), "compression": st.sampled_from(["gzip", "none"])}
            )
            | st.just({"type": "TSV", "quoting": "all", "nullText": "x", "compression": "none"}),
            "maxRecordsPerPart": st.sampled_from([1, 3, 1000]),
            "maxBytesPerPart": st.sampled_from([1, 120, 1 << 30]),
            "tableBy": st.sampled_from([[], ["t"]]),
            "columns": st.sampled_from([None, ["id", {"from": "a.b", "as": "longName"}, "t"]]),
            "unknownColumns": st.sampled_from([None, "append"]),
        }
    )


def record_lists() -> st.SearchStrategy[list[Record]]:
    tables = st.sampled_from("wxyz")

    def made(number: int, table: str, more: dict[str, Any]) -> Record:
        values = {**more, "id": {"S": f"r{number}"}, "t": {"S": table}, "uploadedOn": {"N": str(number)}}
        return record(values)

    more = st.one_of(wire_records(), wire_records(), st.sampled_from(UNWRITABLE))
    return st.lists(st.builds(made, st.integers(0, 99), tables, more), max_size=25)


def in_one_go(chosen: Definition, records: Sequence[Record], store: MemoryStore) -> Written:
    writer = PartWriter(chosen, "exports/x/", "work/once/", store, ("id",), None)
    writer.add(records)
    return writer.finish()


def in_passes(
    chosen: Definition, records: Sequence[Record], store: MemoryStore, cuts: Sequence[tuple[int, bool]]
) -> Written:
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None)
    start = 0
    for number, (cut, new_process) in enumerate(sorted(cuts), 1):
        writer.add(records[start:cut])
        start = max(start, cut)
        if new_process:
            writer = PartWriter(chosen, "exports/x/", f"work/{number}/", store, ("id",), writer.state())
    writer.add(records[start:])
    return writer.finish()


def assert_the_same(one: tuple[Written, MemoryStore], other: tuple[Written, MemoryStore]) -> None:
    """What was written is the same: parts, pieces, bytes, columns, failed records."""
    (expected, once), (found, often) = one, other
    assert (found.failed is None) == (expected.failed is None)
    if found.failed is not None and expected.failed is not None:
        assert (found.failed.first, found.failed.file.sha256) == (expected.failed.first, expected.failed.file.sha256)
        assert once.stored(expected.failed.file) == often.stored(found.failed.file)
    assert (found.columns, found.records, found.bytes) == (expected.columns, expected.records, expected.bytes)
    for this, that in zip(expected.parts, found.parts, strict=True):
        assert (this.key, this.table, this.records, this.sha256) == (that.key, that.table, that.records, that.sha256)
        assert [piece.size for piece in this.pieces] == [piece.size for piece in that.pieces]
        assert once.stored(this) == often.stored(that)


@settings(max_examples=150)
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
        for name, value in SMALL.items():
            patch.setattr(name, value)
        chosen = definition(**document)
        once, often = MemoryStore(), MemoryStore()
        expected = in_one_go(chosen, records, once)
        with patch.context() as in_lines:
            in_lines.setattr(TableWriter, "_ahead", lambda *_: None)
            assert_the_same((in_one_go(chosen, records, plain := MemoryStore()), plain), (expected, once))
        patch.setattr("tidegate.write.SPOOL_BYTES", memory)
        found = in_passes(chosen, records, often, cuts)
    listed = 0 if found.failed is None else found.failed.file.records
    assert sum(part.records for part in found.parts) == len(records) - listed
    assert_the_same((expected, once), (found, often))
    limits = (chosen.max_records_per_part, chosen.max_bytes_per_part)
    assert all(part.records <= limits[0] for part in found.parts)
    assert all(part.records == 1 or len(often.plain(part)) <= limits[1] for part in found.parts)


@given(st.lists(wire_records(), max_size=4))
def test_records_that_wait_come_back_as_they_were(batch: list[dict[str, Any]]) -> None:
    records = [Record(("k", str(number)), None, values) for number, values in enumerate(batch)]
    assert unpacked(b"".join(map(packed, records))) == records


def test_twice_the_same_records_give_twice_the_same_objects() -> None:
    records = [plain_record(n, t={"S": str(n % 7)}, s={"SS": ["b", "a"]}) for n in range(2000)]
    stores = [MemoryStore(), MemoryStore()]
    first, second = (in_one_go(definition(tableBy=["t"]), records, store) for store in stores)
    assert first == second
    assert stores[0].objects == stores[1].objects


class Discarding(MemoryStore):
    """Keeps nothing, so that only the writer's own memory is measured."""

    def put(self, key: str, data: bytes | bytearray) -> None:
        del key, data


def pages(count: int) -> Iterator[list[Record]]:
    for start in range(0, count, 500):
        yield [plain_record(n, note={"S": f"{n * 2654435761 % 2**64:016x}" * 3}) for n in range(start, start + 500)]


def peak(count: int, **document: Any) -> int:
    writer = PartWriter(definition(**document), "exports/x/", "work/1/", Discarding(), ("id",), None)
    tracemalloc.start()
    try:
        for page in pages(count):
            writer.add(page)
        writer.finish()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.store.objects.PIECE_BYTES", 1 << 18)
    peak(2_000)
    assert peak(200_000) <= 1.2 * peak(20_000)


def test_many_tables_do_not_take_more_memory_than_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.write.SPOOL_BYTES", 100_000)
    store = MemoryStore()
    writer = PartWriter(definition(tableBy=["t"]), "exports/x/", "work/1/", store, ("id",), None)
    for start in range(0, 10_000, 500):
        writer.add([plain_record(n, t={"S": str(n % 40)}) for n in range(start, start + 500)])
        assert len(writer.state()) < 120_000
    result = writer.finish()
    assert [part.records for part in result.parts] == [250] * 40
    assert sum(store.plain(part).count(b"\r\n") for part in result.parts) == 10_000 + 40


def test_the_order_of_the_sources_own_columns_is_part_of_the_state() -> None:
    chosen, store = definition(format={"type": "CSV", "compression": "none"}), MemoryStore()
    writer = PartWriter(chosen, "exports/x/", "work/0/", store, ("id",), None)
    writer.lead(("uploadedOn", "empty", "id"))
    writer.add([plain_record(1)])
    again = PartWriter(chosen, "exports/x/", "work/1/", store, ("id",), writer.state())
    (part,) = again.finish().parts
    assert store.plain(part) == b"uploadedOn,empty,id\r\n1,,r000001\r\n"
