"""SPEC 3's case table, FEATURES C37 to C41 and C44 as far as the window goes, and how windows tile time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.instants import compact, from_millis, rfc3339, to_millis
from tidegate.model import ExportType, Window
from tidegate.window import generated_start, resolve, settled_at
from tidegate.zones import names, zone

DAILY, HOURLY, INSTANT = ExportType.DAILY, ExportType.HOURLY, ExportType.INSTANT
HOUR = timedelta(hours=1)
END = datetime(2026, 1, 31, tzinfo=UTC)
WATERMARK = datetime(2026, 1, 28, 12, 0, 0, 123_000, tzinfo=UTC)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def window(  # every argument of resolve, with the plainest value for each
    export_type: ExportType = DAILY,
    *,
    end: datetime = END,
    start: datetime | None = None,
    ignore: bool = False,
    watermark: datetime | None = None,
    first: datetime | None = None,
    time_zone: str = "UTC",
) -> Window:
    return resolve(
        end=end,
        start=start,
        ignore_watermark=ignore,
        export_type=export_type,
        watermark=watermark,
        first_export_from=first,
        time_zone=time_zone,
    )


def local(text: str, time_zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone), fold=fold).astimezone(UTC)


def test_t1_daily_takes_the_range_of_a_day_up_to_its_end() -> None:
    assert window(DAILY) == Window(END - 24 * HOUR, END)


def test_t1_daily_starts_at_the_watermark_where_there_is_one() -> None:
    assert window(DAILY, watermark=WATERMARK) == Window(WATERMARK, END)


def test_t1_daily_generates_its_start_where_there_is_no_watermark() -> None:
    end = local("2026-03-30T00:00", "Europe/London")
    assert window(DAILY, end=end, time_zone="Europe/London") == Window(end - 23 * HOUR, end)


def test_t2_instant_starts_at_the_watermark_where_there_is_one() -> None:
    assert window(INSTANT, watermark=WATERMARK) == Window(WATERMARK, END)


def test_t2_instant_generates_its_start_as_daily_does() -> None:
    assert window(INSTANT) == window(DAILY)


def test_t3_hourly_starts_at_the_watermark_even_if_that_is_days_old() -> None:
    assert window(HOURLY, watermark=WATERMARK) == Window(WATERMARK, END)


def test_t3_hourly_generates_its_start_one_hour_before_its_end() -> None:
    assert window(HOURLY) == Window(END - HOUR, END)


def test_t4_daily_that_ignores_the_watermark_starts_a_day_before_its_end() -> None:
    assert window(DAILY, ignore=True, watermark=WATERMARK) == Window(END - 24 * HOUR, END)


def test_t5_hourly_that_ignores_the_watermark_starts_an_hour_before_its_end() -> None:
    assert window(HOURLY, ignore=True, watermark=WATERMARK) == Window(END - HOUR, END)


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(milliseconds=1), timedelta(days=400)])
def test_t8_an_end_at_or_before_the_watermark_gives_an_empty_window(earlier: timedelta) -> None:
    assert window(DAILY, end=WATERMARK - earlier, watermark=WATERMARK).empty


def test_an_end_a_millisecond_after_the_watermark_gives_a_window() -> None:
    assert not window(DAILY, end=WATERMARK + timedelta(milliseconds=1), watermark=WATERMARK).empty


@pytest.mark.parametrize("export_type", list(ExportType))
def test_a_chosen_start_wins_over_type_and_watermark(export_type: ExportType) -> None:
    chosen = datetime(2020, 1, 1, tzinfo=UTC)
    assert window(export_type, start=chosen, ignore=True, watermark=WATERMARK, first=FIRST) == Window(chosen, END)


@pytest.mark.parametrize("export_type", list(ExportType))
def test_the_first_export_begins_where_the_definition_says(export_type: ExportType) -> None:
    assert window(export_type, first=FIRST) == Window(FIRST, END)
    assert window(export_type, first=FIRST, watermark=WATERMARK).start == WATERMARK
    assert window(export_type, first=END).empty
    assert window(export_type, first=END + HOUR).empty


def test_first_export_from_is_for_watermarks_so_it_does_not_count_where_they_are_ignored() -> None:
    assert window(DAILY, first=FIRST, ignore=True) == window(DAILY)


@pytest.mark.parametrize(
    ("end", "time_zone", "hours"),
    [
        ("2026-03-29T00:00", "Europe/London", 24),
        ("2026-03-30T00:00", "Europe/London", 23),
        ("2026-10-26T00:00", "Europe/London", 25),
        ("2026-03-09T00:00", "America/New_York", 23),
        ("2026-11-02T00:00", "America/New_York", 25),
        ("2026-10-05T00:00", "Australia/Lord_Howe", 23.5),
        ("2026-04-06T00:00", "Australia/Lord_Howe", 24.5),
        ("2026-07-01T00:00", "Asia/Kathmandu", 24),
    ],
)
def test_a_day_is_as_long_as_the_wall_clock_says(end: str, time_zone: str, hours: float) -> None:
    instant = local(end, time_zone)
    assert instant - generated_start(DAILY, instant, time_zone) == hours * HOUR


def test_a_wall_clock_time_that_did_not_exist_the_day_before_is_read_with_fold_0() -> None:
    end = local("2026-03-30T01:30", "Europe/London")
    assert generated_start(DAILY, end, "Europe/London") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_wall_clock_time_that_occurred_twice_the_day_before_is_read_with_fold_0() -> None:
    end = local("2026-10-26T01:30", "Europe/London")
    assert generated_start(DAILY, end, "Europe/London") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("fold", [0, 1])
def test_an_end_that_occurs_twice_looks_back_to_the_one_time_of_the_day_before(fold: int) -> None:
    end = local("2026-10-25T01:30", "Europe/London", fold)
    assert end - generated_start(DAILY, end, "Europe/London") == (24 + fold) * HOUR


def test_the_day_before_a_day_that_was_left_out_has_no_length() -> None:
    end = local("2011-12-31T00:00", "Pacific/Apia")
    assert generated_start(DAILY, end, "Pacific/Apia") == end
    assert window(DAILY, end=end, time_zone="Pacific/Apia").empty
    after = local("2012-01-01T00:00", "Pacific/Apia")
    assert after - generated_start(DAILY, after, "Pacific/Apia") == 24 * HOUR


def test_an_hour_is_an_hour_whatever_the_clocks_do() -> None:
    end = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert generated_start(HOURLY, end, "Europe/London") == end - HOUR


@pytest.mark.parametrize("export_type", list(ExportType))
def test_the_first_instant_of_all_is_the_earliest_start(export_type: ExportType) -> None:
    for time_zone in ("UTC", "America/New_York", "Pacific/Apia"):
        end = datetime(1, 1, 1, tzinfo=UTC)
        start = generated_start(export_type, end, time_zone)
        assert start == end
        assert (rfc3339(start), compact(start)) == ("0001-01-01T00:00:00.000Z", "00010101T000000.000Z")


def test_a_window_is_exact_to_the_millisecond_and_never_finer() -> None:
    fine = datetime(2026, 1, 31, 0, 0, 0, 123_999, tzinfo=UTC)
    found = window(HOURLY, end=fine)
    assert found.end.microsecond == found.start.microsecond == 123_000


def test_a_window_is_settled_when_its_end_is_old_enough() -> None:
    assert settled_at(END, 60) == END + timedelta(seconds=60)
    assert settled_at(END, 0) == END


@pytest.mark.parametrize(
    "name", ["Europe", "europe/london", "localtime", "right/UTC", "../UTC", "", "UTC\n", "Nowhere/At_All"]
)
def test_what_is_no_iana_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone(name)


def test_every_name_of_the_database_is_a_zone() -> None:
    assert {"UTC", "Europe/London", "Pacific/Apia"} <= names()
    for name in names():
        assert zone(name).key == name


MOMENTS = st.integers(to_millis(datetime(2009, 1, 1, tzinfo=UTC)), to_millis(datetime(2027, 1, 1, tzinfo=UTC))).map(
    from_millis
)
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
        "America/St_Johns",
    ]
)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(ExportType), MOMENTS, st.sampled_from(["commit", "commit", "fail", "ignore"])),
    max_size=12,
)


@given(REQUESTS, ZONES, st.none() | MOMENTS)
def test_committed_windows_tile_time_without_gap_or_overlap_in_whatever_order(
    requests: list[tuple[ExportType, datetime, str]], time_zone: str, first: datetime | None
) -> None:
    watermark: datetime | None = None
    committed: list[Window] = []
    for export_type, end, what_becomes_of_it in requests:
        ignore = what_becomes_of_it == "ignore"
        found = window(export_type, end=end, ignore=ignore, watermark=watermark, first=first, time_zone=time_zone)
        assert found.end == end
        if found.empty or what_becomes_of_it != "commit":
            continue
        assert watermark is None or found.end > watermark, "a watermark never moves backwards"
        committed.append(found)
        watermark = found.end
    for one, next_one in pairwise(committed):
        assert one.end == next_one.start
    if committed:
        assert watermark == max(each.end for each in committed)
        assert sum((each.end - each.start for each in committed), timedelta(0)) == watermark - committed[0].start


@given(MOMENTS, ZONES)
def test_a_generated_day_keeps_the_wall_clock_or_moves_by_what_the_clocks_did(end: datetime, time_zone: str) -> None:
    local_zone = ZoneInfo(time_zone)
    start = generated_start(DAILY, end, time_zone)
    wall_clock = end.astimezone(local_zone).replace(tzinfo=None) - timedelta(days=1)
    assert timedelta(0) <= end - start <= 26 * HOUR
    exists = start.astimezone(local_zone).replace(tzinfo=None) == wall_clock
    assert exists or start.astimezone(local_zone).replace(tzinfo=None) > wall_clock


@given(st.dates(date(2009, 1, 1), date(2026, 12, 30)), ZONES)
def test_days_that_end_at_local_midnight_tile_the_calendar(day: date, time_zone: str) -> None:
    local_zone = ZoneInfo(time_zone)

    def midnight(of: date) -> datetime:
        return datetime(of.year, of.month, of.day, tzinfo=local_zone).astimezone(UTC)

    next_day = day + timedelta(days=1)
    # The 29th of December 2011 ended in Apia when the 31st began, and "a day before the 31st" has no length: see above.
    assume(midnight(next_day).astimezone(local_zone).date() == next_day)
    assert generated_start(DAILY, midnight(next_day), time_zone) == midnight(day)
