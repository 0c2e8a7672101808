"""What a definition may write as a type, and which values fit it."""

from typing import Any

import pytest

from tidegate.columns import contents
from tidegate.formats import Column, UnwritableValueError, format_of
from tidegate.formats.parquet import NULL_CELL, ParquetFormat, inferred
from tidegate.model import AttributeValue, FormatSpec
from tidegate.parquet.columntypes import ColumnType, column_type


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("decimal( 12 , 2 )", "decimal(12,2)"),
        ("decimal(38,38)", "decimal(38,38)"),
        ("timestamp", "timestamp"),
        ("timestamp(iso8601, 3)", "timestamp(iso8601,3)"),
        *((name, name) for name in ("text", "int64", "double", "boolean", "binary", "date", "timestamp(epochSeconds)")),
    ],
)
def test_a_type_is_read_as_it_is_meant(written: str, meant: str) -> None:
    assert column_type(written).text == meant
    assert column_type(meant) == column_type(written)


@pytest.mark.parametrize(
    "written",
    ["", "string", "decimal", "decimal(12)", "decimal(39,0)", "decimal(0,0)", "decimal(2,3)", "text(3)", "Text",
     "timestamp(micros)", "timestamp(epochMillis,3)", "timestamp(iso8601,4)", "decimal(1,-1)", "int64 "],
)  # fmt: skip
def test_what_is_no_type_is_refused_with_what_it_could_be(written: str) -> None:
    with pytest.raises(ValueError, match=r"^(must be|has fraction digits only)"):
        column_type(written)


def one_cell(type_text: str, value: AttributeValue) -> bytes:
    (row,) = ParquetFormat([column_type(type_text)]).records([Column.of("c", [value])])
    return row


MOST = 10**38 - 1
FITS: list[tuple[str, AttributeValue, bytes]] = [
    ("int64", {"N": "9223372036854775807"}, b"\xff" * 7 + b"\x7f"),
    ("int64", {"N": "-1"}, b"\xff" * 8),
    ("int64", {"N": "12E2"}, (1200).to_bytes(8, "little")),
    ("int64", {"N": "-0"}, bytes(8)),
    ("int64", {"N": "5.000"}, (5).to_bytes(8, "little")),
    ("decimal(4,2)", {"N": "-99.99"}, (-9999).to_bytes(8, "little", signed=True)),
    ("decimal(4,2)", {"N": "1.5000"}, (150).to_bytes(8, "little")),
    ("decimal(38,0)", {"N": str(MOST)}, MOST.to_bytes(16, "big")),
    ("decimal(38,38)", {"N": "-0." + "9" * 38}, (-MOST).to_bytes(16, "big", signed=True)),
    ("decimal(38,18)", {"N": "1E-18"}, (1).to_bytes(16, "big")),
    ("decimal(18,0)", {"N": "0E+120"}, bytes(8)),
    ("double", {"N": "0.1"}, bytes.fromhex("9a9999999999b93f")),
    ("boolean", {"BOOL": True}, b"\x01"),
    ("boolean", {"BOOL": False}, b"\x00"),
    ("binary", {"B": b"\x00\xff"}, b"\x02\x00\x00\x00\x00\xff"),
    ("date", {"S": "1969-12-31"}, b"\xff" * 4),
    ("timestamp(epochMillis)", {"N": "1475539199999.125"}, (1475539199999125).to_bytes(8, "little")),
    ("timestamp(epochSeconds)", {"N": "-1.5"}, (-1500000).to_bytes(8, "little", signed=True)),
    ("timestamp(iso8601)", {"S": "1970-01-01T01:00:00.000001+01:00"}, (1).to_bytes(8, "little")),
    ("timestamp(iso8601)", {"S": "1969-12-31T23:59:59.999999000Z"}, b"\xff" * 8),
    ("timestamp(iso8601,3)", {"S": "1970-01-01T00:00:00.001Z"}, (1000).to_bytes(8, "little")),
    ("timestamp(iso8601,0)", {"S": "1970-01-01T00:00:01Z"}, (1000000).to_bytes(8, "little")),
    ("text", {"S": "\u00e9"}, b"\x02\x00\x00\x00\xc3\xa9"),
    ("text", {"S": "=1+1"}, b"\x04\x00\x00\x00=1+1"),
    ("text", {"N": "1.50"}, b"\x04\x00\x00\x001.50"),
    ("text", {"BOOL": True}, b"\x04\x00\x00\x00true"),
    ("text", {"B": b"hi"}, b"\x04\x00\x00\x00aGk="),
    ("text", {"NS": ["10", "9"]}, b"\x06\x00\x00\x00[9,10]"),
    ("text", {"M": {"b": {"N": "1"}, "a": {"S": ""}}}, b'\x0e\x00\x00\x00{"a":"","b":1}'),
]


