"""Dialects of CSV, and TSV: what each asks for, and that readers get back what was written."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns import named
from tidegate.definition import from_document
from tidegate.dialects import RFC_4180, Dialect
from tidegate.formats import MISSING, format_of
from tidegate.formats.wire import json_text
from tidegate.model import AttributeValue, FormatSpec
from tidegate.write import PartWriter
from unit.part_samples import MemoryStore, definition, dialects, wire_records

Batch = Sequence[dict[str, AttributeValue]]
MIXED: Batch = [
    {"id": {"S": "a"}, "n": {"N": "-1.50"}, "t": {"S": "NULL"}, "tags": {"SS": ["x", "y"]}, "yes": {"BOOL": True}},
    {"id": {"S": "b;c"}, "n": {"NULL": True}, "t": {"S": ""}, "yes": {"NULL": True}},
    {"id": {"S": "=1"}, "n": {"N": "5"}, "t": {"NULL": True}, "tags": {"L": []}},
]
NAMES = ["id", "n", "t", "tags", "yes"]


def text_of(kind: str = "CSV", names: Sequence[str] = NAMES, batch: Batch = MIXED, **format_: Any) -> str:
    document = {"source": {"type": "dynamodb", "table": "T"}, "format": {"type": kind, **format_}}
    made = format_of(from_document(document, 1).format)
    return (made.header(names) + b"".join(made.records(named(names, batch)))).decode()


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        (
            {"delimiter": ";", "bom": True},
            ("\ufeffid;n;t;tags;yes\r\n"
            'a;-1.50;NULL;"[""x"",""y""]";true\r\n"b;c";;;;\r\n\'=1;5;;[];\r\n'),
        ),
        (
            {"nullText": "NULL", "missingText": "NA", "lineEnd": "LF"},
            ("id,n,t,tags,yes\n"
            'a,-1.50,"NULL","[""x"",""y""]",true\nb;c,NULL,,NA,NULL\n\'=1,5,NULL,[],NA\n'),
        ),
        (
            {"nullText": "", "lineEnd": "LF"},
            'id,n,t,tags,yes\na,-1.50,NULL,"[""x"",""y""]",true\nb;c,,"",,\n\'=1,5,,[],\n',
        ),
        (
            {"quoting": "all"},
            ('"id","n","t","tags","yes"\r\n"a","-1.50","NULL","[""x"",""y""]","true"\r\n'
            '"b;c","","","",""\r\n"\'=1","5","","[]",""\r\n'),
        ),
        (
            {"quoting": "all", "nullText": "", "header": False},
            '"a","-1.50","NULL","[""x"",""y""]","true"\r\n"b;c",,"","",\r\n"\'=1","5",,"[]",""\r\n',
        ),
        (
            {"quoting": "nonnumeric", "nullText": "5"},
            ('"id","n","t","tags","yes"\r\n"a",-1.50,"NULL","[""x"",""y""]","true"\r\n'
            '"b;c",5,"","",5\r\n"\'=1","5",5,"[]",""\r\n'),
        ),
        ({"header": False, "bom": True}, '\ufeffa,-1.50,NULL,"[""x"",""y""]",true\r\nb;c,,,,\r\n\'=1,5,,[],\r\n'),
    ],
    ids=["excel-de", "null-text", "postgres", "all", "all-but-null", "nonnumeric", "no-header"],
)  # fmt: skip
def test_a_dialect_gives_these_very_rows(format_: dict[str, Any], expected: str) -> None:
    assert text_of(**format_) == expected


def test_tsv_has_tabs_and_quotes_where_a_cell_has_one() -> None:
    batch: Batch = [{"id": {"S": "a,b"}, "t": {"S": "c\td"}}, {"id": {"S": "\tx"}}]
    assert text_of("TSV", ["id", "t"], batch) == 'id\tt\r\na,b\t"c\td"\r\n"\'\tx"\t\r\n'
    made = format_of(FormatSpec("TSV"))
    assert (made.extension, made.media_type) == ("tsv", "text/tab-separated-values; charset=utf-8")


def test_a_row_of_one_cell_is_never_an_empty_line() -> None:
    batch: Batch = [{"id": {"NULL": True}}, {"id": {"S": ""}}, {}]
    assert text_of(names=["id"], batch=batch, nullText="", header=False) == '""\r\n' * 3


def test_a_number_with_the_delimiter_in_it_is_in_quotes() -> None:
    made = format_of(FormatSpec(dialect=Dialect(delimiter="E")))
    assert made.records(named(["n", "x"], [{"n": {"N": "1E+5"}}])) == [b'"1E+5"E\r\n']


def expected_cell(value: AttributeValue, dialect: Dialect, *, guard: bool) -> str:
    if not value:
        return dialect.missing_text or ""
    if "NULL" in value:
        return dialect.null_text or ""
    text = value["S"] if "S" in value else json_text(value)
    if "B" in value:
        text = text.strip('"')
    return f"'{text}" if guard and value.keys() & {"S", "B"} and text[:1] in set("=+-@\t\r") else text


@given(dialects(), st.booleans(), st.lists(wire_records(), min_size=1, max_size=4))
def test_every_dialect_reads_back_exactly(
    dialect: Dialect, guard: bool, batch: list[dict[str, AttributeValue]]
) -> None:
    names = sorted({name for values in batch for name in values}) or ["a"]
    made = format_of(FormatSpec(formula_guard=guard, dialect=dialect))
    data = (made.header(names) + b"".join(made.records(named(names, batch)))).decode()
    assert data.startswith("\ufeff") == dialect.bom
    rows = list(
        csv.reader(io.StringIO(data.removeprefix("\ufeff"), newline=""), delimiter=dialect.delimiter, strict=True)
    )
    if dialect.header:
        assert rows.pop(0) == [expected_cell({"S": name}, dialect, guard=guard) for name in names]
    assert rows == [
        [expected_cell(values.get(name, MISSING), dialect, guard=guard) for name in names] for values in batch
    ]


@given(dialects(), st.lists(wire_records(), min_size=1, max_size=4))
def test_a_rows_bytes_do_not_depend_on_its_neighbours(dialect: Dialect, batch: list[dict[str, AttributeValue]]) -> None:
    names = sorted({name for values in batch for name in values}) or ["a"]
    made = format_of(FormatSpec(dialect=dialect))
    assert made.records(named(names, batch)) == [made.records(named(names, [values]))[0] for values in batch]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers()), min_size=1))
def test_a_reader_that_takes_what_is_bare_for_numbers_gets_texts_and_numbers(cells: list[tuple[str, int]]) -> None:
    made = format_of(FormatSpec(formula_guard=False, dialect=Dialect(quoting="nonnumeric")))
    batch: Batch = [{"t": {"S": text}, "n": {"N": str(number)}} for text, number in cells]
    data = b"".join(made.records(named(["t", "n"], batch))).decode()
    rows = csv.reader(io.StringIO(data, newline=""), quoting=csv.QUOTE_NONNUMERIC, strict=True)
    assert [list(row) for row in rows] == [[text, float(number)] for text, number in cells]


def test_what_is_stored_of_a_dialect_is_the_dialect() -> None:
    odd = Dialect("|", "all", "\n", bom=True, header=False, null_text="", missing_text="NA")
    assert Dialect.of(odd.document()) == odd
    assert Dialect.of({}) == Dialect.of(RFC_4180.document()) == RFC_4180


@pytest.mark.parametrize("format_", [{"delimiter": "\u00a6"}, {"delimiter": "\u2028", "bom": True}], ids=ascii)
def test_what_has_more_than_a_byte_between_cells_is_left_to_the_python_path(format_: dict[str, Any]) -> None:
    plans = [
        PartWriter(definition(format=document), "exports/x/", "work/1/", MemoryStore(), ("id",), None)._plan
        for document in ({"type": "TSV", "nullText": "NULL"}, format_)
    ]
    assert [plan.row_spec((), ("id",)) is None for plan in plans] == [False, True]
