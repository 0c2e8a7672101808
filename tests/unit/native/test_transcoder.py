"""The native library against the Python path: the same bytes, or a refusal."""

import _ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.reference import Result, body_of, lines_result, page_result
from tidegate.model import AttributeValue
from tidegate.native import (
    FORMATS,
    ItemSpec,
    Refusal,
    Rows,
    RowSpec,
    Transcoder,
    available,
    why_not,
)
from tidegate.native.library import Library, UnusableLibraryError
from unit.native_pages import ALL, ITEMS, Item, agrees, item, refused, rows_of, transcribed
from unit.part_samples import MIX, wire_records


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
        ("epochMillis", {"N": "1234567"}),
        ("epochMillis", {"N": "12345678"}),
        ("epochMillis", {"N": "-87654321.5"}),
        ("epochMillis", {"N": "-123456789012345678"}),
        ("epochSeconds", {"N": "123456789012345.0009"}),
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
