"""A source of one's own asked page by page, from every cursor, and what becomes of its errors."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tidegate.definition import from_document
from tidegate.errors import FatalError, ForeignError, RetriableError
from tidegate.model import Definition, Page
from tidegate.sources import Ask, KeyLookup, source_of
from tidegate.sources.own.source import SLICE, OwnSource

if TYPE_CHECKING:
    from unit.sources.conftest import Bench
    from unit.sources.dropped import Dropped

DAY = 86_400_000
MANY = """
    def source(asked):
        rows = [{"n": n, "study": asked.study} for n in range(2500)]
        return {"headerRow": ["n", "study"], "data": rows}
    """
# Each page has its own cursor; the source begins behind the one that it is given.
BY_CURSOR = """
    CALLS = []
    def source(asked):
        CALLS.append(asked.cursor)
        first = 0 if asked.cursor is None else asked.cursor["next"]
        rows = [{"n": n} for n in range(first, first + 1300)]
        last = first + 1300 >= 3900
        return {"headerRow": ["n"], "data": rows, "cursor": None if last else {"next": first + 1300, "also": (1,)}}
    """
YIELDING = """
    CLOSED = []
    def source(asked):
        try:
            for first in range(0, 40, 10):
                yield {"headerRow": ["n"], "data": [{"n": n} for n in range(first, first + 10)]}
        finally:
            CLOSED.append(True)
    """
A_CLASS = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Parameters:
        step: int
        first: int = 0
    class Numbers:
        def __init__(self, parameters):
            self.step = parameters.step
        def pages(self, asked):
            begin = asked.parameters.first if asked.cursor is None else asked.cursor
            for first in range(begin, 50, self.step):
                yield {"headerRow": ["n"], "data": [{"n": first}], "cursor": first + self.step}
    source = Numbers
    """
OPTIONS: dict[str, dict[str, Any]] = {A_CLASS: {"step": 5}}


class Clients:
    dynamodb: Any = None


def definition(options: Any = None, **changes: Any) -> Definition:
    source = {"type": "visits", "options": options or {}, **changes.pop("source", {})}
    return from_document({"source": source, **changes}, 1)


def own(options: Any = None, **changes: Any) -> OwnSource:
    source = source_of(definition(options, **changes), Clients())
    assert isinstance(source, OwnSource)
    return source


def numbers(pages: list[Page]) -> list[int]:
    return [int(record.values["n"]["N"]) for page in pages for record in page.records]


def test_nothing_is_imported_before_something_is_asked(drop: Dropped, bench: Bench) -> None:
    drop("visits", "1 / 0")
    source = own()
    assert bench.pages(source, Ask("s", bench.window(5, 5))) == []
    assert "datasources.visits" not in sys.modules
    with pytest.raises(FatalError, match="ZeroDivisionError"):
        bench.pages(source, Ask("s", bench.window(0, DAY)))


def test_it_is_asked_for_the_study_and_the_window(drop: Dropped, bench: Bench) -> None:
    drop(
        "visits",
        """
        def source(asked):
            row = {"study": asked.study, "start": asked.start.isoformat(), "end": asked.end.isoformat()}
            return {"headerRow": ["study", "start", "end"], "data": [{**row, "cursor": asked.cursor}]}
        """,
    )
    (page,) = bench.pages(own(format={"type": "JSONL"}), Ask("s", bench.window(1, DAY)))
    assert {name: value.get("S") for name, value in page.records[0].values.items()} == {
        "study": "s",
        "start": "1970-01-01T00:00:00.001000+00:00",
        "end": "1970-01-02T00:00:00+00:00",
        "cursor": None,
    }


@pytest.mark.parametrize(
    ("text", "records", "pages"),
    [(MANY, 2500, 3), (BY_CURSOR, 3900, 6), (YIELDING, 40, 4), (A_CLASS, 10, 10)],
    ids=["whole", "by cursor", "yielding", "class"],
)
def test_it_goes_on_from_every_cursor_as_if_nothing_had_happened(
    drop: Dropped, bench: Bench, text: str, records: int, pages: int
) -> None:
    drop("visits", text)
    ask, options = Ask("s", bench.window(0, DAY)), OPTIONS.get(text)
    whole = bench.pages(own(options), ask)
    assert (len(numbers(whole)), len(whole)) == (records, pages)
    assert len(set(numbers(whole))) == records
    assert max(len(page.records) for page in whole) <= SLICE
    assert all(page.columns == whole[0].columns for page in whole)
    for at, page in enumerate(whole[:-1]):
        cursor = json.loads(json.dumps(page.cursor))
        assert bench.pages(own(options), ask, cursor) == whole[at + 1 :]


