"""CSV: RFC 4180, exact numbers, and no formula that a spreadsheet would run."""

import csv
import io
from base64 import b64encode
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns import named
from tidegate.formats import MISSING, Column, UnwritableValueError, format_of
from tidegate.model import AttributeValue, FormatSpec
from unit.part_samples import MIX, exactly, meant, wire_records

CSV = format_of(FormatSpec(type="CSV"))
UNGUARDED = format_of(FormatSpec(type="CSV", formula_guard=False))


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def cell(value: AttributeValue) -> str:
    return CSV.records([Column.of("a", [value]), Column.of("b", [MISSING])])[0].decode()[: -len(",\r\n")]


def test_a_real_mix_gives_these_very_rows() -> None:
    names = ["id", "uploadedOn", *sorted(MIX[0].keys() - {"id", "uploadedOn"})]
    assert (CSV.header(names) + b"".join(CSV.records(named(names, MIX)))).decode() == (
        "id,uploadedOn,blobs,digits,formula,mood,nested,note,nothing,photo,sizes,tags,yes\r\n"
        'a-1,1475539199999,"[""AA=="",""/w==""]",-12345678901234567890.123456789012345678,'
        '"\'=HYPERLINK(""http://x"")",\N{GRINNING FACE} caf\u00e9,"{""a"":{""k"":""aGk=""},""z"":[1,null,false]}",'
        '"two\nlines, ""quoted""\r\nand a tab\t",,AP/+,"[-1.5,9,10,1E+2]","[""a,c"",""b"",""quo\\""te""]",true\r\n'
        "a-2,1475539200000,,-5,'-1+1,,,,x,,,,\r\n"
    )


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    values = [{"S": text}, {"S": "x" + text}, {"S": ""}]
    assert [row[0] for row in read(b"".join(CSV.records([Column.of("a", values), Column.of("b", values)])))] == [
        "'" + text,
        "x" + text,
        "",
    ]
    assert read(b"".join(UNGUARDED.records([Column.of("a", values)])))[0] == [text]


def test_numbers_are_left_alone_and_a_number_that_is_none_is_refused() -> None:
    assert cell({"N": "-5"}) == "-5"
    assert cell({"N": "+5"}) == "5"
    with pytest.raises(UnwritableValueError, match="'a'"):
        cell({"N": "=1+1"})


def test_base64_and_column_names_are_text_and_guarded_too() -> None:
    assert cell({"B": b"\xf8"}) == "'+A=="
    assert CSV.header(["=n", "a,b"]) == b'\'=n,"a,b"\r\n'
    assert UNGUARDED.header(["=n"]) == b"=n\r\n"


def test_null_missing_and_empty_text_are_all_an_empty_cell() -> None:
    assert [cell({"NULL": True}), cell(MISSING), cell({"S": ""})] == ["", "", ""]


def test_a_row_of_one_empty_cell_is_not_an_empty_line() -> None:
    rows = CSV.records([Column.of("a", [MISSING, {"S": "x"}])])
    assert rows == [b'""\r\n', b"x\r\n"]
    assert read(b"".join(rows)) == [[""], ["x"]]


def test_half_a_surrogate_pair_is_refused_in_values_and_in_names() -> None:
    with pytest.raises(UnwritableValueError, match="column 'b'") as caught:
        CSV.records(named(["a", "b"], [{"a": {"S": "x"}}, {"b": {"S": "\ud800"}}]))
    assert caught.value.index == 1
    with pytest.raises(UnwritableValueError, match="has a name that is not Unicode text"):
        CSV.header(["a", "\udfff"])


def as_cell(value: AttributeValue) -> object:
    ((kind, raw),) = value.items()
    text = b64encode(raw).decode() if kind == "B" else raw
    if kind in {"S", "B"}:
        return "'" + text if text[:1] in set("=+-@\t\r") else text
    return {"NULL": "", "BOOL": str(raw).lower()}.get(kind, meant(value))


@given(st.lists(wire_records(), min_size=1, max_size=5))
def test_every_table_of_values_reads_back_exactly(batch: list[dict[str, AttributeValue]]) -> None:
    names = sorted({name for values in batch for name in values}) or ["a"]
    rows = read(CSV.header(names) + b"".join(CSV.records(named(names, batch))))
    assert rows[0] == ["'" + name if name[0] in set("=+-@\t\r") else name for name in names]
    assert len(rows) == len(batch) + 1
    for values, row in zip(batch, rows[1:], strict=True):
        for name, text in zip(names, row, strict=True):
            value = values.get(name)
            if value is None:
                assert text == ""
            elif "N" in value:
                assert Decimal(text) == Decimal(value["N"])
            elif value.keys() & {"L", "M", "SS", "NS", "BS"}:
                assert exactly(text) == meant(value)
            else:
                assert text == as_cell(value)


@given(st.lists(wire_records(), min_size=1, max_size=6))
def test_a_rows_bytes_do_not_depend_on_its_neighbours(batch: list[dict[str, AttributeValue]]) -> None:
    names = sorted({name for values in batch for name in values}) or ["a"]
    assert CSV.records(named(names, batch)) == [CSV.records(named(names, [values]))[0] for values in batch]
