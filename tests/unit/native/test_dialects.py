"""Rows of TSV and other dialects than RFC 4180's: the library writes what the Python path writes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.reference import body_of
from tidegate.dialects import QUOTINGS, Dialect
from tidegate.model import AttributeValue
from tidegate.native import writes_dialect
from unit.native_pages import Item, agrees, item, rows_of
from unit.part_samples import dialects, wire_records


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
