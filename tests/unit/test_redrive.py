"""What redrives ask for: messages, days, tags, lists of ids."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from tidegate import override
from tidegate.model import NO_TAG, Window
from tidegate.redrive import (
    days,
    override_text,
    records_message,
    tag_of_redrive,
    window_message,
)
from tidegate.request import parse

FIRST, LAST = (datetime(year, 1, 1) for year in (1990, 2030))  # noqa: DTZ001  # hypothesis adds the zone
START = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = Window(START, START + timedelta(days=7))
ZONES = ["UTC", "Europe/London", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo"]


@given(
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.timedeltas(timedelta(milliseconds=1), timedelta(days=40)),
    st.sampled_from(ZONES),
)
def test_days_tile_the_window_without_gap_or_overlap(start: datetime, span: timedelta, zone: str) -> None:
    slices = list(days(Window(start, start + span), zone))
    assert slices[0].start == start
    assert slices[-1].end == start + span
    assert all(before.end == after.start for before, after in itertools.pairwise(slices))
    assert all(timedelta() < day.end - day.start <= timedelta(hours=49) for day in slices)


def test_a_message_of_a_window_is_the_same_request_however_often_and_in_whatever_order_it_is_made() -> None:
    one = window_message(WEEK, export="x", studies=["b", "a"], tables=["t"])
    assert one == window_message(WEEK, export="x", studies=["a", "b"], tables=["t"])
    others = [
        window_message(WEEK, export="y", studies=["a", "b"], tables=["t"]),
        window_message(WEEK, export="x", studies=["a"], tables=["t"]),
        window_message(WEEK, export="x", studies=["a", "b"]),
        window_message(WEEK, export="x", studies=["a", "b"], tables=["t"], tag="again"),
        window_message(WEEK, export="x", studies=["a", "b"], tables=["t"], definition={"columns": ["id"]}),
        window_message(Window(START, START + timedelta(days=1)), export="x", studies=["a", "b"], tables=["t"]),
    ]
    assert len({message["requestId"] for message in (one, *others)}) == 7


def test_the_messages_are_requests_that_ignore_the_watermark() -> None:
    of_window = parse(json.dumps(window_message(WEEK, studies=["a"])))
    assert (of_window.ignore_watermark, of_window.start, of_window.end) == (True, WEEK.start, WEEK.end)
    of_records = parse(json.dumps(records_message("overrides/x.txt", "cli-1", export="x", studies=["a"])))
    assert (of_records.ignore_watermark, of_records.override, of_records.redrive_count) == (True, "overrides/x.txt", 1)


@given(st.text(max_size=256))
def test_a_tag_is_prefixed_once_and_stays_a_tag(tag: str) -> None:
    once = tag_of_redrive(tag)
    assert once.startswith("redrive; original: ")
    assert len(once) <= 256
    assert tag_of_redrive(once) == once


def test_the_tag_of_what_had_none() -> None:
    assert tag_of_redrive(NO_TAG) == "redrive; original: (no tag)"


IDS = st.text(min_size=1)


@given(st.lists(st.one_of(st.tuples(IDS), st.tuples(IDS, IDS)), unique=True))
@example([(" a",), ("a\n",), ("a\nb",), ("a\x85b",), ('["a", "b"]',), ('{"key": ["a"]}',), ("\ufeffa",)])
def test_ids_in_a_file_are_read_as_they_were_written(keys: list[tuple[str, ...]]) -> None:
    assert override.parse([override_text(keys).encode()]) == keys
