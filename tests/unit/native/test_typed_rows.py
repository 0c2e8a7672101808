"""Rows of typed cells, and columns of them: the library writes what the Python path writes, or leaves it to it."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.reference import NotPlainError, Result, body_of, page_result
from tidegate.formats import Column
from tidegate.formats.parquet import ParquetFormat
from tidegate.model import AttributeValue
from tidegate.native import ItemSpec, Refusal, Rows, RowSpec, Transcoder, writes_type
from tidegate.native import columns as native_columns
from tidegate.parquet.columntypes import column_type
from tidegate.parquet.rowgroup import transposed
from unit.parquet.test_column_types import FITS, UNFIT
from unit.part_samples import wire_values

ITEMS = ItemSpec(("id",), "at", "epochMillis", None)
TYPES = [
    "text", "binary", "boolean", "int64", "decimal(18,0)", "decimal(18,18)", "decimal(5,2)", "decimal(38,18)",
    "decimal(38,0)", "decimal(20,19)", "timestamp(epochMillis)", "timestamp(epochSeconds)", "timestamp(iso8601)",
    "timestamp(iso8601,0)", "timestamp(iso8601,3)", "timestamp(iso8601,6)",
]  # fmt: skip
LEFT_TO_PYTHON = [{"N": "9223372036854775807"}, {"N": "12E2"}, {"N": str(10**38 - 1)}, {"N": "1E-18"}, {"N": "0E+120"}]


def one_page(type_text: str, *values: AttributeValue) -> Rows | Refusal:
    """What the library makes of a page with one typed column; compared with the reference where it is no refusal."""
    items = [{"id": {"S": "x"}, "at": {"N": str(number)}, "c": value} for number, value in enumerate(values)]
    rows = RowSpec("Parquet", formula_guard=True, columns=(("c", "c"),), others=True, types=(type_text,))
    body = body_of(items)
    answer = Transcoder(ITEMS, rows).page(body, 0, 1 << 60)
    try:
        expected = page_result(body, ITEMS, rows, 0, 1 << 60)
    except NotPlainError:
        assert answer is Refusal.UNEXPECTED
        return answer
    if isinstance(answer, Rows):
        assert Result.of(answer) == expected
    return answer


@pytest.mark.parametrize(
    ("type_text", "value"), [(one, value) for one, value, _ in FITS if writes_type(one)], ids=lambda x: repr(x)[:60]
)
def test_a_value_that_fits_is_written_as_python_writes_it(type_text: str, value: AttributeValue) -> None:
    answer = one_page(type_text, value, {"NULL": True}, value)
    left = value in LEFT_TO_PYTHON or "+01:00" in str(value) or "999000Z" in str(value) or type_text == "decimal(38,38)"
    assert isinstance(answer, Refusal) == left


@pytest.mark.parametrize(
    ("type_text", "value"), [(one, value) for one, value in UNFIT if writes_type(one)], ids=lambda x: repr(x)[:60]
)
def test_a_value_that_does_not_fit_refuses_the_page(type_text: str, value: AttributeValue) -> None:
    assert one_page(type_text, value) is Refusal.UNEXPECTED


def test_types_that_the_library_does_not_write_are_known_beforehand() -> None:
    assert [one for one in (*TYPES, "double", "date", "decimal(38,20)") if not writes_type(one)] == [
        "double", "date", "decimal(38,20)"
    ]  # fmt: skip


@given(st.sampled_from(TYPES), st.integers(-(10**21), 10**21), st.integers(0, 22))
def test_any_plain_number_is_written_as_python_writes_it_or_refused(type_text: str, digits: int, point: int) -> None:
    text = str(abs(digits)).rjust(point + 1, "0")
    shown = f"{'-' if digits < 0 else ''}{text[: len(text) - point]}{f'.{text[len(text) - point :]}' if point else ''}"
    one_page(type_text, {"N": shown})


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TYPES), wire_values())
def test_any_value_is_written_as_python_writes_it_or_refused(type_text: str, value: AttributeValue) -> None:
    one_page(type_text, value)


def test_every_power_of_ten_up_to_the_bound_of_a_type_fits_and_the_next_does_not() -> None:
    for precision in range(1, 39):
        for scale in (0, 1, min(precision, 19)):
            if scale > precision or precision - scale > 18:
                continue
            largest = "9" * (precision - scale) or "0"
            behind = f".{'9' * scale}" if scale else ""
            assert isinstance(one_page(f"decimal({precision},{scale})", {"N": f"-{largest}{behind}"}), Rows)
            assert (
                one_page(f"decimal({precision},{scale})", {"N": f"1{'0' * (precision - scale)}"}) is Refusal.UNEXPECTED
            )


COLUMNS = [column_type(text) for text in ("text", "int64", "boolean", "decimal(38,18)", "date", "binary", "double")]


def cells() -> st.SearchStrategy[list[AttributeValue]]:
    kinds: list[st.SearchStrategy[Any]] = [
        st.builds(lambda x: {"S": x}, st.text(max_size=9)),
        st.builds(lambda x: {"N": str(x)}, st.integers(-(1 << 63), (1 << 63) - 1)),
        st.builds(lambda x: {"BOOL": x}, st.booleans()),
        st.builds(lambda x: {"N": str(x)}, st.integers(-(10**20) + 1, 10**20 - 1)),
        st.builds(lambda x: {"S": x.isoformat()}, st.dates()),
        st.builds(lambda x: {"B": x}, st.binary(max_size=9)),
        st.builds(lambda x: {"N": str(x)}, st.integers(-9, 9)),
    ]
    return st.tuples(*(st.just({}) | kind for kind in kinds)).map(list)


@settings(max_examples=60, deadline=None)
@given(st.lists(cells(), min_size=1, max_size=40), st.integers(0, 40), st.integers(1, 50), st.floats(0, 1))
def test_rows_become_the_columns_that_python_makes_of_them(
    table: list[list[AttributeValue]], skipped: int, most: int, part: float
) -> None:
    columns = [Column.of("c", [row[number] for row in table]) for number in range(len(COLUMNS))]
    rows = ParquetFormat(COLUMNS).records(columns)
    start = sum(map(len, rows[:skipped]))
    data, limit = b"".join(rows), start + int(part * sum(map(len, rows[skipped:])))
    wanted, found = (make(data, start, limit, COLUMNS, most) for make in (transposed, native_columns.transposed))
    assert (found[0], found[2]) == (wanted[0], wanted[2])
    for one, other in zip(found[1], wanted[1], strict=True):
        assert (one.nulls, one.low, one.high) == (other.nulls, other.low, other.high)
        assert (bytes(one.present), bytes(one.data)) == (bytes(other.present), bytes(other.data))


def test_bytes_that_are_no_rows_are_refused() -> None:
    whole = b"\x01" + struct.pack("<i", 3) + b"abc"
    text = [column_type("text")]
    assert native_columns.transposed(whole, 0, 99, text, 9)[0] == 1
    for size in range(1, len(whole)):
        with pytest.raises(ValueError, match="no rows of such columns"):
            native_columns.transposed(whole[:size], 0, 99, text, 9)
    with pytest.raises(ValueError, match="no rows"):
        native_columns.transposed(b"\x01\xff\xff\xff\xffabc", 0, 99, text, 9)
    with pytest.raises(ValueError, match="no rows"):
        native_columns.transposed(b"", 1, 1, text, 9)
