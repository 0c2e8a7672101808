"""Record values of any kind: each record is in a file that reads back to the same values, or it is listed."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.fuzz_tally import Tally, counted, tries
from faults.fuzz_values import (
    LARGE,
    NAMES,
    NOT_WIRE_FORM,
    VALUES,
    Item,
    at,
    fits_cell,
    meant,
    read_csv,
    read_json,
)
from tidegate.model import Record
from tidegate.write import PartWriter, Written
from unit.part_samples import MemoryStore, definition

Properties = Callable[[str, object], None]
SELECTED = [("id", "id"), ("a", "first"), ("a.b", "=below"), ("nowhere", "n")]
COLUMNS = {"columns": [{"from": path, "as": name} for path, name in SELECTED]}
FORMATS = [
    {"type": kind, "compression": compression, "formulaGuard": guard}
    for kind, compression, guard in [
        ("CSV", "none", True), ("CSV", "gzip", False), ("JSON", "none", True), ("JSONL", "gzip", True),
    ]
]  # fmt: skip
SHAPES: list[dict[str, Any]] = [{}, COLUMNS, {"tableBy": ["t"]}, {"maxRecordsPerPart": 1}, {"maxBytesPerPart": 40}]
DOCUMENTS = [{"format": one, **other} for one, other in itertools.product(FORMATS, SHAPES)]


def exported(
    document: dict[str, Any], items: Sequence[Item], cut: int
) -> tuple[Written, list[dict[str, Any]], MemoryStore]:
    """What a writer makes of records, handed over in two steps with a checkpoint between; and its redrive list."""
    store, made = MemoryStore(), definition(**document)
    records = [Record((item["id"]["S"],), None, item) for item in items]
    writer = PartWriter(made, "exports/x/", "work/1/", store, ("id",), None)
    writer.add(records[:cut])
    writer = PartWriter(made, "exports/x/", "work/1/", store, ("id",), writer.state())
    writer.add(records[cut:])
    written = writer.finish()
    assert all(key.startswith("work/1/") for key in store.objects)
    listed = b"" if written.failed is None else store.stored(written.failed.file)
    return written, [json.loads(line) for line in listed.splitlines()], store


def check(document: dict[str, Any], items: Sequence[Item], cut: int = 0) -> list[dict[str, Any]]:
    """Export items that have distinct ids, and prove that each is in a part, whole, or listed; the listed ones."""
    written, listed, store = exported(document, items, cut)
    by_id = {item["id"]["S"]: item for item in items}
    kind, found = document["format"]["type"], []
    for part in written.parts:
        data = store.stored(part)
        data = gzip.decompress(data) if part.key.endswith(".gz") else data
        ids = _csv_ids(data, document, by_id) if kind == "CSV" else _json_ids(data, document, by_id)
        assert len(ids) == part.records
        found += ids
    assert sorted([*found, *(line["key"][0] for line in listed)]) == sorted(by_id)
    assert all(line["errorCode"] == "UNWRITABLE_VALUE" for line in listed)
    assert written.records == len(found)
    return listed


def _csv_ids(data: bytes, document: dict[str, Any], by_id: dict[str, Item]) -> list[str]:
    guarded = document["format"]["formulaGuard"]
    header, rows = read_csv(data)
    paths = [path for path, _ in SELECTED] if "columns" in document else header
    for row in rows:
        item = by_id[row[header.index("id")]]
        if "columns" in document:
            values = [at(item, path) for path in paths]
        else:
            plain = {("'" + name if guarded and name[:1] in set("=+-@\t\r") else name): item[name] for name in item}
            assert set(plain) <= set(header)
            values = [plain.get(name) for name in header]
        assert all(fits_cell(cell, value, guarded=guarded) for cell, value in zip(row, values, strict=True))
    return [row[header.index("id")] for row in rows]


def _json_ids(data: bytes, document: dict[str, Any], by_id: dict[str, Item]) -> list[str]:
    found = read_json(data, document["format"]["type"])
    for row in found:
        item = by_id[row["id"]]
        paths = SELECTED if "columns" in document else [(name, name) for name in item]
        chosen = {name: at(item, path) for path, name in paths}
        assert row == {name: meant(value) for name, value in chosen.items() if value is not None}
    return [row["id"] for row in found]


def numbered(items: Sequence[Item]) -> list[Item]:
    return [{**item, "id": {"S": f"r{number}"}} for number, item in enumerate(items)]


def test_any_values_that_dynamodb_can_hold_read_back_the_same_from_every_format(record_property: Properties) -> None:
    items = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=5)

    @tries(160, 5_000)
    @given(st.sampled_from(DOCUMENTS), items, st.integers(0, 5))
    def run(document: dict[str, Any], items: list[Item], cut: int) -> None:
        tally.inputs += len(items)
        assert check(document, numbered(items), cut) == []
        tally.accepted += len(items)

    with counted(record_property, "record values: all that DynamoDB holds") as tally:
        run()
        _try_wrong(tally, DOCUMENTS[0], {"S": "\ud800"})


def _try_wrong(tally: Tally, document: dict[str, Any], value: Any) -> None:
    items = numbered([{"a": {"S": "before"}}, {"a": value}, {"a": {"S": "behind"}}])
    (line,) = check(document, items)
    assert line["key"] == ["r1"]
    assert '"a"' in line["reason"] or '"first"' in line["reason"]
    tally.inputs += 3
    tally.accepted += 2
    tally.listed(line["errorCode"])


def test_what_no_file_can_hold_is_listed_and_harms_no_other_record(record_property: Properties) -> None:
    with counted(record_property, "record values: not of DynamoDB's form") as tally:
        for document, value in itertools.product(DOCUMENTS, NOT_WIRE_FORM):
            if "columns" in document and value is None:
                continue  # as good as missing
            _try_wrong(tally, document, value)


@pytest.mark.parametrize("document", [DOCUMENTS[0], DOCUMENTS[10], DOCUMENTS[15]], ids=["csv", "json", "jsonl"])
def test_items_of_400_kb_read_back_the_same(document: dict[str, Any]) -> None:
    assert check(document, numbered(LARGE), 4) == []


def test_names_of_attributes_are_listed_or_read_back_too(record_property: Properties) -> None:
    names: list[Any] = [
        "\ud800",
        "a\udfff",
        1,
        None,
        b"n",
        "",
        "=n",
        "\x00",
        "x" * 60_000,
        '"',
        "a\r\nb",
        "table",
        "errorCode",
    ]
    with counted(record_property, "record values: names of attributes") as tally:
        for document, name in itertools.product(DOCUMENTS, names):
            if "columns" in document:
                continue
            listed = check(document, numbered([{"a": {"S": "x"}}, {name: {"S": "y"}}]))
            tally.inputs += 2
            tally.accepted += 2 - len(listed)
            for line in listed:
                tally.listed(line["errorCode"])