def test_a_page_with_a_cursor_is_never_asked_for_again(drop: Dropped, bench: Bench) -> None:
    drop("visits", BY_CURSOR)
    ask = Ask("s", bench.window(0, DAY))
    whole = bench.pages(own(), ask)
    calls = sys.modules["datasources.visits"].CALLS
    assert calls == [None, {"next": 1300, "also": [1]}, {"next": 2600, "also": [1]}]
    calls.clear()
    bench.pages(own(), ask, whole[1].cursor)
    assert calls == [{"next": 1300, "also": [1]}, {"next": 2600, "also": [1]}]


def test_rows_are_counted_over_all_pages_wherever_it_goes_on(drop: Dropped, bench: Bench) -> None:
    drop(
        "visits",
        """
        def source(asked):
            for first in range(0, 6, 2):
                rows = [{"n": first}, {"n": first + 1} if first < 4 else {}]
                yield {"headerRow": ["n"], "data": rows, "cursor": first if first == 0 else None}
        """,
    )
    ask = Ask("s", bench.window(0, DAY))
    got: list[Page] = []
    with pytest.raises(FatalError, match="row 6 lacks the key 'n'"):
        got.extend(own().pages(ask, None))
    first = next(own().pages(ask, None))
    assert first.cursor is not None
    assert first.cursor["rows"] == 2


def test_a_source_that_gives_other_rows_the_second_time_is_found_out(drop: Dropped, bench: Bench) -> None:
    drop("visits", MANY)
    ask = Ask("s", bench.window(0, DAY))
    cursor = bench.pages(own(), ask)[1].cursor
    drop("visits", MANY.replace("in range(2500)", "in range(1, 2501)"))
    with pytest.raises(FatalError, match=r"asked a second time for the same records of the study s, and gave others"):
        bench.pages(own(), ask, cursor)
    drop("visits", MANY.replace("2500", "500"))
    with pytest.raises(FatalError, match="SOURCE_NOT_REPEATABLE"):
        bench.pages(own(), ask, cursor)


def test_a_cursor_that_never_moves_is_refused(drop: Dropped, bench: Bench) -> None:
    drop("visits", "def source(asked): return {'headerRow': ['n'], 'data': [], 'cursor': (1,)}")
    with pytest.raises(FatalError, match="it would never end"):
        bench.pages(own(), Ask("s", bench.window(0, DAY)))


def test_reading_that_is_stopped_closes_the_sources_generator(drop: Dropped, bench: Bench) -> None:
    drop("visits", YIELDING)
    pages = own().pages(Ask("s", bench.window(0, DAY)), None)
    next(pages)
    pages.close()
    assert sys.modules["datasources.visits"].CLOSED == [True]


def test_pages_are_held_one_ahead_and_no_further(drop: Dropped, bench: Bench) -> None:
    drop(
        "visits",
        """
        GIVEN = []
        def source(asked):
            for n in range(10):
                GIVEN.append(n)
                yield {"headerRow": ["n"], "data": [{"n": n}]}
        """,
    )
    ahead = []
    for taken, _ in enumerate(own().pages(Ask("s", bench.window(0, DAY)), None), 1):
        ahead.append(len(sys.modules["datasources.visits"].GIVEN) - taken)
    assert ahead == [1] * 9 + [0]


@pytest.mark.parametrize("text", ["return []", "yield from ()", "return {'data': []}"])
def test_no_row_is_one_page_without_records(drop: Dropped, bench: Bench, text: str) -> None:
    drop("visits", f"def source(asked): {text}")
    (page,) = bench.pages(own(format={"type": "JSON"}), Ask("s", bench.window(0, DAY)))
    assert (list(page.records), page.cursor) == ([], None)