@pytest.mark.parametrize(("type_text", "value", "bytes_"), FITS, ids=lambda x: repr(x)[:60])
def test_a_value_that_fits_is_written_exactly(type_text: str, value: AttributeValue, bytes_: bytes) -> None:
    assert one_cell(type_text, value) == b"\x01" + bytes_


@pytest.mark.parametrize("type_text", sorted({kind for kind, _, _ in FITS}))
def test_null_and_a_missing_attribute_are_null_in_every_type(type_text: str) -> None:
    assert one_cell(type_text, {"NULL": True}) == NULL_CELL == one_cell(type_text, {})


UNFIT: list[tuple[str, AttributeValue]] = [
    ("int64", {"N": "9223372036854775808"}),
    ("int64", {"N": "-9223372036854775809"}),
    ("int64", {"N": "1.5"}),
    ("int64", {"S": "1"}),
    ("decimal(4,2)", {"N": "100"}),
    ("decimal(4,2)", {"N": "0.001"}),
    ("decimal(38,18)", {"N": "1E+20"}),
    ("decimal(38,0)", {"N": "1E+125"}),
    ("decimal(38,38)", {"N": "1E-130"}),
    ("double", {"N": "1E+999"}),
    ("boolean", {"N": "1"}),
    ("binary", {"S": "aGk="}),
    ("date", {"S": "2026-02-29"}),
    ("date", {"S": "2026-02-28T00:00:00Z"}),
    ("timestamp(epochMillis)", {"N": "0.0001"}),
    ("timestamp(epochMillis)", {"N": "1E+17"}),
    ("timestamp(epochMillis)", {"S": "1970-01-01T00:00:00Z"}),
    ("timestamp(iso8601)", {"S": "1970-01-01T00:00:00"}),
    ("timestamp(iso8601)", {"S": "1970-01-01T00:00:00.0000001Z"}),
    ("timestamp(iso8601)", {"S": "1970-13-01T00:00:00Z"}),
    ("timestamp(iso8601,3)", {"S": "1970-01-01T00:00:00Z"}),
    ("timestamp(iso8601,3)", {"S": "1970-01-01T00:00:00.000+00:00"}),
]


@pytest.mark.parametrize(("type_text", "value"), UNFIT, ids=lambda x: repr(x)[:60])
def test_a_value_that_does_not_fit_is_refused_with_column_and_type_but_not_told(
    type_text: str, value: AttributeValue
) -> None:
    with pytest.raises(UnwritableValueError) as raised:
        ParquetFormat([column_type(type_text)]).records([Column.of("c", [{}, value])])
    assert (raised.value.index, raised.value.column) == (1, "c")
    assert raised.value.reason == f"holds a value that does not fit its type {type_text}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"S": "\ud800"}, "half of a surrogate pair"),
        ({"N": "many"}, "not in DynamoDB's form"),
        ({"X": "y"}, "not in DynamoDB's form"),
        ({"S": "a", "N": "1"}, "not in DynamoDB's form"),
        ({"L": [{"N": "NaN"}]}, "not in DynamoDB's form"),
    ],
    ids=repr,
)
def test_what_no_file_can_hold_is_refused_in_text_too(value: AttributeValue, reason: str) -> None:
    with pytest.raises(UnwritableValueError, match=reason):
        one_cell("text", value)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnwritableValueError, match="has a name that is not Unicode text"):
        format_of(FormatSpec(type="Parquet")).header(["id", "\ud800"])


def inferred_of(values: list[Any], time: ColumnType | None = None) -> str:
    return inferred(*contents(Column.of("c", values)), time)


TIME = column_type("timestamp(epochMillis)")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([{"N": "1"}, {"N": "-99999999999999999999.999999999999999999"}, {}], "decimal(38,18)"),
        ([{"N": "1"}, {"N": "100000000000000000000"}], "text"),
        ([{"N": "0.0000000000000000001"}], "text"),
        ([{"BOOL": True}, {"NULL": True}], "boolean"),
        ([{"B": b""}], "binary"),
        ([{"S": ""}], "text"),
        ([{"S": "1"}, {"N": "1"}], "text"),
        ([{"B": b"x"}, {"BOOL": True}], "text"),
        ([{"SS": ["a"]}], "text"),
        ([{"NULL": True}, {}], "text"),
        ([], "text"),
    ],
    ids=repr,
)
def test_a_type_is_found_out_by_what_can_hold_all_values_exactly(values: list[Any], found: str) -> None:
    assert inferred_of(values) == found


def test_the_records_time_is_a_timestamp_where_all_fit_and_what_it_would_be_otherwise_where_not() -> None:
    assert inferred_of([{"N": "1475539199999"}, {}], TIME) == "timestamp(epochMillis)"
    assert inferred_of([], TIME) == "timestamp(epochMillis)"
    assert inferred_of([{"N": "0.0001"}], TIME) == "decimal(38,18)"
    assert inferred_of([{"S": "today"}], TIME) == "text"
