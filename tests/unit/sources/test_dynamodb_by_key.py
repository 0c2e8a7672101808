"""Overrides: exactly the records with these keys, in their order, and who owns them (SPEC 7)."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tidegate.errors import FatalError, RejectedError
from tidegate.sources import Ask

if TYPE_CHECKING:
    from unit.sources.conftest import Bench


def test_the_records_come_in_the_order_of_the_file_100_a_page_from_every_cursor(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n}", n) for n in range(250)])
    source = bench.source(table)
    ask = Ask("s", keys=[(f"r{n}",) for n in reversed(range(250))])
    pages = bench.pages(source, ask)
    assert bench.ids(pages) == [f"r{n}" for n in reversed(range(250))]
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert all(one.time_millis is None for page in pages for one in page.records)
    for at, page in enumerate(pages[:-1]):
        assert bench.ids(bench.pages(source, ask, json.loads(json.dumps(page.cursor)))) == bench.ids(pages[at + 1 :])


def test_missing_keys_are_listed_and_those_of_other_studies_counted(bench: Bench) -> None:
    table = bench.table([bench.record("a", 1), bench.record("b", 1, "other"), bench.record("c", 1)])
    (page,) = bench.pages(bench.source(table), Ask("s", keys=[("c",), ("x",), ("b",), ("a",)]))
    assert (bench.ids([page]), page.missing, page.filtered) == (["c", "a"], [("x",)], 1)


def test_four_pages_are_asked_for_at_once(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n}", n) for n in range(800)])
    together = threading.Barrier(4)

    def meet(name: str, _arguments: dict[str, Any]) -> None:
        if name == "batch_get_item":
            together.wait(timeout=30)  # BrokenBarrierError where fewer than four are under way

    table.before = meet
    pages = bench.pages(bench.source(table), Ask("s", keys=[(f"r{n}",) for n in range(800)]))
    assert bench.ids(pages) == [f"r{n}" for n in range(800)]


def test_no_keys_are_no_page(bench: Bench) -> None:
    assert bench.pages(bench.source(bench.table([])), Ask("s", keys=[])) == []


@pytest.mark.parametrize("record_key", [None, ["uploadedOn", "id"]])
def test_composite_keys_are_given_in_the_order_of_the_record_key(bench: Bench, record_key: list[str] | None) -> None:
    table = bench.table([bench.record("a", 7)], key=("id", "uploadedOn"))
    source = bench.source(table, bench.export(recordKey=record_key))
    key = ("a", "7") if record_key is None else ("7", "a")
    (page,) = bench.pages(source, Ask("s", keys=[key, tuple(reversed(key)), ("a",)]))
    assert [one.key for one in page.records] == [key]
    assert page.missing == [tuple(reversed(key)), ("a",)]
    assert source.names().key == tuple(record_key or ("id", "uploadedOn"))


def test_two_ways_to_write_a_number_are_one_record(bench: Bench) -> None:
    table = bench.table([{**bench.record("a", 7), "id": {"N": "100"}}])
    table.types["id"] = "N"
    keys = [("100.0",), ("1e2",), ("100",), ("hundred",), ("1E+200",), ("1" * 39,), ("",)]
    (page,) = bench.pages(bench.source(table), Ask("s", keys=keys))
    assert bench.ids([page]) == ["100"]
    assert page.missing == keys[3:]


def test_binary_keys_are_base64(bench: Bench) -> None:
    table = bench.table([{**bench.record("a", 7), "id": {"B": b"\x00\xff"}}])
    table.types["id"] = "B"
    text = base64.b64encode(b"\x00\xff").decode()
    (page,) = bench.pages(bench.source(table), Ask("s", keys=[(text,), ("not base64!",)]))
    assert (bench.ids([page]), page.missing) == ([text], [("not base64!",)])


@pytest.mark.parametrize("key", ["", "x" * 2049, "\ud800"])
def test_a_key_that_no_item_can_have_is_missing_and_not_asked_for(bench: Bench, key: str) -> None:
    table = bench.table([])
    (page,) = bench.pages(bench.source(table), Ask("s", keys=[(key,)]))
    assert page.missing == [(key,)]
    assert "batch_get_item" not in table.names()


def test_owners_finds_the_study_of_each_key_that_exists(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n}", n, f"s{n % 3}") for n in range(450)])
    table.items.append({"id": {"S": "nobody's"}})
    keys = [*((f"r{n}",) for n in range(460)), ("nobody's",)]
    owners = bench.source(table).owners(keys)
    assert owners == {(f"r{n}",): f"s{n % 3}" for n in range(450)}
    request: Any = table.calls[-1][1]["RequestItems"]["Records"]
    assert set(request["ExpressionAttributeNames"].values()) == {"id", "studyId"}


def test_a_record_key_that_is_not_the_tables_key_cannot_be_looked_up(bench: Bench) -> None:
    source = bench.source(bench.table([]), bench.export(recordKey="serial"))
    with pytest.raises(RejectedError, match="recordIdS3Override") as refused:
        source.owners([("1",)])
    with pytest.raises(FatalError) as failed:
        list(source.pages(Ask("s", keys=[("1",)]), None))
    assert (refused.value.code, failed.value.code) == ("CONFLICTING_FIELDS", "OVERRIDE_UNSUPPORTED")
    assert "recordKey" in refused.value.remedy


def test_an_ask_is_either_for_a_window_or_for_keys(bench: Bench) -> None:
    for window, keys in ((None, None), (bench.window(0, 1), ())):
        with pytest.raises(ValueError, match="either"):
            Ask("s", window, keys)
