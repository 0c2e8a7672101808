"""The records of a window by Query: nothing missing, nothing twice, in order, wherever the reading is resumed."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import FatalError, RetriableError
from tidegate.instants import from_millis, rfc3339
from tidegate.sources import Ask
from tidegate.sources.dynamodb import answers

if TYPE_CHECKING:
    from unit.sources.conftest import Bench

SPAN = 40


def notated(millis: int, time_type: str) -> object:
    """The time as an item of this time type has it; iso8601 without a fraction of zero, as many writers do."""
    if time_type == "epochMillis":
        return millis
    if time_type == "epochSeconds":
        return f"{millis // 1000}.{millis % 1000:03d}"
    return rfc3339(from_millis(millis)).replace(".000Z", "Z")


def item(bench: Bench, n: int, millis: int, time_type: str) -> Any:
    made = bench.record(f"r{n:04d}", 0)
    kind = "S" if time_type == "iso8601" else "N"
    return {**made, "uploadedOn": {kind: str(notated(millis, time_type))}}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("time_type", ["epochMillis", "epochSeconds", "iso8601"])
def test_a_window_has_exactly_the_records_of_a_plain_filter_from_every_cursor(
    bench: Bench, time_type: str, data: st.DataObject
) -> None:
    scale = data.draw(st.sampled_from([1, 250]))
    times = [scale * t for t in data.draw(st.lists(st.integers(0, SPAN), max_size=60))]
    start, end = sorted(scale * t for t in data.draw(st.tuples(st.integers(0, SPAN), st.integers(0, SPAN))))
    table = bench.table([item(bench, n, t, time_type) for n, t in enumerate(times)], page=data.draw(st.integers(1, 9)))
    table.types["uploadedOn"] = "S" if time_type == "iso8601" else "N"
    second_read = data.draw(st.booleans())
    table.projection = {"ProjectionType": "KEYS_ONLY" if second_read else "ALL"}
    source = bench.source(table, bench.export(timeType=time_type), readers=3)
    ask = Ask("s", bench.window(start, end))
    expected = sorted((t, f"r{n:04d}") for n, t in enumerate(times) if start <= t < end)

    with patch.object(answers, "_PIECE", data.draw(st.sampled_from([1, 200, 1 << 20]))):
        pages = bench.pages(source, ask)
    found = [(r.time_millis or 0, r.key[0]) for page in pages for r in page.records]

    assert sorted(found) == expected
    if time_type != "iso8601":
        assert found == expected
    for at, page in enumerate(pages[:-1]):
        if page.more:  # no place to stop at
            continue
        rest = bench.pages(source, ask, json.loads(json.dumps(page.cursor)))
        assert bench.ids(rest) == bench.ids(pages[at + 1 :])


def test_a_long_window_takes_few_calls_more_than_it_has_pages_and_none_that_brings_nothing(bench: Bench) -> None:
    table = bench.table([item(bench, n, 10 * n, "epochMillis") for n in range(4_000)], page=40)
    found = bench.pages(bench.source(table, bench.export()), Ask("s", bench.window(0, 10 * 4_000)))
    assert sum(len(page.records) for page in found) == 4_000
    assert all(page.records for page in found)
    assert 100 <= table.names().count("query") <= 110


def test_a_page_in_pieces_tells_of_each_record_once_and_has_its_place_to_stop_at_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_PIECE", 1)
    items = [{**bench.record(f"r{n}", n), "kind": {"S": "ab"[n == 2]}} for n in range(6)]
    items[4] = {"id": {"S": "r4"}, "studyId": {"S": "s"}, "uploadedOn": {"N": "4"}, "kind": {"NULL": True}}
    table = bench.table(items, page=4)
    pages = bench.pages(bench.source(table, bench.export(filter={"kind": "a"})), Ask("s", bench.window(0, 9)))
    assert [[one.key[0] for one in page.records] for page in pages] == [["r0"], ["r1"], [], ["r3"], [], ["r5"]]
    assert [page.filtered for page in pages] == [0, 0, 1, 0, 1, 0]
    assert [page.more for page in pages] == [True, True, True, False, True, False]


@pytest.mark.parametrize("cut", [-1, -40, -120])
def test_an_answer_that_was_cut_short_is_asked_for_again_later(bench: Bench, cut: int) -> None:
    table = bench.table([bench.record(f"r{n}", n) for n in range(3)])
    table.hooks.cut = cut
    with pytest.raises(RetriableError, match="DynamoDB's answer is no JSON"):
        bench.pages(bench.source(table), Ask("s", bench.window(0, 9)))


@given(times=st.lists(st.integers(0, 5_000), max_size=30), cuts=st.lists(st.integers(0, 5_000), max_size=5))
@settings(max_examples=60, deadline=None)
def test_consecutive_windows_have_every_record_once(bench: Bench, times: list[int], cuts: list[int]) -> None:
    table = bench.table([item(bench, n, t, "iso8601") for n, t in enumerate(times)], page=4)
    table.types["uploadedOn"] = "S"
    source = bench.source(table, bench.export(timeType="iso8601"))
    edges = sorted({0, 5_001, *cuts})
    windows = [bench.window(a, b) for a, b in pairwise(edges)]
    found = [one for each in windows for one in bench.ids(bench.pages(source, Ask("s", each)))]
    assert sorted(found) == [f"r{n:04d}" for n in range(len(times))]


@pytest.mark.parametrize(("start", "end"), [(1000, 1000), (2000, 1000)])
def test_an_empty_window_sends_nothing_at_all(bench: Bench, start: int, end: int) -> None:
    table = bench.table([bench.record("r", 1000)])
    assert bench.pages(bench.source(table), Ask("s", bench.window(start, end))) == []
    assert table.calls == []


def test_a_window_without_records_is_one_page_and_one_query(bench: Bench) -> None:
    table = bench.table([])
    (page,) = bench.pages(bench.source(table), Ask("s", bench.window(0, 1000)))
    assert (list(page.records), page.cursor) == ([], None)
    assert table.names() == ["describe_table", "query"]


def test_the_table_is_described_once_for_many_windows(bench: Bench) -> None:
    table = bench.table([])
    source = bench.source(table)
    for at in range(3):
        bench.pages(source, Ask("s", bench.window(at, at + 1)))
    assert table.names().count("describe_table") == 1


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        *(("999.999", False), ("1000", True), ("1000.5", True), ("1999.9999999999999999999999", True)),
        *(("2000", False), ("2000.0000000000000000000000000000001", False), ("1E+3", True), ("1E-130", False)),
    ],
)
def test_fractions_between_two_milliseconds_belong_to_the_earlier_one(bench: Bench, at: str, *, inside: bool) -> None:
    table = bench.table([{**bench.record("r", 0), "uploadedOn": {"N": at}}])
    pages = bench.pages(bench.source(table), Ask("s", bench.window(1000, 2000)))
    assert bench.ids(pages) == (["r"] if inside else [])
    assert all(one.time_millis == int(Decimal(at)) for page in pages for one in page.records)


def test_the_values_of_a_record_are_those_of_the_table_digit_by_digit(bench: Bench) -> None:
    number = {"N": "12345678901234567890.123456789012345678"}
    more: Any = {"n": number, "b": {"B": b"\x00\xff"}, "m": {"M": {"x": {"NULL": True}}}}
    stored = bench.record("r", 1000, **more)
    (page,) = bench.pages(bench.source(bench.table([stored])), Ask("s", bench.window(0, 2000)))
    assert dict(page.records[0].values) == stored


def test_a_wide_window_is_read_by_several_threads_that_are_gone_in_the_end(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n:04d}", n * 10) for n in range(500)], page=10)
    threads: set[int] = set()
    table.before = lambda *_: threads.add(threading.get_ident())
    before = threading.active_count()
    pages = bench.pages(bench.source(table), Ask("s", bench.window(0, 5000)))
    assert bench.ids(pages) == [f"r{n:04d}" for n in range(500)]
    assert len(threads) > 2
    assert threading.active_count() == before


def test_threads_end_when_the_reading_is_stopped_early(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n:04d}", n) for n in range(500)], page=5)
    before = threading.active_count()
    pages: Any = bench.source(table).pages(Ask("s", bench.window(0, 500)), None)
    next(pages)
    next(pages)
    assert threading.active_count() > before
    pages.close()
    assert threading.active_count() == before


def test_what_is_read_ahead_is_bounded(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n:05d}", n) for n in range(3000)], page=5)
    pages: Any = bench.source(table).pages(Ask("s", bench.window(0, 3000)), None)
    for _ in range(20):
        next(pages)
    pages.close()
    # 600 pages are there; at most 6 stretches of 2 pages, and one call by each of 4 readers, are ahead of the 20.
    assert table.names().count("query") <= 20 + 6 * 2 + 4 + 20


def test_an_uneven_window_is_cut_where_it_is_dense(bench: Bench) -> None:
    dense = [bench.record(f"d{n:04d}", 900_000 + n) for n in range(400)]
    table = bench.table(
        [bench.record("a", 0), bench.record("b", 10), *dense, bench.record("z", 1_000_000_000)], page=10
    )
    pages = bench.pages(bench.source(table), Ask("s", bench.window(0, 2_000_000_000)))
    assert bench.ids(pages) == ["a", "b", *(f"d{n:04d}" for n in range(400)), "z"]
    assert table.names().count("query") < 41 * 3


def test_a_record_without_its_identity_is_told_by_the_tables_own_key(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n:04d}", n) for n in range(300)], page=5)
    source = bench.source(table, bench.export(recordKey=["id", "serial"]))
    for n in range(300):
        if n != 200:
            table.items[n]["serial"] = {"N": str(n)}
    pages = bench.pages(source, Ask("s", bench.window(0, 300)))
    assert sum(len(page.records) for page in pages) == 299
    (failed,) = [one for page in pages for one in page.failed]
    assert (failed.key, failed.code) == (("r0200",), "NO_IDENTITY")
    assert "recordKey (id, serial)" in failed.reason


def test_an_error_comes_after_the_records_before_it_and_ends_the_threads(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n:04d}", n) for n in range(300)], page=5)
    source = bench.source(table)
    before = threading.active_count()
    found: list[str] = []

    def refuse(name: str, _arguments: dict[str, Any]) -> None:
        if len(found) >= 100:
            raise FatalError(f"{name} is refused from now on")

    table.before = refuse
    with pytest.raises(FatalError, match="query is refused"):
        found.extend(one.key[0] for page in source.pages(Ask("s", bench.window(0, 300)), None) for one in page.records)
    assert found == [f"r{n:04d}" for n in range(len(found))]
    assert 100 <= len(found) < 300
    assert threading.active_count() == before


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00", "2026-01-01T00:00:61Z"])
def test_a_time_that_cannot_be_read_is_told_with_the_id_and_not_the_value(bench: Bench, text: str) -> None:
    table = bench.table([bench.record("r7", text)])
    table.types["uploadedOn"] = "S"
    start = 1_767_225_600_000
    source = bench.source(table, bench.export(timeType="iso8601", tableBy=["kind"]))
    pages = bench.pages(source, Ask("s", bench.window(start - 1000, start + 120_000)))
    (failed,) = [one for page in pages for one in page.failed]
    assert (failed.key, failed.code, failed.table) == (("r7",), "BAD_TIME", "_none")
    assert text not in failed.reason
    assert bench.ids(pages) == []


def test_a_time_that_cannot_be_read_is_told_by_one_of_two_windows_that_abut(bench: Bench) -> None:
    start = 1_767_225_600_000
    texts = ["2026-01-01T00:00:00", "2026-01-01T00:00:59x", "2026-01-01T00:01:00", "2026-01-01T00:01:00.5?"]
    table = bench.table([bench.record(f"r{n}", text) for n, text in enumerate(texts)])
    table.types["uploadedOn"] = "S"
    source = bench.source(table, bench.export(timeType="iso8601"))
    told = []
    for begin, end in pairwise((0, 60_000, 60_500, 60_501, 120_000)):
        pages = bench.pages(source, Ask("s", bench.window(start + begin, start + end)))
        told.append([one.key[0] for page in pages for one in page.failed])
    assert told == [["r0", "r1"], ["r2"], [], ["r3"]]


def test_records_between_failed_ones_come_through_whatever_the_slices(bench: Bench) -> None:
    start = 1_767_225_600_000
    texts = [f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}{'Z' if n % 7 else '+01:00'}" for n in range(600)]
    table = bench.table([bench.record(f"r{n:04d}", text) for n, text in enumerate(texts)], page=5)
    table.types["uploadedOn"] = "S"
    source = bench.source(table, bench.export(timeType="iso8601"))
    pages = bench.pages(source, Ask("s", bench.window(start, start + 600_000)))
    assert bench.ids(pages) == [f"r{n:04d}" for n in range(600) if n % 7]
    failed = [one.key[0] for page in pages for one in page.failed]
    assert failed == [f"r{n:04d}" for n in range(0, 600, 7)]


def test_what_the_index_cannot_read_is_judged_by_the_table(bench: Bench) -> None:
    start = 1_767_225_600_000
    bad, good = "2026-01-01T00:00:30", "2026-01-01T00:00:40Z"
    table = bench.table([bench.record("cured", good), bench.record("still", bad, kind={"S": "k"})])
    table.types["uploadedOn"] = "S"
    table.projection = {"ProjectionType": "KEYS_ONLY"}
    table.listed = [bench.record("cured", bad), bench.record("gone", bad), bench.record("still", bad)]
    pages = bench.pages(
        bench.source(table, bench.export(timeType="iso8601", tableBy=["kind"])),
        Ask("s", bench.window(start, start + 60_000)),
    )
    assert bench.ids(pages) == ["cured"]
    assert [(one.key, one.table) for page in pages for one in page.failed] == [(("still",), "k")]
    assert sum(page.deleted for page in pages) == 1


def test_the_filter_counts_what_it_leaves_out_once_whatever_the_slices(bench: Bench) -> None:
    items = [bench.record(f"r{n:04d}", n, kind={"S": "a" if n % 3 else "b"}, v={"N": "1.0"}) for n in range(90)]
    table = bench.table(items, page=4)
    pages = bench.pages(bench.source(table, bench.export(filter={"kind": "a", "v": 1})), Ask("s", bench.window(0, 80)))
    assert len(bench.ids(pages)) == sum(1 for n in range(80) if n % 3)
    assert sum(page.filtered for page in pages) == sum(1 for n in range(80) if not n % 3)


@pytest.mark.parametrize(
    ("wanted", "value"), [("x", {"S": "x"}), (True, {"BOOL": True}), (None, {"NULL": True}), (1.5, {"N": "1.50"})]
)
def test_the_filter_compares_by_type_and_value(bench: Bench, wanted: object, value: dict[str, Any]) -> None:
    others: list[Any] = [{"S": "y"}, {"BOOL": False}, {"N": "1"}, {"L": []}]
    table = bench.table([bench.record("yes", 1, a=value), bench.record("lacks", 1)])
    table.items += [bench.record(f"no{n}", 1, a=other) for n, other in enumerate(others)]
    source = bench.source(table, bench.export(filter={"a": wanted}))
    assert bench.ids(bench.pages(source, Ask("s", bench.window(0, 2)))) == ["yes"]


def test_a_filter_may_allow_several_values(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n}", n, v={"N": str(n)}) for n in range(5)])
    pages = bench.pages(bench.source(table, bench.export(filter={"v": [1, 3]})), Ask("s", bench.window(0, 9)))
    assert (bench.ids(pages), pages[0].filtered) == (["r1", "r3"], 3)


def test_the_projection_keeps_identity_time_and_table_but_not_what_only_decides(bench: Bench) -> None:
    items = [bench.record("r", 1, a={"S": "1"}, b={"S": "2"}, kind={"S": "k"}, schema={"S": "t"})]
    definition = bench.export(projection=["a"], filter={"kind": "k"}, tableBy=["schema"])
    (page,) = bench.pages(bench.source(bench.table(items), definition), Ask("s", bench.window(0, 2)))
    assert set(page.records[0].values) == {"a", "id", "uploadedOn", "schema"}


def test_columns_restrict_what_is_fetched_to_the_attributes_they_start_from(bench: Bench) -> None:
    table = bench.table([bench.record("r", 1, a={"M": {"x": {"S": "1"}}}, b={"S": "2"})])
    bench.pages(bench.source(table, bench.export(columns=["a.x", "b[0]"])), Ask("s", bench.window(0, 2)))
    names = table.calls[-1][1]["ExpressionAttributeNames"].values()
    assert {"a", "a.x", "b", "b[0]", "id", "studyId", "uploadedOn"} == set(names)


def test_only_the_own_study_is_read_and_a_number_as_study_id_is_found(bench: Bench) -> None:
    table = bench.table([{**bench.record("r", 1), "studyId": {"N": "7"}}])
    table.types["studyId"] = "N"
    source = bench.source(table)
    assert bench.ids(bench.pages(source, Ask("7", bench.window(0, 2)))) == ["r"]
    assert bench.ids(bench.pages(source, Ask("seven", bench.window(0, 2)))) == []
    assert table.names().count("query") == 1


def test_a_table_keyed_by_study_and_time_is_queried_itself_and_consistently(bench: Bench) -> None:
    table = bench.table([bench.record("r", 5)], key=("studyId", "uploadedOn"), projection=None)
    pages = bench.pages(bench.source(table, bench.export(index=None)), Ask("s", bench.window(0, 10)))
    assert bench.ids(pages) == ["s|5"]
    assert table.calls[-1][1]["ConsistentRead"] is True
    assert "IndexName" not in table.calls[-1][1]


@pytest.mark.parametrize(("local", "consistent"), [(False, False), (True, True)])
def test_only_a_local_index_is_read_consistently(bench: Bench, *, local: bool, consistent: bool) -> None:
    table = bench.table([], local_index=local)
    bench.pages(bench.source(table), Ask("s", bench.window(0, 10)))
    assert table.calls[-1][1]["ConsistentRead"] is consistent
