"""The notations of time: bounds that miss nothing and leave no gap, and the way back to whole milliseconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import FatalError
from tidegate.instants import from_millis
from tidegate.sources.times import time_type_of

YEARS = st.integers(-62_000_000_000_000, 250_000_000_000_000)
SECOND = 1_767_225_600_000


@pytest.mark.parametrize(
    ("name", "start", "end", "bounds"),
    [
        ("epochMillis", 1500, 2000, ({"N": "1500"}, {"N": "2000"})),
        ("epochSeconds", 1500, 2000, ({"N": "1.5"}, {"N": "2"})),
        ("epochSeconds", -1500, -1, ({"N": "-1.5"}, {"N": "-0.001"})),
        ("iso8601", SECOND, SECOND + 1000, ({"S": "2026-01-01T00:00:00"}, {"S": "2026-01-01T00:00:01"})),
        ("iso8601", SECOND + 120, SECOND + 1500, ({"S": "2026-01-01T00:00:00.12"}, {"S": "2026-01-01T00:00:01~"})),
        ("iso8601", -62_000_000_000_000, 0, ({"S": "0005-04-19T09:46:40"}, {"S": "1970-01-01T00:00:00"})),
    ],
)  # fmt: skip
def test_bounds_are_in_the_notation_of_the_table(
    name: str, start: int, end: int, bounds: tuple[dict[str, str], dict[str, str]]
) -> None:
    assert time_type_of(name).bounds(start, end) == bounds


@given(start=YEARS, length=st.integers(1, 5_000), at=st.integers(-3_000, 8_000), digits=st.sampled_from([0, 3, 6, 9]))
def test_each_iso_time_of_a_window_lies_between_its_bounds_whatever_its_digits(
    start: int, length: int, at: int, digits: int
) -> None:
    millis = start + (at if digits else at - (start + at) % 1000)
    instant = from_millis(millis).replace(tzinfo=None)
    fraction = f".{instant.microsecond:06d}000"[: digits + 1] if digits else ""
    text = f"{instant.replace(microsecond=0).isoformat()}{fraction}Z"
    kind = time_type_of("iso8601")
    assert kind.millis({"S": text}) == millis
    low, high = kind.bounds(start, start + length)
    assert low["S"] < high["S"]
    if start <= millis < start + length:
        assert low["S"] <= text <= high["S"]


@given(
    cuts=st.lists(YEARS, min_size=3, max_size=3, unique=True), junk=st.text(st.characters(codec="ascii"), max_size=30)
)
def test_even_a_text_that_is_no_time_lies_in_the_bounds_of_one_of_two_windows_that_abut(
    cuts: list[int], junk: str
) -> None:
    first, middle, last = sorted(cuts)
    kind = time_type_of("iso8601")
    (low, _), (_, high) = kind.bounds(first, middle), kind.bounds(middle, last)
    found = [a["S"] <= junk <= b["S"] for a, b in (kind.bounds(first, middle), kind.bounds(middle, last))]
    assert any(found) or not low["S"] <= junk <= high["S"]


@given(st.integers(-(10**15), 10**15), st.integers(0, 999_999))
def test_numbers_are_rounded_down_exactly(millis: int, rest: int) -> None:
    exact = Decimal(millis) + Decimal(rest).scaleb(-6)
    assert time_type_of("epochMillis").millis({"N": f"{exact:f}"}) == millis
    assert time_type_of("epochSeconds").millis({"N": f"{exact.scaleb(-3):f}"}) == millis


@pytest.mark.parametrize("name", ["epochMillis", "epochSeconds", "iso8601"])
@pytest.mark.parametrize(
    "value",
    [
        *({}, {"N": "NaN"}, {"N": "Infinity"}, {"N": "soon"}, {"S": "soon"}, {"BOOL": True}, {"NULL": True}),
        *({"S": "2026-02-30T00:00:00Z"}, {"S": "2026-01-01T00:00:00"}, {"S": "2026-01-01T02:00:00+02:00"}),
    ],
)  # fmt: skip
def test_what_is_no_time_in_the_notation_is_told_apart(name: str, value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^is not"):
        time_type_of(name).millis(value)


def test_an_unknown_notation_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(FatalError, match=r"stardate.*epochMillis, epochSeconds, iso8601"):
        time_type_of("stardate")


@pytest.mark.parametrize("name", ["epochMillis", "epochSeconds", "iso8601"])
@given(
    st.lists(
        st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,4})?", fullmatch=True).map(lambda text: {"N": text})
        | st.integers(0, 10**13).map(lambda number: {"N": str(number)})
        | st.sampled_from([{"N": ""}, {"N": "x"}, {"N": 5}, {"S": "1"}, {"S": "2026-01-01T00:00:00.5Z"}, {}]),
        max_size=3,
    )
)
def test_many_times_are_what_each_is_by_itself(name: str, values: list[dict[str, Any]]) -> None:
    kind = time_type_of(name)
    try:
        expected = [kind.millis(value) for value in values]
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            kind.all_millis(values)
    else:
        assert kind.all_millis(values) == expected