def test_with_a_time_what_lies_outside_the_window_is_left_out_and_counted(drop: Dropped, bench: Bench) -> None:
    drop(
        "visits",
        """
        KEY, TIME, COLUMNS = "n", "seen", ("n", "seen")
        def source(asked):
            return {"data": [{"n": n, "seen": n * 1000} for n in range(10)]}
        """,
    )
    source = own(source={"recordKey": ["n"], "timeKey": "seen"})
    pages = [bench.pages(source, Ask("s", bench.window(a, b))) for a, b in ((0, 3000), (3000, 3001), (3001, DAY))]
    assert [numbers(page) for page in pages] == [[0, 1, 2], [3], [4, 5, 6, 7, 8, 9]]
    assert [page[0].filtered for page in pages] == [7, 9, 4]
    assert pages[0][0].records[2].key == ("2",)


def test_keys_cannot_be_asked_for(drop: Dropped, bench: Bench) -> None:
    drop("visits", MANY)
    source = own()
    assert not isinstance(source, KeyLookup)
    with pytest.raises(FatalError, match="SOURCE_WITHOUT_KEYS"):
        bench.pages(source, Ask("s", keys=[("1",)]))


@pytest.mark.parametrize("options", [{}, {"step": 5, "other": 1}, {"step": 0}], ids=["missing", "unknown", "refused"])
def test_options_that_it_does_not_take_are_refused_by_the_worker_too(
    drop: Dropped, bench: Bench, options: dict[str, Any]
) -> None:
    text = A_CLASS.replace(
        "        first: int = 0\n", "        first: int = 0\n        def __post_init__(self): self.check()\n"
    )
    check = "        def check(self):\n            if self.step < 1: raise ValueError('step must be above 0')\n"
    drop("visits", text.replace("    class Numbers", f"{check}    class Numbers"))
    with pytest.raises(FatalError, match="SOURCE_MISCONFIGURED: The options of the source visits"):
        bench.pages(own(options), Ask("s", bench.window(0, DAY)))
    drop("visits", MANY)
    with pytest.raises(FatalError, match="it takes none"):
        bench.pages(own({"step": 5}), Ask("s", bench.window(0, DAY)))


@pytest.mark.parametrize(
    "text",
    [
        "def source(asked):\n    raise KeyError('secret value')",
        "def source(asked):\n    yield {'headerRow': ['n'], 'data': []}; raise KeyError('secret value')",
        "class source:\n    def __init__(self): raise KeyError('secret value')\n    def pages(self, asked): ...",
    ],
    ids=["function", "generator", "class"],
)
def test_an_error_of_the_module_tells_source_place_and_study_but_not_its_text(
    drop: Dropped, bench: Bench, text: str
) -> None:
    drop("visits", text)
    with pytest.raises(ForeignError) as caught:
        bench.pages(own(), Ask("s", bench.window(0, DAY)))
    assert caught.value.message == "The source visits raised KeyError at visits.py, line 2, asked for the study s."
    assert caught.value.code == "SOURCE_RAISED"
    assert isinstance(caught.value.__cause__, KeyError)
    assert "secret" not in str(caught.value)


def test_what_a_source_raises_on_purpose_passes_and_what_aws_says_is_sorted(drop: Dropped, bench: Bench) -> None:
    ask = Ask("s", bench.window(0, DAY))
    drop(
        "visits",
        """
        from tidegate.datasource import RetriableError
        def source(asked):
            raise RetriableError("The ward system is away.", code="WARDS_AWAY")
        """,
    )
    with pytest.raises(RetriableError, match="WARDS_AWAY"):
        bench.pages(own(), ask)
    drop(
        "visits",
        """
        from botocore.exceptions import ClientError
        def source(asked):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
        """,
    )
    with pytest.raises(RetriableError, match="AWS_THROTTLED") as caught:
        bench.pages(own(), ask)
    assert isinstance(caught.value.__cause__, ClientError)


def test_a_check_asks_for_one_page_and_says_what_came(drop: Dropped, bench: Bench) -> None:
    drop("visits", MANY)
    found = own().inspect(["a", "b"], bench.window(0, DAY))
    assert all(finding.ok for finding in found)
    assert "It gave 1000 or more rows of 2 columns for the study a" in found[-1].what
    assert "names no TIME" in own().warnings(["a"])[0]
    drop("visits", "def source(asked): return {}")
    (finding,) = own().inspect(["a"], bench.window(0, DAY))
    assert not finding.ok
    assert "without 'headerRow'" in finding.what
