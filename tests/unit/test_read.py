"""The step that reads: only the tables that were asked for, what is left out counted; which table a record is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.definition import from_document
from tidegate.model import FailedRecord, Page, Record
from tidegate.read import read
from tidegate.sources import Ask
from tidegate.tables import table_of

BY_SCHEMA = from_document({"source": {"type": "sample"}, "tableBy": ["schema"]}, 1)
BY_BOTH = from_document({"source": {"type": "sample"}, "tableBy": ["schema", "revision"]}, 1)
PLAIN = from_document({"source": {"type": "sample"}}, 1)
ASK = Ask("s", keys=[])


def record(**values: dict[str, Any]) -> Record:
    return Record(("r",), None, values)


class Canned:
    """Three pages, and whether somebody closed them."""

    def __init__(self) -> None:
        self.closed = False
        self.cursors: list[object] = []

    def pages(self, _ask: Ask, cursor: object) -> Iterator[Page]:
        self.cursors.append(cursor)
        try:
            for n, name in enumerate("aba"):
                yield Page([record(schema={"S": name})], n if n < 2 else None, deleted=1, filtered=1, missing=[("x",)])
        finally:
            self.closed = True


def test_without_a_whitelist_the_pages_are_the_sources_own() -> None:
    source = Canned()
    pages = list(read(source, ASK, "from here", BY_SCHEMA, None))
    assert [len(page.records) for page in pages] == [1, 1, 1]
    assert source.cursors == ["from here"]


def test_records_of_other_tables_are_counted_as_filtered_and_the_cursor_goes_on() -> None:
    pages = list(read(Canned(), ASK, None, BY_SCHEMA, ["a", "never seen"]))
    assert [(len(p.records), p.filtered, p.deleted, p.cursor) for p in pages] == [
        (1, 1, 1, 0),
        (0, 2, 1, 1),
        (1, 1, 1, None),
    ]
    assert all(not page.missing for page in pages)


def test_a_key_that_is_nowhere_is_a_failed_record_of_no_known_table() -> None:
    gone = FailedRecord(("x",), "NOT_THERE", "is no longer there", table=None)
    for tables in (None, ["a"]):
        assert [page.failed for page in read(Canned(), ASK, None, BY_SCHEMA, tables)] == [[gone]] * 3


def test_failed_records_of_other_tables_are_counted_as_filtered() -> None:
    class Failing:
        def pages(self, _ask: Ask, _cursor: object) -> Iterator[Page]:
            yield Page((), None, failed=[FailedRecord((name,), "BAD_TIME", "is bad", table=name) for name in "ab"])

    (page,) = read(Failing(), ASK, None, BY_SCHEMA, ["a"])
    assert ([one.key for one in page.failed], page.filtered) == ([("a",)], 1)


@pytest.mark.parametrize("tables", [None, ["a"]])
def test_stopping_early_closes_the_source(tables: list[str] | None) -> None:
    source = Canned()
    pages = read(source, ASK, None, BY_SCHEMA, tables)
    next(pages)
    pages.close()
    assert source.closed


@pytest.mark.parametrize(
    ("values", "table"),
    [
        ({"schema": {"S": "a"}, "revision": {"N": "3"}}, "a~3"),
        ({"schema": {"S": "a"}}, "_none"),
        ({"schema": {"S": ""}, "revision": {"N": "3"}}, "_none"),
        ({"schema": {"S": "\ud800"}, "revision": {"N": "3"}}, "_none"),
        ({"schema": {"S": "a"}, "revision": {"NULL": True}}, "_none"),
        ({"schema": {"S": "a"}, "revision": {"N": "0"}}, "a~0"),
        ({}, "_none"),
    ],
)
def test_a_table_is_named_by_its_attributes_joined(values: dict[str, Any], table: str) -> None:
    assert table_of(record(**values), BY_BOTH) == table


def test_an_export_without_tables_has_one_that_has_no_name() -> None:
    assert table_of(record(schema={"S": "a"}), PLAIN) == ""
