"""Where the index lacks attributes: the table is read a second time, and may have moved on meanwhile (SPEC 7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tidegate.errors import RetriableError
from tidegate.sources import Ask

if TYPE_CHECKING:
    from unit.sources.conftest import Bench, FakeTable


def lagging(bench: Bench, count: int, **more: Any) -> FakeTable:
    """A table whose index has the keys of `count` records, 10 ms apart, and is not updated any more."""
    items = [bench.record(f"r{n:04d}", n * 10, answer={"N": str(n)}) for n in range(count)]
    return bench.table(items, listed=[dict(i) for i in items], projection={"ProjectionType": "KEYS_ONLY"}, **more)


def test_the_missing_attributes_come_by_batches_of_100_in_the_order_of_the_index(bench: Bench) -> None:
    table = lagging(bench, 250)
    pages = bench.pages(bench.source(table), Ask("s", bench.window(0, 2500)))
    assert [r.values["answer"]["N"] for page in pages for r in page.records] == [str(n) for n in range(250)]
    asked = [len(a["RequestItems"]["Records"]["Keys"]) for name, a in table.calls if name == "batch_get_item"]
    assert asked == [100, 100, 50]
    assert all(a["RequestItems"]["Records"]["ConsistentRead"] for n, a in table.calls if n == "batch_get_item")


@pytest.mark.parametrize(
    ("held", "projection", "reads"),
    [(["answer"], ["answer"], False), ([], ["answer"], True), ([], ["id"], False), (["answer"], None, True)],
)
def test_the_second_read_happens_only_where_the_index_lacks_something(
    bench: Bench, held: list[str], projection: list[str] | None, *, reads: bool
) -> None:
    table = lagging(bench, 1)
    table.projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": held}
    bench.pages(bench.source(table, bench.export(projection=projection)), Ask("s", bench.window(0, 10)))
    assert ("batch_get_item" in table.names()) is reads


def test_a_record_that_is_gone_is_counted_as_deleted_and_no_failure(bench: Bench) -> None:
    table = lagging(bench, 5)
    del table.items[1:3]
    (page,) = bench.pages(bench.source(table), Ask("s", bench.window(0, 50)))
    assert (bench.ids([page]), page.deleted, page.filtered) == (["r0000", "r0003", "r0004"], 2, 0)


def test_a_record_whose_time_study_or_index_place_has_gone_belongs_elsewhere_and_is_not_counted(bench: Bench) -> None:
    table = lagging(bench, 5)
    table.items[1]["uploadedOn"] = {"N": "50"}
    table.items[2]["studyId"] = {"S": "other"}
    del table.items[3]["uploadedOn"]
    (page,) = bench.pages(bench.source(table), Ask("s", bench.window(0, 50)))
    assert (bench.ids([page]), page.deleted, page.filtered) == (["r0000", "r0004"], 0, 0)


@pytest.mark.parametrize("readers", [1, 4])
def test_a_record_stamped_anew_within_the_window_is_there_once_although_it_is_listed_twice(
    bench: Bench, readers: int
) -> None:
    table = lagging(bench, 60, page=4)
    table.items[3]["uploadedOn"] = {"N": "455"}
    table.listed = [*(table.listed or ()), dict(table.items[3])]
    source = bench.source(table, readers=readers)
    ask = Ask("s", bench.window(0, 600))
    pages = bench.pages(source, ask)
    assert bench.ids(pages) == [f"r{n:04d}" for n in range(60)]
    assert sum(page.duplicates for page in pages) == 1
    for at, page in enumerate(pages[:-1]):
        assert bench.ids(bench.pages(source, ask, json.loads(json.dumps(page.cursor)))) == bench.ids(pages[at + 1 :])


def test_a_record_listed_twice_in_one_page_is_asked_for_and_exported_once(bench: Bench) -> None:
    table = lagging(bench, 5)
    table.items[3]["uploadedOn"] = {"N": "35"}
    table.listed = [*(table.listed or ()), dict(table.items[3])]
    (page,) = bench.pages(bench.source(table), Ask("s", bench.window(0, 50)))
    assert bench.ids([page]) == [f"r{n:04d}" for n in range(5)]


def test_what_the_index_does_not_show_yet_is_left_to_a_later_reading(bench: Bench) -> None:
    table = lagging(bench, 3)
    assert table.listed is not None
    late = table.listed.pop(1)
    source, ask = bench.source(table), Ask("s", bench.window(0, 30))
    assert bench.ids(bench.pages(source, ask)) == ["r0000", "r0002"]
    table.listed.append(late)
    assert bench.ids(bench.pages(source, ask)) == ["r0000", "r0001", "r0002"]


def test_the_filter_sees_the_table_and_not_the_index(bench: Bench) -> None:
    table = lagging(bench, 10)
    (page,) = bench.pages(bench.source(table, bench.export(filter={"answer": 4})), Ask("s", bench.window(0, 100)))
    assert (bench.ids([page]), page.filtered) == (["r0004"], 9)


def test_unprocessed_keys_are_asked_for_again_with_growing_waits(bench: Bench) -> None:
    table = lagging(bench, 50)
    waits: list[float] = []
    table.unprocessed = lambda asked: asked - 20 if asked > 20 else 0
    source = bench.source(table)
    source._wait = waits.append
    (page,) = bench.pages(source, Ask("s", bench.window(0, 500)))
    assert bench.ids([page]) == [f"r{n:04d}" for n in range(50)]
    assert waits == [0.05, 0.05]


def test_keys_that_stay_unprocessed_are_something_to_try_later(bench: Bench) -> None:
    table = lagging(bench, 5)
    waits: list[float] = []
    table.unprocessed = lambda asked: asked
    source = bench.source(table)
    source._wait = waits.append
    with pytest.raises(RetriableError, match="left 5 keys unprocessed 8 times"):
        bench.pages(source, Ask("s", bench.window(0, 50)))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
