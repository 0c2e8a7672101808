"""The native library against the Python path: the same bytes, or a refusal."""

import _ctypes
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.reference import Result, body_of, lines_result, page_result
from tidegate.dialects import QUOTINGS, Dialect
from tidegate.model import AttributeValue
from tidegate.native import (
    FORMATS,
    ByTable,
    ItemSpec,
    Refusal,
    Rows,
    RowSpec,
    Transcoder,
    available,
    why_not,
    writes_dialect,
)
from tidegate.native.library import MOST_TABLES, Library, UnusableLibraryError
from unit.part_samples import MIX, dialects, wire_records

ITEMS = ItemSpec(("id",), "at", "epochMillis", None)
ALL = (0, 1 << 60)
Item = dict[str, AttributeValue]


def rows_of(format_name: str, *columns: str, others: bool = True, guard: bool = True) -> RowSpec:
    return RowSpec(format_name, formula_guard=guard, columns=tuple((name, name) for name in columns), others=others)


def item(number: int, **more: AttributeValue) -> Item:
    return {"id": {"S": f"r{number}"}, "at": {"N": str(1000 + number)}, **more}


def transcribed(
    body: bytes, rows: RowSpec | ByTable | None, items: ItemSpec = ITEMS, window: tuple[int, int] = ALL
) -> Rows:
    answer = Transcoder(items, rows).page(body, *window)
    assert isinstance(answer, Rows)
    return answer


def agrees(
    body: bytes, rows: RowSpec | ByTable | None, items: ItemSpec = ITEMS, window: tuple[int, int] = ALL
) -> Result:
    found = Result.of(transcribed(body, rows, items, window))
    assert found == page_result(body, items, rows, *window)
    return found


def refused(body: bytes, rows: RowSpec | ByTable | None = None) -> bool:
    return Transcoder(ITEMS, rows).page(body, *ALL) is Refusal.UNEXPECTED


def test_the_library_is_there_because_make_install_builds_it() -> None:
    assert (available(), why_not()) == (True, "")


def test_a_library_that_is_missing_or_another_one_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnusableLibraryError, match=r"was not built\. Build it with 'make native'"):
        Library(tmp_path / "libtranscode.so")
    (tmp_path / "broken.so").write_bytes(b"no library")
    with pytest.raises(UnusableLibraryError, match="cannot be loaded"):
        Library(tmp_path / "broken.so")
    with pytest.raises(UnusableLibraryError, match="is not the native library"):
        Library(Path(_ctypes.__file__))


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_real_mix_gives_the_bytes_of_the_python_path(format_name: str) -> None:
    names = sorted(set().union(*MIX))
    items = ItemSpec(("id",), "uploadedOn", "epochMillis", None)
    body = body_of(MIX, {"id": {"S": "a-2"}, "b": {"B": b"\x00"}})
    found = agrees(body, rows_of(format_name, *names, others=False), items)
    assert found.last_key == {"id": {"S": "a-2"}, "b": {"B": b"\x00"}}
    assert found.kinds[names.index("nothing")] == {"NULL", "S"}
    assert found.identities == [("a-1",), ("a-2",)]


@given(st.lists(wire_records(), max_size=4), st.sampled_from((*FORMATS, None)), st.booleans(), st.data())
@settings(max_examples=50, deadline=None)
def test_any_records_give_the_bytes_of_the_python_path(
    records: list[Item], format_name: str | None, guard: bool, data: st.DataObject
) -> None:
    # A name that is written with escapes refuses the page, so that there would be nothing to compare.
    plain = [{n: v for n, v in r.items() if n.isprintable() and not {'"', "\\"} & set(n)} for r in records]
    found = [{**record, **item(number)} for number, record in enumerate(plain)]
    names = sorted({"id", "at", "a"}.union(*found))
    columns = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    shown = data.draw(st.none() | st.frozensets(st.sampled_from(names)))
    rows = None if format_name is None else rows_of(format_name, *columns, guard=guard)
    low = data.draw(st.integers(999, 1005))
    agrees(
        body_of(found), rows, ItemSpec(("id",), "at", "epochMillis", shown), (low, data.draw(st.integers(low, 1006)))
    )


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_packed_gives_the_rows_that_the_page_gives(format_name: str) -> None:
    items = ItemSpec(("id", "uploadedOn"), "uploadedOn", "epochMillis", None)
    rows = rows_of(format_name, *sorted(set().union(*MIX)), others=False)
    packed = agrees(body_of(MIX), None, items)
    assert packed.seen == set().union(*MIX)
    answer = Transcoder(items, rows).lines(packed.data)
    assert isinstance(answer, Rows)
    assert Result.of(answer) == lines_result(packed.data, rows)
    assert bytes(answer.data) == agrees(body_of(MIX), rows, items).data


