"""Where no index leads to a study's records: a paced scan in a fixed number of segments."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import FatalError
from tidegate.sources import Ask
from tidegate.sources.dynamodb.scan import SEGMENT_BYTES, Pacer, segment_at, segments_of
from tidegate.transcoding import PageCounts, RawPage, Transcoding

if TYPE_CHECKING:
    from unit.sources.conftest import Bench, FakeTable


def scanned(bench: Bench, count: int, **more: Any) -> FakeTable:
    items = [bench.record(f"r{n:04d}", n, "s" if n % 2 else "other") for n in range(count)]
    return bench.table(items, projection=None, **more)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 60), end=st.integers(1, 70), page=st.integers(1, 9), segments=st.sampled_from([1, 9, 40]))
def test_a_scan_has_exactly_the_records_of_a_plain_filter_from_every_cursor(
    bench: Bench, count: int, end: int, page: int, segments: int
) -> None:
    table = scanned(bench, count, page=page, size=segments * SEGMENT_BYTES)
    source = bench.source(table, bench.export(index=None))
    ask = Ask("s", bench.window(5, max(6, end)))
    pages = bench.pages(source, ask)
    assert sorted(bench.ids(pages)) == [f"r{n:04d}" for n in range(count) if n % 2 and 5 <= n < max(6, end)]
    for at, one in enumerate(pages[:-1]):
        assert bench.ids(bench.pages(source, ask, json.loads(json.dumps(one.cursor)))) == bench.ids(pages[at + 1 :])


STUDIES: list[dict[str, Any]] = [
    {"S": "7"},
    {"N": "7"},
    {"S": "other"},
    {"S": "7\n"},
    {"N": "7.0"},
    {"L": []},
    {"S": "7"},
]


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.lists(st.tuples(st.sampled_from(STUDIES), st.integers(0, 20), st.booleans()), max_size=40),
    page=st.integers(1, 9),
    shown=st.sampled_from([None, ["id", "raw"]]),
)
def test_pages_of_bytes_of_a_scan_are_its_pages_of_records(
    bench: Bench, drawn: list[tuple[dict[str, Any], int, bool]], page: int, shown: list[str] | None
) -> None:
    items = [
        {"id": {"S": f"r{number:04d}"}, "studyId": study, "raw": {"B": b"\0"}}
        | ({"uploadedOn": {"N": str(at)}} if timed else {})
        for number, (study, at, timed) in enumerate(drawn)
    ]
    table = bench.table(items, projection=None, page=page)
    source = bench.source(table, bench.export(index=None, projection=shown))
    window, counts = bench.window(5, 15), PageCounts()
    expected = bench.pages(source, Ask("7", window))
    found = bench.pages(source, Ask("7", window, transcoding=Transcoding(counts)))
    assert [one for each in found for one in each.records] == [one for each in expected for one in each.records]
    for at, one in enumerate(found[:-1]):
        rest = Ask("7", window, transcoding=Transcoding(PageCounts()))
        again = bench.ids(bench.pages(source, rest, json.loads(json.dumps(one.cursor))))
        assert again == bench.ids(found[at + 1 :])
    assert (counts.pages > 0, counts.by_reference) == (True, 0)
    assert all(isinstance(one.records, RawPage) for one in found)


def test_a_scan_with_a_filter_has_its_records_as_objects(bench: Bench) -> None:
    table = bench.table([bench.record("a", 1, live={"BOOL": True}), bench.record("b", 2)], projection=None)
    source, counts = bench.source(table, bench.export(index=None, filter={"live": [True]})), PageCounts()
    pages = bench.pages(source, Ask("s", bench.window(0, 9), transcoding=Transcoding(counts)))
    assert (bench.ids(pages), sum(page.filtered for page in pages), counts.pages) == (["a"], 1, 0)


def test_a_time_of_another_type_is_told_of_on_a_page_of_bytes_too(bench: Bench) -> None:
    source = bench.source(
        bench.table([bench.record("a", 1), bench.record("b", "2")], projection=None), bench.export(index=None)
    )
    counts = PageCounts()
    pages = bench.pages(source, Ask("s", bench.window(0, 9), transcoding=Transcoding(counts)))
    assert [one.code for page in pages for one in page.failed] == ["BAD_TIME"]
    assert (bench.ids(pages), counts.by_reference) == (["a"], 1)


def test_the_order_is_that_of_the_segments_however_the_pages_fall(bench: Bench) -> None:
    ask = Ask("s", bench.window(0, 1000))
    orders = [
        bench.ids(bench.pages(bench.source(scanned(bench, 200, page=page), bench.export(index=None)), ask))
        for page in (3, 7, 1000)
    ]
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, 4), (1, 4), (4 * SEGMENT_BYTES, 4), (4 * SEGMENT_BYTES + 1, 8), (10**9, 1112), (10**13, 1_000_000)],
)
def test_a_larger_table_has_more_segments_each_of_about_a_page(size: int, expected: int) -> None:
    assert segments_of(size) == expected


@given(st.integers(1, 2000))
def test_each_segment_has_one_place_and_neighbours_are_a_quarter_of_the_table_apart(quarter: int) -> None:
    segments = 4 * quarter
    order = [segment_at(place, segments) for place in range(segments)]
    assert sorted(order) == list(range(segments))
    assert order[:4] == [0, quarter, 2 * quarter, 3 * quarter]


def test_four_segments_are_read_at_the_same_time_also_where_each_page_has_records(bench: Bench) -> None:
    table = scanned(bench, 400, size=40 * SEGMENT_BYTES)
    together, calls, lock = threading.Barrier(4, timeout=20), iter(range(1000)), threading.Lock()

    def before(name: str, _: object) -> None:
        if name == "scan":
            with lock:
                number = next(calls)
            # The first is read alone, because most tables that are scanned are small.
            if 1 <= number <= 36:
                together.wait()

    table.before = before
    pages = bench.pages(bench.source(table, bench.export(index=None)), Ask("s", bench.window(0, 1000)))
    assert len(bench.ids(pages)) == 200
    assert table.names().count("scan") == 40


def test_the_number_of_segments_stays_what_it_was_at_the_start_though_the_table_grows(bench: Bench) -> None:
    table = scanned(bench, 100, size=9 * SEGMENT_BYTES)
    ask = Ask("s", bench.window(0, 1000))
    whole = bench.pages(bench.source(table, bench.export(index=None)), ask)
    table.size = 90 * SEGMENT_BYTES
    again = bench.pages(bench.source(table, bench.export(index=None)), ask, json.loads(json.dumps(whole[2].cursor)))
    assert bench.ids(again) == bench.ids(whole[3:])
    assert {call["TotalSegments"] for name, call in table.calls if name == "scan"} == {12}


@settings(max_examples=40, deadline=None)
@given(
    studies=st.lists(st.booleans(), max_size=100),
    segments=st.sampled_from([1, 9, 40, 100]),
    passes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 8), st.sampled_from([1, 2, 4, 7])), max_size=8),
)
def test_passes_that_end_anywhere_have_each_record_once_though_size_pages_and_readers_change(
    bench: Bench, studies: list[bool], segments: int, passes: list[tuple[int, int, int]]
) -> None:
    items = [bench.record(f"r{n:04d}", n, "s" if ours else "other") for n, ours in enumerate(studies)]
    table = bench.table(items, projection=None, size=segments * SEGMENT_BYTES)
    ask, cursor, found = Ask("s", bench.window(0, 1000)), None, list[str]()
    for few, table.page, readers in [*passes, (10_000, 3, 4)]:
        reading: Any = bench.source(table, bench.export(index=None), readers=readers).pages(ask, cursor)
        for page, _ in zip(reading, range(few), strict=False):
            found += bench.ids([page])
            cursor = json.loads(json.dumps(page.cursor))
        reading.close()
        table.size = few * SEGMENT_BYTES
        if cursor is None:
            break
    assert sorted(found) == [f"r{n:04d}" for n, ours in enumerate(studies) if ours]


def test_a_cursor_of_the_version_that_had_four_segments_is_understood(bench: Bench) -> None:
    table = scanned(bench, 100, page=5, size=9 * SEGMENT_BYTES)
    ask = Ask("s", bench.window(0, 1000))
    before = {"segments": [[2, {"id": {"S": second_of(table)}}], [3, None]]}
    found = bench.ids(bench.pages(bench.source(table, bench.export(index=None)), ask, before))
    table.size = 0
    whole = bench.ids(bench.pages(bench.source(table, bench.export(index=None)), ask))
    assert found == whole[-len(found) :]
    assert 10 < len(found) < 40


def second_of(table: FakeTable) -> str:
    """The second item of the third of four segments."""
    answer = table.scan(Segment=2, TotalSegments=4, ExpressionAttributeValues={})
    item_id: str = answer["Items"][1]["id"]["S"]
    return item_id


def test_an_empty_window_scans_nothing_and_threads_end(bench: Bench) -> None:
    table = scanned(bench, 50, page=3)
    source = bench.source(table, bench.export(index=None))
    assert bench.pages(source, Ask("s", bench.window(5, 5))) == []
    assert table.calls == []
    before = threading.active_count()
    pages: Any = source.pages(Ask("s", bench.window(0, 50)), None)
    next(pages)
    pages.close()
    assert threading.active_count() == before


def test_a_warning_says_what_scanning_for_several_studies_costs(bench: Bench) -> None:
    source = bench.source(scanned(bench, 0), bench.export(index=None))
    assert source.warnings(["s"]) == ()
    (warning,) = source.warnings(["s", "t", "u"])
    assert "whole table is read once for each of 3 studies" in warning
    assert bench.source(bench.table([])).warnings(["s", "t"]) == ()


@pytest.mark.parametrize("shared", [None, Transcoding(PageCounts())], ids=["objects", "bytes"])
@pytest.mark.parametrize(
    ("provisioned", "options", "expected"),
    [(0, {}, 0.02), (100, {}, 0.2), (100, {"maxReadCapacity": 1000}, 0.01), (0, {"maxReadCapacity": 2.5}, 4.0)],
)
def test_a_scan_waits_for_the_capacity_it_used(
    bench: Bench, provisioned: int, options: dict[str, object], expected: float, shared: Transcoding | None
) -> None:
    source = bench.source(scanned(bench, 1, provisioned=provisioned), bench.export(index=None, options=options))
    waits: list[float] = []
    source._wait = waits.append
    bench.pages(source, Ask("s", bench.window(0, 10), transcoding=shared))
    # The clock of the test is the real one, so each wait is at most what was asked for, and the first is nearly that.
    assert waits[0] == pytest.approx(expected, abs=0.005)


def test_a_pacer_spreads_units_over_time_and_forgives_idleness_but_does_not_save_it_up() -> None:
    now = [0.0]
    waits: list[float] = []
    pacer = Pacer(10, wait=waits.append, clock=lambda: now[0])
    pacer.spent(5)
    pacer.spent(5)
    now[0] = 100
    pacer.spent(5)
    pacer.spent(0)
    assert waits == [0.5, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("value", [0, -1, "many", True])
def test_a_senseless_capacity_is_refused_with_what_to_do(bench: Bench, value: object) -> None:
    source = bench.source(scanned(bench, 1), bench.export(index=None, options={"maxReadCapacity": value}))
    with pytest.raises(FatalError, match=r"maxReadCapacity.*tidegate check"):
        bench.pages(source, Ask("s", bench.window(0, 10)))


def test_a_time_of_another_type_is_no_silent_loss(bench: Bench) -> None:
    table = scanned(bench, 1)
    table.items.append(bench.record("odd", "2026-01-01T00:00:00Z"))
    pages = bench.pages(bench.source(table, bench.export(index=None)), Ask("s", bench.window(0, 10)))
    assert [one.key for page in pages for one in page.failed] == [("odd",)]


def test_a_record_without_a_time_is_in_no_window(bench: Bench) -> None:
    table = scanned(bench, 0)
    table.items.append({"id": {"S": "timeless"}, "studyId": {"S": "s"}})
    assert bench.ids(bench.pages(bench.source(table, bench.export(index=None)), Ask("s", bench.window(0, 10)))) == []
