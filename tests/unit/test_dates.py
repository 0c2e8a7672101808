"""Dates by pattern and zone, and what is read as a time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.dates import check_pattern, read_iso, written
from tidegate.instants import from_millis, to_millis

SUMMER = datetime(2026, 7, 1, 23, 30, 5, 678_900, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "zone", "expected"),
    [
        ("YYYY-MM-DD", "UTC", "2026-07-01"),
        ("YYYY-MM-DD", "Europe/London", "2026-07-02"),
        ("DD-MMM-YYYY HH:mm:ss.SSS", "Europe/London", "02-Jul-2026 00:30:05.678"),
        ("YYYYMMDD[T]HHmmssZZ", "Asia/Kolkata", "20260702T050005+0530"),
        ("HH:mm Z [o'clock]", "America/New_York", "19:30 -04:00 o'clock"),
        ("iso", "UTC", "2026-07-01T23:30:05.678Z"),
        ("iso", "Europe/London", "2026-07-02T00:30:05.678+01:00"),
    ],
)
def test_a_time_is_written_by_its_pattern_on_the_clock_of_its_zone(pattern: str, zone: str, expected: str) -> None:
    assert check_pattern(pattern) == pattern
    assert written(SUMMER, pattern, zone) == expected


def test_the_hour_that_occurs_twice_is_told_apart_by_its_offset() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    texts = [written(at, "HH:mm Z", "Europe/London") for at in (first, first + timedelta(hours=1))]
    assert texts == ["01:30 +01:00", "01:30 +00:00"]


def test_early_years_have_four_digits_and_their_offsets_their_seconds() -> None:
    assert written(datetime(33, 4, 3, tzinfo=UTC), "YYYY", "UTC") == "0033"
    assert written(datetime(1800, 1, 1, tzinfo=UTC), "YYYY Z", "Europe/London") == "1799 -00:01:15"
    with pytest.raises(OverflowError):
        written(datetime(1, 1, 1, tzinfo=UTC), "YYYY", "America/New_York")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("dd.mm.yyyy", "has dd, which means nothing"),
        ("YYYY-MM-DDTHH:mm", "has T, which"),
        ("YY", "has YY, which"),
        ("ISO", "has I, which"),
        ("[YYYY", "bracket without its other one"),
        ("YYYY]", "bracket without its other one"),
        ("--", "must have one of YYYY"),
        ("[T]", "must have one of YYYY"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("[", r"\[")):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "text", ["2026-07-01T23:30:00Z", "2026-07-02 00:30:00+01:00", "2026-07-01t23:30:00.000000000z"]
)
def test_iso_8601_is_read_with_its_offset(text: str) -> None:
    assert read_iso(text) == datetime(2026, 7, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-07-01", "2026-07-01T23:30:00", "2026-07-01T23:30Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+02:00"],
)
def test_what_is_no_instant_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        read_iso(text)


@given(st.integers(-600_000_000_000, 250_000_000_000_000), st.sampled_from(["UTC", "Asia/Tokyo"]))
def test_iso_comes_back_as_the_same_millisecond(millis: int, zone: str) -> None:
    assert to_millis(read_iso(written(from_millis(millis), "iso", zone))) == millis