@pytest.mark.parametrize(
    ("notation", "value"),
    [
        ("epochMillis", {"N": "1475539199999"}),
        ("epochMillis", {"N": "-1.5"}),
        ("epochMillis", {"N": "-0"}),
        ("epochSeconds", {"N": "1475539199.9996"}),
        ("epochSeconds", {"N": "-0.0005"}),
        ("epochSeconds", {"N": "1.5"}),
        ("iso8601", {"S": "2024-02-29T23:59:59Z"}),
        ("iso8601", {"S": "0001-01-01T00:00:00.9Z"}),
        ("iso8601", {"S": "9999-12-31T23:59:59.999999999+00:00"}),
    ],
)
def test_a_time_is_the_same_to_the_millisecond_in_every_notation(notation: str, value: AttributeValue) -> None:
    body = body_of([{"id": {"S": "x"}, "at": value}])
    agrees(body, rows_of("CSV", "at"), ItemSpec(("id",), "at", notation, None), (-(1 << 62), 1 << 62))


@pytest.mark.parametrize(
    "value",
    [
        {"S": "2023-02-29T00:00:00Z"},
        {"S": "2024-13-01T00:00:00Z"},
        {"S": "2024-01-01T24:00:00Z"},
        {"S": "2024-01-01T00:00:00+01:00"},
        {"S": "2024-01-01T00:00:00.Z"},
        {"S": "0000-01-01T00:00:00Z"},
        {"N": "1"},
    ],
)
def test_what_is_no_time_refuses_the_page(value: AttributeValue) -> None:
    items = ItemSpec(("id",), "at", "iso8601", None)
    answer = Transcoder(items, rows_of("CSV", "id")).page(body_of([{"id": {"S": "x"}, "at": value}]), *ALL)
    assert answer is Refusal.UNEXPECTED


def test_bounds_are_half_open_and_may_be_beyond_what_64_bits_hold() -> None:
    body = body_of([item(0), item(1), item(2)])
    assert agrees(body, rows_of("CSV", "id"), window=(1001, 1002)).data == b"r1\r\n"
    assert agrees(body, rows_of("CSV", "id"), window=(1002, 1002)).first_millis == 1000
    assert agrees(body, rows_of("CSV", "id"), window=(-(1 << 90), 1 << 90)).times == [1000, 1001, 1002]


def test_identities_can_be_asked_for_from_any_record_on() -> None:
    found: list[Item] = [{"id": {"S": 'a"é'}, "n": {"N": "1.50"}}, {"id": {"B": b"\xff"}, "n": {"N": "2"}}]
    body = body_of([{**one, "at": {"N": "1"}} for one in found])
    rows = transcribed(body, rows_of("CSV", "id"), ItemSpec(("id", "n"), "at", "epochMillis", None))
    assert rows.identities() == [('a"é', "1.50"), ("/w==", "2")]
    assert rows.identities(1) == [("/w==", "2")]
    assert rows.identities(2) == []


def test_a_record_with_another_attribute_refuses_the_page_unless_it_is_not_kept_or_not_shown() -> None:
    body = body_of([item(0), item(1, more={"S": "x"})])
    columns = rows_of("CSV", "id", "at", others=False)
    assert Transcoder(ITEMS, columns).page(body, *ALL) is Refusal.OTHER_COLUMN
    assert transcribed(body, columns, window=(0, 1001)).count == 1
    assert transcribed(body, columns, ItemSpec(("id",), "at", "epochMillis", frozenset({"id", "at"}))).count == 2


def test_columns_may_have_other_names_and_one_attribute_may_be_in_two() -> None:
    body = body_of([item(0, a={"SS": ["b", "a"]})])
    rows = RowSpec("JSONL", formula_guard=True, columns=(("z", "a"), ('"', "at"), ("y", "a")), others=True)
    assert agrees(body, rows).data == b'{"\\"":1000,"y":["a","b"],"z":["a","b"]}\n'


