"""What a source of one's own gives, to the letter: each error says where and what, and never a value."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tidegate.errors import FatalError
from tidegate.instants import parse_rfc3339, to_millis
from tidegate.model import Record
from tidegate.sources.own.result import RowPage, Rules, extra_keys, page_of, record_of

CSV = Rules("visits", (), "", None, header_wanted=True, extra_kept=False)
JSON = replace(CSV, header_wanted=False, extra_kept=True)
SECRET = "do-not-tell"
NINE = [{"id": n, "status": SECRET} for n in range(9)]


def refused(result: object, rules: Rules = CSV, before: RowPage | None = None, rows_before: int = 0) -> str:
    with pytest.raises(FatalError) as caught:
        read(page_of(result, rules, before, rows_before), rules)
    assert caught.value.code == "SOURCE_RESULT"
    assert "source visits" in caught.value.message
    assert "tidegate sources show visits" in caught.value.remedy
    assert SECRET not in str(caught.value)
    return caught.value.message


def table(*rows: object, header: object = ("id", "status"), **more: object) -> dict[str, Any]:
    return {"headerRow": header, "data": list(rows), **more}


def read(page: RowPage, rules: Rules) -> list[Record]:
    return [record_of(number, row, page.header, rules) for number, row in enumerate(page.rows, 1)]


def records(result: object, rules: Rules) -> list[Record]:
    return read(page_of(result, rules, None, 0), rules)


def test_a_header_and_rows_become_records_with_the_values_that_they_had() -> None:
    (record,) = records(table({"status": "", "id": 1444}), CSV)
    assert (record.key, record.time_millis) == (("1",), None)
    assert list(record.values.items()) == [("id", {"N": "1444"}), ("status", {"S": ""})]


def test_null_is_a_value_and_a_missing_key_is_an_error() -> None:
    assert records(table({"id": None, "status": None}), CSV)[0].values["id"] == {"NULL": True}
    assert "row 1 lacks the key 'id'" in refused(table({"status": "x"}))


def test_the_row_that_lacks_a_key_is_named_with_the_key() -> None:
    rows = [*NINE[:6], {"id": SECRET}, *NINE[7:]]
    assert "row 7 lacks the key 'status'" in refused(table(*rows))
    assert "row 1007 lacks the key 'status'" in refused(table(*rows), rows_before=1000)


@pytest.mark.parametrize(
    ("row", "kind"), [([1, SECRET], "a list"), (SECRET, "text"), (None, "null"), (7, "a number"), ({1}, "the type set")]
)
def test_a_row_that_is_no_object_is_named_by_its_number(row: object, kind: str) -> None:
    assert f"row 3 is {kind}" in refused(table(*NINE[:2], row)).replace("of the", "the")


@pytest.mark.parametrize(
    ("header", "finding"),
    [
        (["id", 5], "name 2 of 'headerRow' is a number, not text"),
        (["id", None], "name 2 of 'headerRow' is null, not text"),
        (["id", "status", "id"], "'headerRow' names 'id' twice"),
        ([], "'headerRow' is empty"),
        ("id", "'headerRow' is text, not a list"),
        (["id", "\ud800"], "name 2 of 'headerRow' is empty, or not Unicode text"),
        (["", "id"], "name 1 of 'headerRow' is empty"),
    ],
    ids=["number", "null", "twice", "empty", "text", "surrogate", "nameless"],
)
def test_a_header_is_a_list_of_different_texts(header: object, finding: str) -> None:
    assert finding in refused(table(header=header))


@pytest.mark.parametrize(
    ("result", "finding"),
    [
        ({}, "an object without 'headerRow' and 'data'"),
        ({"headerRow": ["id"]}, "an object without 'data'"),
        ({"headerRow": ["id"], "data": {}}, "'data' is an object, not a list"),
        ({"headerRow": ["id"], "data": None}, "'data' is null, not a list"),
        ({"headerRow": ["id"], "data": [], "rows": 1}, "the key 'rows'; it may have headerRow, data, cursor"),
        (None, "null, where an object"),
        (SECRET, "text, where an object"),
        ({"data": []}, "no 'headerRow'"),
        ([], "no 'headerRow'"),
        ({"headerRow": ["id"], "data": [], "cursor": {1, 2}}, "'cursor' is no JSON"),
        ({"headerRow": ["id"], "data": [], "cursor": float("nan")}, "'cursor' is no JSON"),
    ],
    ids=["empty", "no data", "object", "null", "unknown", "none", "text", "no header", "list", "set", "nan"],
)
def test_any_other_form_is_refused(result: object, finding: str) -> None:
    assert finding in refused(result)


def test_json_needs_no_header_and_keeps_every_key() -> None:
    rows = [{"b": 1, "a": 2}, {"c": 3}]
    for result in (rows, {"data": rows}):
        assert [list(record.values) for record in records(result, JSON)] == [["b", "a"], ["c"]]
    assert [list(record.values) for record in records(table({"id": 1, "status": 2, "x": 3}), JSON)] == [
        ["id", "status", "x"]
    ]


def test_a_header_that_is_given_binds_json_as_well() -> None:
    assert "row 1 lacks the key 'status'" in refused(table({"id": 1}), JSON)


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({}, "row 1 has no key at all"),
        ({1: 2}, "row 1 has a key that is a number"),
        ({"\ud800": 1}, "row 1 .* Unicode"),
        ({"a": 1, "": 2}, "row 1 .* is empty"),
    ],
    ids=["empty", "number", "surrogate", "nameless"],
)
def test_a_row_without_a_header_needs_keys_that_are_text(row: object, finding: str) -> None:
    assert re.search(finding, refused([row], JSON))


def test_csv_leaves_out_what_the_header_does_not_name_and_counts_it() -> None:
    rows = [{"id": 1, "status": 2, "x": 3, "y": 4}, {"id": 1, "status": 2}]
    assert [list(record.values) for record in records(table(*rows), CSV)] == [["id", "status"]] * 2
    assert extra_keys(rows, ("id", "status")) == 2


def test_a_value_that_no_file_can_hold_is_named_by_row_and_key() -> None:
    message = refused(table({"id": 1, "status": 2}, {"id": 1, "status": {SECRET}}))
    assert "in row 2 the value of 'status' is of the type set" in message


def test_every_page_has_the_header_of_the_first_or_none() -> None:
    first = page_of(table({"id": 1, "status": 2}), CSV, None, 0)
    assert page_of({"data": []}, CSV, first, 1).header == ("id", "status")
    assert "'headerRow' is not that of its first page" in refused(table(header=["status", "id"]), CSV, first)
    headless = page_of([{"id": 1}], JSON, None, 0)
    assert "'headerRow' is not that of its first page" in refused(table(), JSON, headless)


def test_columns_of_the_module_are_the_header_and_may_be_repeated() -> None:
    rules = replace(CSV, header=("id", "status"))
    assert page_of([{"id": 1, "status": 2}], rules, None, 0).header == ("id", "status")
    assert page_of(table(), rules, None, 0).header == ("id", "status")
    assert "not that of the COLUMNS of its module" in refused(table(header=["id"]), rules)


@pytest.mark.parametrize(
    ("at", "millis"),
    [
        (1475539199999, 1475539199999),
        ("2016-10-03T23:59:59.999Z", 1475539199999),
        ("2016-10-04T00:59:59.999999+01:00", 1475539199999),
    ],
    ids=str,
)
def test_key_and_time_are_read_from_the_row_which_stays_as_it_is(at: object, millis: int) -> None:
    rules = replace(CSV, key=("id", "status"), time="seen")
    result = table({"id": "a", "status": Decimal("7"), "seen": at}, header=["id", "status", "seen"])
    (record,) = records(result, rules)
    assert (record.key, record.time_millis) == (("a", "7"), millis)
    assert "seen" in record.values
    assert millis == to_millis(parse_rfc3339("2016-10-03T23:59:59.999Z"))


@pytest.mark.parametrize("at", ["2016-10-03", "2016-10-03T23:59:59", "", None, 1.5, True, [], "soon"], ids=repr)
def test_a_time_that_is_none_is_refused(at: object) -> None:
    rules = replace(JSON, key=("id",), time="seen")
    assert "in row 1 the value of 'seen', the record's time, is neither" in refused([{"id": 1, "seen": at}], rules)


@pytest.mark.parametrize("key", ["", None, True, [], b"x"], ids=repr)
def test_a_key_that_is_none_is_refused(key: object) -> None:
    rules = replace(JSON, key=("id",), time="seen")
    assert "in row 1 the value of 'id', the record's key" in refused([{"id": key, "seen": 1}], rules)


def test_a_header_has_to_name_key_time_and_the_tables_of_the_export() -> None:
    rules = replace(CSV, key=("id",), time="seen", needed=("ward",))
    assert "lacks 'seen'" in refused(table(header=["id", "ward"]), rules)
    assert "lacks 'ward'" in refused(table(header=["id", "seen"]), rules)
    assert "lacks 'ward'" in refused({"data": []}, replace(rules, header=("id", "seen")))
    assert "row 1 lacks the key 'seen'" in refused([{"id": 1}], replace(JSON, key=("id",), time="seen"))
