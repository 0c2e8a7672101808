"""PartWriter: which records go into which part, and what is told of it."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tidegate.errors import FatalError
from tidegate.model import Definition, FailedRecord, Record
from tidegate.write import MAX_OPEN_TABLES, PartWriter, Written
from unit.part_samples import MIX, MemoryStore, definition, plain_record, record


def writer(store: MemoryStore, **document: Any) -> PartWriter:
    return PartWriter(definition(**document), "exports/x/", "work/1/", store, ("id",), None)


def written(store: MemoryStore, records: Sequence[Record], **document: Any) -> Written:
    parts = writer(store, **document)
    parts.add(records)
    return parts.finish()


def rows(store: MemoryStore, result: Written, index: int = 0) -> list[list[str]]:
    text = store.plain(result.parts[index]).decode()
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def counts(result: Written) -> list[int]:
    return [part.records for part in result.parts]


def listed_lines(store: MemoryStore, result: Written) -> list[dict[str, Any]]:
    assert result.failed is not None
    return [json.loads(text) for text in store.stored(result.failed.file).splitlines()]


def test_a_real_mix_gives_one_part_with_true_size_and_hash() -> None:
    store = MemoryStore()
    result = written(store, [record(values) for values in MIX])
    (part,) = result.parts
    stored = store.stored(part)
    assert (part.key, part.table, part.records) == ("exports/x/part-00001.csv.gz", "", 2)
    assert (part.size, part.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert result.records == 2
    assert result.bytes == len(store.plain(part))
    assert result.columns[""][:3] == [
        {"name": "id", "type": "string"},
        {"name": "uploadedOn", "type": "number"},
        {"name": "blobs", "type": "binarySet"},
    ]
    types = {column["name"]: column["type"] for column in result.columns[""]}
    assert (types["nothing"], types["nested"], types["yes"]) == ("string", "map", "boolean")


def test_nothing_is_put_under_a_final_name() -> None:
    store = MemoryStore()
    written(store, [record(values) for values in MIX])
    assert all(key.startswith("work/1/") for key in store.objects)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"format": {"type": "JSON"}}, "part-00001.json.gz"),
        ({"format": {"type": "JSONL", "compression": "none"}}, "part-00001.jsonl"),
        ({"format": {"type": "CSV", "compression": "none"}}, "part-00001.csv"),
    ],
)
def test_names_end_in_format_and_compression(document: dict[str, Any], name: str) -> None:
    assert written(MemoryStore(), [plain_record(1)], **document).parts[0].key == f"exports/x/{name}"


def test_a_json_part_is_an_array_of_all_its_records() -> None:
    store = MemoryStore()
    result = written(store, [plain_record(n) for n in range(1200)], format={"type": "JSON"})
    assert [row["uploadedOn"] for row in json.loads(store.plain(result.parts[0]))] == list(range(1200))


def test_each_table_has_its_own_parts_and_columns() -> None:
    store = MemoryStore()
    records = [
        plain_record(1, schemaId={"S": "sleep"}, hours={"N": "8"}),
        plain_record(2, schemaId={"S": "a/b"}),
        plain_record(3),
        plain_record(4, schemaId={"S": "sleep"}, hours={"NULL": True}),
    ]
    result = written(store, records, tableBy=["schemaId"])
    assert [(part.key, part.table, part.records) for part in result.parts] == [
        ("exports/x/table=_none/part-00001.csv.gz", "_none", 1),
        ("exports/x/table=a%2Fb/part-00001.csv.gz", "a/b", 1),
        ("exports/x/table=sleep/part-00001.csv.gz", "sleep", 2),
    ]
    assert list(result.columns) == ["_none", "a/b", "sleep"]
    assert [column["name"] for column in result.columns["sleep"]] == ["id", "uploadedOn", "hours", "schemaId"]
    assert rows(store, result, 2)[1:] == [["r000001", "1", "8", "sleep"], ["r000004", "4", "", "sleep"]]


def test_chosen_columns_are_renamed_ordered_and_typed_even_if_never_seen() -> None:
    store = MemoryStore()
    columns = [{"from": "answers.q1", "as": "q1"}, "id", "never"]
    records = [plain_record(1, answers={"M": {"q1": {"S": "yes"}}}, other={"S": "x"}), plain_record(2)]
    result = written(store, records, columns=columns)
    assert rows(store, result) == [["q1", "id", "never"], ["yes", "r000001", ""], ["", "r000002", ""]]
    assert [column["type"] for column in result.columns[""]] == ["string", "string", "null"]


@pytest.mark.parametrize(("limit", "expected"), [(4, [4, 1]), (5, [5]), (6, [5]), (1, [1] * 5)])
def test_a_part_has_max_records_at_most(limit: int, expected: list[int]) -> None:
    store = MemoryStore()
    result = written(store, [plain_record(n) for n in range(5)], maxRecordsPerPart=limit)
    assert counts(result) == expected
    assert [row[1] for i in range(len(expected)) for row in rows(store, result, i)[1:]] == list("01234")


@pytest.mark.parametrize("kind", ["CSV", "JSON", "JSONL"])
@pytest.mark.parametrize("columns", [None, ["id", "uploadedOn"]])
def test_a_part_has_max_bytes_at_most_header_and_footer_included(kind: str, columns: list[str] | None) -> None:
    records = [plain_record(n) for n in range(7)]
    document: dict[str, Any] = {"format": {"type": kind, "compression": "none"}, "columns": columns}
    three = written(MemoryStore(), records[:3], **document).parts[0].size
    assert counts(written(MemoryStore(), records, **document, maxBytesPerPart=three)) == [3, 3, 1]
    assert counts(written(MemoryStore(), records, **document, maxBytesPerPart=three - 1)) == [2, 2, 2, 1]


def test_a_record_that_alone_exceeds_max_bytes_gets_a_part_of_its_own() -> None:
    big = plain_record(2, note={"S": "x" * 500})
    records = [plain_record(1, note={"S": "a"}), big, plain_record(3, note={"S": "b"})]
    assert counts(written(MemoryStore(), records, maxBytesPerPart=200)) == [1, 1, 1]


def test_a_strict_row_limit_takes_the_limit_and_refuses_one_more() -> None:
    records = [plain_record(n) for n in range(11)]
    assert counts(written(MemoryStore(), records[:10], rowLimit=10, rowLimitPolicy="error")) == [10]
    store = MemoryStore()
    parts = writer(store, rowLimit=10, rowLimitPolicy="error")
    parts.add(records[:10])
    with pytest.raises(FatalError, match=r"at least 11 records, more than its rowLimit of 10.*split") as caught:
        parts.add(records[10:])
    assert caught.value.code == "ROW_LIMIT"


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_a_hundred_thousand_records_are_one_file_and_one_more_is_refused(kind: str) -> None:
    store, records = MemoryStore(), [plain_record(7)] * 100_000
    limits = {"rowLimit": 100_000, "format": {"type": kind, "compression": "none"}}
    (part,) = written(store, records, **limits).parts
    assert part.records == 100_000
    if kind == "JSON":
        assert json.loads(store.plain(part)) == [{"id": "r000007", "uploadedOn": 7}] * 100_000
    parts = writer(MemoryStore(), **limits)
    with pytest.raises(FatalError, match="more than its rowLimit of 100000"):
        parts.add([*records, plain_record(8)])


def test_a_strict_row_limit_is_counted_on_by_another_process() -> None:
    records = [plain_record(n) for n in range(11)]
    store, chosen = MemoryStore(), definition(rowLimit=10)
    first = writer(store, rowLimit=10)
    first.add(records[:6])
    second = PartWriter(chosen, "exports/x/", "work/2/", store, ("id",), first.state())
    second.add(records[6:10])
    with pytest.raises(FatalError, match=r"at least 11 records, more than its rowLimit of 10\."):
        second.add(records[10:])


def test_a_splitting_row_limit_cuts_instead() -> None:
    records = [plain_record(n) for n in range(25)]
    assert counts(written(MemoryStore(), records, rowLimit=10, rowLimitPolicy="split")) == [10, 10, 5]
    assert counts(written(MemoryStore(), records, rowLimit=10, rowLimitPolicy="split", maxRecordsPerPart=9)) == [
        9,
        9,
        7,
    ]


def test_a_further_column_after_discovery_starts_a_new_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.parts.DISCOVERY_RECORDS", 3)
    store = MemoryStore()
    records = [plain_record(n) for n in range(4)]
    records[2] = plain_record(2, early={"S": "e"})
    records += [plain_record(4, late={"N": "1"}), plain_record(5)]
    for kind in ("CSV", "JSONL"):
        result = written(MemoryStore(), records, format={"type": kind})
        assert counts(result) == [4, 2]
    result = written(store, records)
    assert rows(store, result, 0)[0] == ["id", "uploadedOn", "early"]
    assert rows(store, result, 1) == [["id", "uploadedOn", "late"], ["r000004", "4", "1"], ["r000005", "5", ""]]
    assert [column["name"] for column in result.columns[""]] == ["id", "uploadedOn", "early", "late"]


def test_discovery_ends_after_so_many_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.parts.DISCOVERY_BYTES", 100)
    records = [plain_record(n, note={"S": "x" * 30}) for n in range(3)] + [plain_record(3, late={"S": "y"})]
    assert counts(written(MemoryStore(), records)) == [3, 1]


def test_of_51_tables_the_one_used_longest_ago_is_closed() -> None:
    def of(table: int, number: int) -> Record:
        return plain_record(number, t={"S": f"{table:02d}"})

    tables = [of(table, table) for table in range(MAX_OPEN_TABLES)]
    again = [*tables, of(0, 100), of(MAX_OPEN_TABLES, 101), of(0, 102), of(1, 103)]
    result = written(MemoryStore(), again, tableBy=["t"])
    by_table = {part.table: [p.records for p in result.parts if p.table == part.table] for part in result.parts}
    assert len(by_table) == MAX_OPEN_TABLES + 1
    assert by_table["00"] == [3]
    assert by_table["01"] == [1, 1]
    assert [part.key for part in result.parts if part.table == "01"] == [
        "exports/x/table=01/part-00001.csv.gz",
        "exports/x/table=01/part-00002.csv.gz",
    ]


def test_parts_are_listed_by_table_and_number() -> None:
    records = [plain_record(n, t={"S": "ab"[n % 2]}) for n in range(6)]
    keys = [part.key for part in written(MemoryStore(), records, tableBy=["t"], maxRecordsPerPart=1).parts]
    assert len(keys) == 6
    assert all(one < other for one, other in pairwise(keys))


def test_an_empty_window_gives_no_part_or_a_header_as_the_definition_says() -> None:
    assert written(MemoryStore(), []) == Written((), {}, 0, 0)
    store = MemoryStore()
    result = written(store, [], emptyPolicy="header", tableBy=["t"])
    assert store.plain(result.parts[0]) == b"id,uploadedOn\r\n"
    assert (result.parts[0].key, result.parts[0].records) == ("exports/x/part-00001.csv.gz", 0)
    assert result.columns == {"": [{"name": "id", "type": "null"}, {"name": "uploadedOn", "type": "null"}]}
    store = MemoryStore()
    result = written(store, [], emptyPolicy="header", columns=["b", "a"], format={"type": "JSON"})
    assert json.loads(store.plain(result.parts[0])) == []
    assert [column["name"] for column in result.columns[""]] == ["b", "a"]


@pytest.mark.parametrize("columns", [None, ["id", "note"]])
@pytest.mark.parametrize("bad", [{"S": "secret \ud800"}, {"N": "secret"}, {"X": b"secret"}, {"S": {"secret"}}])
def test_a_record_that_cannot_be_held_is_named_but_its_value_is_not(columns: list[str] | None, bad: Any) -> None:
    records = [plain_record(n, note=bad if n == 2 else {"S": "fine"}) for n in range(5)]
    store = MemoryStore()
    result = written(store, records, columns=columns)
    assert (counts(result), result.records) == ([4], 4)
    assert [row[-1] for row in rows(store, result)] == ["note", *["fine"] * 4]
    (listed,) = listed_lines(store, result)
    assert {**listed, "reason": ""} == {"key": ["r000002"], "table": "", "errorCode": "UNWRITABLE_VALUE", "reason": ""}
    assert listed["reason"].startswith('cannot be written as CSV: column "note" holds')
    assert "secret" not in json.dumps(listed)


DEEP: dict[str, Any] = {"N": "1"}
for _ in range(300):
    DEEP = {"L": [DEEP]}


@pytest.mark.parametrize("columns", [None, ["id", "a", "a.b"]])
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(DEEP, id="nested-300-deep"),
        pytest.param(5, id="no-map"),
        pytest.param({"S": "x", "M": ["x"]}, id="two-kinds"),
        pytest.param({"B": "no bytes"}, id="text-as-binary"),
        pytest.param({"B": "AAAA"}, id="base64-as-binary"),
        pytest.param({"BS": ["AAAA"]}, id="texts-as-binaries"),
        pytest.param({"S": b"bytes"}, id="binary-as-text"),
        pytest.param({"NS": ["1e99999999999999999999"]}, id="beyond-any-number"),
    ],
)
def test_what_only_a_source_of_ones_own_can_give_is_listed_and_stops_nothing(
    columns: list[str] | None, bad: Any
) -> None:
    store = MemoryStore()
    records = [plain_record(0), plain_record(1, a=bad), plain_record(2)]
    result = written(store, records, columns=columns, tableBy=["a"])
    assert result.records == 2
    (line,) = listed_lines(store, result)
    assert (line["key"], line["errorCode"]) == (["r000001"], "UNWRITABLE_VALUE")
    assert 'column "a"' in line["reason"]


def test_a_name_of_an_attribute_that_is_no_text_is_listed_and_stops_nothing() -> None:
    store = MemoryStore()
    values: dict[Any, Any] = {"id": {"S": "odd"}, 1: {"S": "x"}}
    odd = record(values)
    result = written(store, [plain_record(0), odd])
    assert (result.records, [line["key"] for line in listed_lines(store, result)]) == (1, [["odd"]])


def test_an_attribute_called_as_the_writers_own_mark_for_binary_comes_back_as_it_was() -> None:
    store = MemoryStore()
    values: dict[str, Any] = {
        "id": {"S": "r"},
        "b64": {"S": "AA=="},
        "m": {"M": {"b64": {"S": "AA=="}}},
        "b": {"B": b"\x00"},
    }
    result = written(store, [record(values)], format={"type": "JSONL"})
    assert json.loads(store.plain(result.parts[0])) == {"id": "r", "b64": "AA==", "m": {"b64": "AA=="}, "b": "AA=="}


def test_what_only_failed_records_have_is_no_column_no_part_and_no_table() -> None:
    odd = Record(("a", "b"), None, {"id": {"S": "a"}, "x\udfff": {"S": "v"}})
    bad = plain_record(2, t={"S": "only bad"}, late={"S": "\ud800"})
    store = MemoryStore()
    result = written(store, [plain_record(1), bad, odd], tableBy=["t"])
    assert list(result.columns) == ["_none"]
    assert [column["name"] for column in result.columns["_none"]] == ["id", "uploadedOn"]
    assert [(part.table, part.records) for part in result.parts] == [("_none", 1)]
    assert [(line["key"], line["table"]) for line in listed_lines(store, result)] == [
        (["a", "b"], "_none"),
        (["r000002"], "only bad"),
    ]
    assert "x\\udfff" in listed_lines(store, result)[0]["reason"]


def test_a_part_is_not_begun_for_records_that_all_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.parts.DISCOVERY_RECORDS", 2)
    bad = [plain_record(n, late={"S": "\ud800"}) for n in (3, 4)]
    for columns in (None, ["id"]):
        store = MemoryStore()
        result = written(store, [*(plain_record(n) for n in range(3)), *bad], maxRecordsPerPart=3, columns=columns)
        assert counts(result) == [3] if columns is None else [3, 2]
        assert [len(rows(store, result, n)) for n in range(len(result.parts))] == [1 + n for n in counts(result)]


def test_the_largest_list_is_taken_and_one_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.failed.MOST_FAILED", 10)
    failed = [FailedRecord((f"k{n}",), "BAD_TIME", "is bad") for n in range(11)]
    parts = writer(MemoryStore())
    parts.fail(failed[:10])
    with pytest.raises(
        FatalError, match=r'11 records cannot be exported.*"k0", "k1", "k2", "k3", "k4", or raise'
    ) as caught:
        parts.fail(failed[10:])
    assert caught.value.code == "TOO_MANY_FAILED_RECORDS"


def test_what_was_written_survives_as_json() -> None:
    result = written(MemoryStore(), [record(values) for values in MIX])
    assert Written.of(json.loads(json.dumps(result.document()))) == result


def test_progress_tells_records_bytes_and_tables() -> None:
    parts = writer(MemoryStore(), tableBy=["t"], columns=["id"])
    assert (parts.records, parts.bytes, parts.tables) == (0, 0, ())
    parts.add([plain_record(1, t={"S": "b"}), plain_record(2, t={"S": "a"})])
    assert (parts.records, parts.bytes, parts.tables) == (2, 2 * len(b"id\r\nr000001\r\n"), ("a", "b"))


def test_a_checkpoint_of_another_version_is_refused() -> None:
    chosen: Definition = definition()
    for state in (b"tidegate parts 1 2\n{}", b"", b"something else"):
        with pytest.raises(FatalError, match="another version") as caught:
            PartWriter(chosen, "exports/x/", "work/1/", MemoryStore(), ("id",), state)
        assert caught.value.code == "CHECKPOINT_UNREADABLE"