@given(st.lists(wire_records(), min_size=1, max_size=3), dialects().filter(writes_dialect), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_dialect_gives_the_bytes_of_the_python_path(records: list[Item], dialect: Dialect, guard: bool) -> None:
    plain = [{n: v for n, v in r.items() if n.isprintable() and not {'"', "\\"} & set(n)} for r in records]
    names = sorted({"a"}.union(*plain))
    rows = replace(rows_of("CSV", *names, guard=guard), dialect=dialect)
    agrees(body_of([{**record, **item(number)} for number, record in enumerate(plain)]), rows)


@pytest.mark.parametrize("quoting", QUOTINGS)
@pytest.mark.parametrize("mark", [None, "", "0", "true", "x", "[]"])
@pytest.mark.parametrize("columns", [("a",), ("a", "b")])
def test_what_reads_like_no_value_gets_quotes(quoting: str, mark: str | None, columns: tuple[str, ...]) -> None:
    values: list[AttributeValue] = [
        {"NULL": True}, {"S": ""}, {"S": "0"}, {"N": "0"}, {"BOOL": True}, {"S": "true"}, {"S": "x"}, {"L": []},
        {"S": "[]"}, {"S": 'x"'}, {"M": {"k": {"S": ";"}}},
    ]  # fmt: skip
    body = body_of([item(0), *(item(number, a=value) for number, value in enumerate(values))])
    for null_text, missing_text in ((mark, None), (None, mark), (mark, "x")):
        dialect = Dialect(";", quoting, "\n", null_text=null_text, missing_text=missing_text)
        agrees(body, replace(rows_of("CSV", *columns), dialect=dialect))


def test_a_backslash_between_cells_is_told_from_one_that_begins_an_escape() -> None:
    texts = ["\\", "line\nbreak", 'quo"te', "/", "plain", "\\\\n"]
    rows = replace(rows_of("CSV", "a", "b"), dialect=Dialect("\\"))
    found = agrees(body_of([item(number, a={"S": text}) for number, text in enumerate(texts)]), rows)
    assert found.data.startswith(b'"\\"\\\r\n"line\nbreak"\\\r\n')


def test_dialects_with_more_than_a_byte_between_cells_are_known_beforehand() -> None:
    assert [writes_dialect(Dialect(one)) for one in (",", "\t", "\x7f", "\u00a6", "\u2028")] == [True] * 3 + [False] * 2
    assert not writes_dialect(Dialect(null_text="\ud800"))


def test_lines_of_each_table_stand_together_by_their_first_records() -> None:
    kinds = ("b", "a", "b", "", "a~c", "b")
    found = agrees(body_of([item(n, kind={"S": kind}) for n, kind in enumerate(kinds)]), ByTable(("kind",)))
    assert [(table, len(ends)) for table, _, ends in found.by_table] == [("b", 3), ("a", 1), ("_none", 1), ("a~c", 1)]
    assert (found.tables, found.times) == ([0, 1, 0, 2, 3, 0], [1000, 1001, 1002, 1003, 1004, 1005])
    assert found.identities == [(f"r{number}",) for number in range(6)]


def test_tables_are_one_where_their_names_are_one_whatever_they_come_from() -> None:
    records = [
        item(0, a={"S": "x~y"}, b={"S": "1"}),
        item(1, a={"S": "x"}, b={"S": "y~1"}),
        item(2, a={"S": "x~y"}, b={"N": "1"}),
        item(3, a={"S": "_none"}),
        item(4, a={"S": "x"}, b={"BOOL": True}),
    ]
    found = agrees(body_of(records), ByTable(("a", "b")))
    assert [table for table, _, _ in found.by_table] == ["x~y~1", "_none"]
    hidden = agrees(
        body_of(records), ByTable(("a", "b")), ItemSpec(("id",), "at", "epochMillis", frozenset({"id", "b"}))
    )
    assert [table for table, _, _ in hidden.by_table] == ["_none"]


def test_the_name_of_a_table_is_the_text_that_is_meant_and_half_a_pair_is_none() -> None:
    body = body_of([item(0, a={"S": "x"}), item(1, a={"S": "y"})])
    escaped = body.replace(b'"x"', b'"\\u00e9\\n\\ud83d\\ude00"')
    assert agrees(escaped, ByTable(("a",))).by_table[0][0] == "\u00e9\n\N{GRINNING FACE}"
    assert refused(body.replace(b'"x"', b'"\\ud83d"'), ByTable(("a",)))


def test_a_page_of_more_tables_than_fit_is_refused() -> None:
    found = [item(number, kind={"N": str(number)}) for number in range(MOST_TABLES + 1)]
    assert len(agrees(body_of(found[:-1]), ByTable(("kind",))).by_table) == MOST_TABLES
    assert refused(body_of(found), ByTable(("kind",)))
    assert agrees(body_of([]), ByTable(("kind",))).by_table == []


def test_lines_without_columns_tell_which_attributes_occur_in_them() -> None:
    packed = agrees(body_of([item(0, a={"S": "x"}), item(1, bee={"N": "1"})]), None)
    answer = Transcoder(ITEMS, None).lines(packed.data)
    assert isinstance(answer, Rows)
    assert (sorted(answer.seen), answer.count) == (["a", "at", "bee", "id"], 2)
    assert Transcoder(ITEMS, None).lines(packed.data[1:]) is Refusal.UNEXPECTED


def deep(levels: int) -> AttributeValue:
    value: AttributeValue = {"N": "1"}
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"a": value}}
    return value


def test_values_nest_as_deep_as_dynamodb_allows_and_deeper_ones_are_refused() -> None:
    agrees(body_of([item(0, a=deep(32))]), rows_of("JSONL", "a"))
    assert refused(body_of([item(0, a=deep(41))]))
    assert refused(b'{"Count":1,"Items":[{"a":' + b'{"L":[' * 100_000)


VALUE = b'{"S":"x"}'


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b"}]", b"}] "),
        (b'"Count":1', b'"Count":2'),
        (b'"Count":1', b'"Count":1,"Count":1'),
        (b'"Count":1', b'"Other":1'),
        (VALUE, b'{"X":"x"}'),
        (VALUE, b'{"S":"x","N":"1"}'),
        (VALUE, b'{"NULL":false}'),
        (VALUE, b'{"N":"01"}'),
        (VALUE, b'{"N":"NaN"}'),
        (VALUE, b'{"B":"AB=="}'),
        (VALUE, b'{"B":"AAA"}'),
        (VALUE, b'{"S":"\\ud800"}'),
        (VALUE, b'{"S":"\\q"}'),
        (VALUE, b'{"S":"\x1f"}'),
        (VALUE, b'{"S":"\xc0\x80"}'),
        (VALUE, b'{"S":"\xed\xa0\x80"}'),
        (VALUE, b'{"M":{"a":{"N":"1"},"\\u0061":{"N":"2"}}}'),
        (VALUE, b'{"S":"x"},"a":{"S":"x"}'),
        (VALUE, b'{"NS":["1E1000000000"]}'),
    ],
)
def test_what_dynamodb_does_not_write_refuses_the_page(written: bytes, instead: bytes) -> None:
    body = body_of([item(0, a={"S": "x"})])
    assert body.count(written) == 1
    assert not refused(body, rows_of("JSONL", "a"))
    assert refused(body.replace(written, instead), rows_of("JSONL", "a"))


def test_anything_behind_a_page_refuses_it() -> None:
    body = body_of([item(0)])
    assert not refused(body)
    assert refused(body + b"\n")
    assert refused(body + body)
    assert refused(b"")


def test_the_last_key_holds_only_what_keys_can_hold_wherever_it_stands() -> None:
    for value in (b'{"L":[{"S":"x"}]}', b'{"BS":["AA=="]}', b'{"BOOL":true}'):
        assert refused(b'{"LastEvaluatedKey":{"a":%b},"Count":0,"Items":[]}' % value)
    rows = transcribed(b'{"LastEvaluatedKey":{"a":{"N":"1"}},"Count":0,"Items":[]}', None)
    assert (rows.last_key, rows.count, rows.first_millis) == ({"a": {"N": "1"}}, 0, None)


def test_a_page_whose_rows_are_many_times_as_long_is_written_all_the_same() -> None:
    names = [f"a column that few records have {number}" for number in range(2000)]
    agrees(body_of([item(number) for number in range(50)]), rows_of("CSV", *names, "id"))
    agrees(body_of([item(0, a={"L": [{"S": '"' * 100_000}, {"S": "\x01" * 60_000}]})]), rows_of("CSV", "a"))
    agrees(body_of([item(0, a={"S": '"' * 400_000})]), None)


def test_a_page_of_many_small_records_and_many_attributes_is_written_all_the_same() -> None:
    found = [item(number, **{f"name {number}": {"N": "1"}}) for number in range(3000)]
    agrees(body_of(found), rows_of("CSV", "id"))
    assert len(agrees(body_of(found), None).seen) == 3002


def test_threads_may_share_one_transcoder() -> None:
    bodies = [body_of([item(number, a={"S": "x" * (number % 90)}) for number in range(at, 500)]) for at in range(8)]
    rows = rows_of("CSV", "id", "at", "a")
    shared = Transcoder(ITEMS, rows)

    def data(body: bytes) -> Any:
        answer = shared.page(body, *ALL)
        return bytes(answer.data) if isinstance(answer, Rows) else answer

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(data, bodies)) == [page_result(body, ITEMS, rows, *ALL).data for body in bodies]
