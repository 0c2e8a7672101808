"""The look-back by itself: a source whose records become visible late, windows one after the other, interruptions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import FatalError
from tidegate.instants import from_millis, to_millis
from tidegate.lookback import Lookback
from tidegate.model import JSON, FailedRecord, Page, Part, Record, Window
from tidegate.pieces import Pieces, Tails
from tidegate.remembered import Header, Remembered
from tidegate.store.pairs import Memory
from unit.part_samples import MemoryStore

NAMES = ("id", "at")
NOTHING = Tails(memoryview(b""))


@dataclass(frozen=True)
class Seen:
    """A record, its time, and when the source first shows it; `failed` ones cannot be exported."""

    name: str
    millis: int
    visible: int
    fraction: str = ""
    failed: bool = False

    @property
    def record(self) -> Record:
        return Record((self.name,), self.millis, {"id": {"S": self.name}, "at": {"N": f"{self.millis}{self.fraction}"}})


@dataclass
class Chain:
    """Windows exported one after the other, each with the memory of the one before."""

    seen: list[Seen] = field(default_factory=list)
    span: int = 100
    unit: int | None = 1
    page: int = 3
    in_pieces: bool = False
    store: MemoryStore = field(default_factory=MemoryStore)
    old: Remembered | None = None
    exported: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    dropped: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    _windows: int = 0

    def export(self, start: int, end: int, *, interrupt_every: int = 0) -> list[str]:
        """The window's records in the order of its parts; `interrupt_every` so many pages another process goes on."""
        window, before = Window(from_millis(start), from_millis(end)), len(self.exported)
        self._windows += 1
        since = end - self.span if self.old is None else max(to_millis(self.old.header.since), end - self.span)
        header = Header(
            "e", "s", from_millis(max(since, start if self.old is None else since)), window.end, NAMES, self.unit, "m"
        )
        prefix = f"work/{self._windows}/"
        state: Any = None
        tails, cursor, finished = NOTHING, None, False
        while not finished:
            late = Lookback(
                window,
                header,
                Pieces(self.store, prefix, put_so_far=0),
                self.old,
                timedelta(milliseconds=self.span),
                state,
                tails,
            )
            finished = True
            for number, page in enumerate(late.pages(lambda w, at: self._pages(w, at, end), cursor), 1):
                self.exported += [f"{record.key[0]}@{record.values['at']['N']}" for record in page.records]
                self.listed += [one.key[0] for one in page.failed]
                self.dropped += page.duplicates
                cursor = page.cursor
                if cursor is not None and interrupt_every and number == interrupt_every:
                    carried: list[bytes | bytearray] = []
                    state = json.loads(json.dumps(late.state(carried)))
                    tails, finished = Tails(memoryview(b"".join(carried))), False
                    break
        part = late.finish(f"lookback/{self._windows}.jsonl.gz")
        self.old = self._stored(part)
        return self.exported[before:]

    def marks(self) -> list[str]:
        assert self.old is not None
        return [key[0] for _, _, key in self.old.marks()]

    def _stored(self, part: Part) -> Remembered:
        self.store.put(part.key, self.store.stored(part))
        found = Remembered.opened(self.store, Memory(part.key, part.sha256))
        assert found is not None
        return found

    def _pages(self, window: Window, at: JSON | None, now: int) -> Generator[Page, None, None]:
        start, end = to_millis(window.start), to_millis(window.end)
        if at is None:
            self.asked.append((start, end))
        found = [one for one in self.seen if start <= one.millis < end and one.visible <= now]
        if self.unit is None:
            found.sort(key=lambda one: one.name)
        else:
            unit = self.unit
            found.sort(key=lambda one: (one.millis // unit, one.name))
        for place in range(at or 0, len(found) or 1, self.page):
            here = found[place : place + self.page]
            behind = place + self.page if place + self.page < len(found) else None
            while self.in_pieces and len(here) > 1 and not here[0].failed:
                yield Page([here.pop(0).record], behind, more=True)
            yield Page(
                [one.record for one in here if not one.failed],
                behind,
                filtered=1,
                deleted=1,
                failed=[FailedRecord((one.name,), "BAD_TIME", "has none") for one in here if one.failed],
            )


def names(exported: Sequence[str]) -> list[str]:
    return [text.partition("@")[0] for text in exported]


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("unit", [1, 1000, None])
def test_a_late_record_comes_first_in_the_next_window_once_and_never_again(unit: int | None, in_pieces: bool) -> None:
    seen = [Seen("a", 10, 0), Seen("late", 95, 101), Seen("b", 99, 0), Seen("c", 150, 0)]
    chain = Chain(seen, unit=unit, in_pieces=in_pieces)
    assert names(chain.export(0, 100)) == ["a", "b"]
    assert names(chain.export(100, 200)) == ["late", "c"]
    assert names(chain.export(200, 300)) == []
    assert chain.dropped == 3, "a and b in the second window, c in the third"


def test_a_record_is_found_windows_later_as_long_as_it_lies_within_the_look_back() -> None:
    chain = Chain([Seen("late", 15, 91), Seen("too late", 15, 200)])
    for end in range(10, 300, 10):
        chain.export(end - 10, end)
    assert names(chain.exported) == ["late"]


def test_what_lies_before_the_chains_first_window_is_never_asked_for() -> None:
    chain = Chain([Seen("of another chain", 995, 0), Seen("a", 1001, 0)])
    for end in (1010, 1020, 1200):
        chain.export(end - 10 if end < 1200 else 1020, end)
    assert chain.asked == [(1000, 1010), (1000, 1010), (1010, 1020), (1000, 1020), (1020, 1200)]
    assert names(chain.exported) == ["a"]


def test_no_question_is_asked_about_an_empty_span() -> None:
    chain = Chain(span=100)
    chain.export(0, 100)
    chain.span = 0
    chain.export(100, 200)
    assert chain.asked == [(0, 100), (100, 200)]


def test_a_longer_look_back_reaches_as_far_as_the_memory_knows() -> None:
    chain = Chain([Seen("unknown", 40, 0), Seen("late", 60, 101)], span=50)
    chain.export(0, 100)
    chain.span = 1000
    assert names(chain.export(100, 110)) == ["late"]
    assert chain.asked[1:] == [(50, 100), (100, 110)]
    chain.export(110, 120)
    assert chain.asked[3] == (50, 110)


def test_the_memory_holds_what_lies_within_the_look_back_and_nothing_else() -> None:
    chain = Chain([Seen(f"r{at:04d}", at, 0) for at in range(0, 1000, 7)], span=100)
    chain.export(0, 500)
    assert chain.marks() == [f"r{at:04d}" for at in range(0, 500, 7) if at >= 400]
    for end in range(510, 1000, 10):
        chain.export(end - 10, end)
        assert chain.marks() == [f"r{at:04d}" for at in range(0, end, 7) if at >= end - 100]


@pytest.mark.parametrize("unit", [1, None])
def test_of_equal_times_the_half_that_was_not_exported_is_late(unit: int | None) -> None:
    ties = [Seen(f"t{number:02d}", 99, 0 if number % 2 else 150) for number in range(20)]
    chain = Chain(ties, unit=unit)
    assert names(chain.export(0, 100)) == [f"t{number:02d}" for number in range(1, 20, 2)]
    assert names(chain.export(100, 200)) == [f"t{number:02d}" for number in range(0, 20, 2)]
    assert chain.export(200, 210) == []


@pytest.mark.parametrize("unit", [1, None])
def test_a_record_that_the_source_hides_for_a_while_is_not_exported_again(unit: int | None) -> None:
    shown = [Seen("a", 90, 0), Seen("b", 95, 0), Seen("c", 99, 0)]
    chain = Chain(shown, unit=unit)
    chain.export(0, 100)
    chain.seen = shown[1:2]
    chain.export(100, 110)
    chain.seen = []
    chain.export(110, 120)
    chain.seen = shown
    assert chain.export(120, 130) == []


def test_a_late_record_that_the_source_gives_twice_is_exported_once() -> None:
    chain = Chain([Seen("late", 95, 101), Seen("late", 95, 101)])
    chain.export(0, 100)
    assert names(chain.export(100, 110)) == ["late"]


@pytest.mark.parametrize("unit", [1, 1000, None])
def test_a_late_record_is_remembered_when_the_next_process_goes_on_behind_it(unit: int | None) -> None:
    late = [Seen(f"late {number}", 95, 101) for number in range(7)]
    chain = Chain(late, unit=unit, page=2)
    chain.export(0, 100)
    assert len(chain.export(100, 110, interrupt_every=1)) == 7
    assert chain.export(110, 120, interrupt_every=1) == []


def test_a_record_stamped_anew_is_a_new_one_even_within_the_same_millisecond() -> None:
    chain = Chain([Seen("a", 99, 0, ".25")])
    chain.export(0, 100)
    chain.seen = [Seen("a", 99, 0, ".75")]
    assert chain.export(100, 200) == ["a@99.75"]
    assert chain.export(200, 210) == []


def test_the_counts_of_an_earlier_window_are_not_counted_again() -> None:
    chain = Chain([Seen("a", 99, 0)])
    chain.export(0, 100)
    late = Lookback(
        Window(from_millis(100), from_millis(200)),
        Header("e", "s", from_millis(100), from_millis(200), NAMES, 1, "m"),
        Pieces(chain.store, "work/x/", put_so_far=0),
        chain.old,
        timedelta(milliseconds=100),
        None,
        NOTHING,
    )
    pages = list(late.pages(lambda w, at: chain._pages(w, at, 200), None))
    assert [(page.filtered, page.deleted, page.duplicates) for page in pages] == [(0, 0, 1), (1, 1, 0)]


def test_a_failed_record_in_the_span_is_listed_once_while_the_look_back_sees_it() -> None:
    chain = Chain([Seen("bad", 95, 0, failed=True), Seen("late and bad", 97, 101, failed=True)])
    chain.export(0, 100)
    chain.export(100, 110)
    chain.export(110, 120)
    assert chain.listed == ["bad", "late and bad"]


def test_a_record_that_is_on_a_list_and_was_put_right_is_left_to_its_redrive_until_it_is_stamped_anew() -> None:
    chain = Chain([Seen("bad", 95, 0, failed=True)])
    chain.export(0, 100)
    chain.seen = [Seen("bad", 95, 0)]
    assert chain.export(100, 110) == []
    assert chain.export(110, 120) == []
    chain.seen = [Seen("bad", 105, 0)]
    assert chain.export(120, 130) == ["bad@105"]


def test_a_source_that_says_it_keeps_order_and_does_not_is_found_out() -> None:
    chain = Chain([Seen("a", 90, 0), Seen("b", 95, 0)])
    chain.export(0, 100)
    backwards = [Page([Seen("b", 95, 0).record], 1), Page([Seen("a", 90, 0).record], None)]

    def pages(_window: Window, _at: JSON | None) -> Generator[Page, None, None]:
        yield from backwards

    late = Lookback(
        Window(from_millis(100), from_millis(200)),
        Header("e", "s", from_millis(100), from_millis(200), NAMES, 1, "m"),
        Pieces(chain.store, "work/x/", put_so_far=0),
        chain.old,
        timedelta(milliseconds=100),
        None,
        NOTHING,
    )
    with pytest.raises(FatalError, match="says that it keeps order"):
        list(late.pages(pages, None))


def test_a_large_memory_is_read_from_the_store_again_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.remembered._HELD_BYTES", 100)
    chain = Chain([*(Seen(f"r{number:03d}", number, 0) for number in range(100)), Seen("late", 50, 101)])
    chain.export(0, 100)
    reads = chain.store.reads
    assert names(chain.export(100, 200, interrupt_every=3)) == ["late"]
    assert chain.store.reads > reads + 10


def test_a_memory_that_was_changed_or_cut_short_is_none() -> None:
    chain = Chain([Seen("a", 99, 0)])
    chain.export(0, 100)
    assert chain.old is not None
    ref = chain.old.ref
    whole = chain.store.objects[ref.key]
    for data in (
        b"",
        b"x",
        whole[:-1],
        whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],
        gzip.compress(b"{}\n", mtime=0),
    ):
        chain.store.objects[ref.key] = data
        assert Remembered.opened(chain.store, ref) is None


def sightings(span: int) -> st.SearchStrategy[list[Seen]]:
    """Records with few distinct times and names, each visible at its time or up to the look-back later."""
    made = st.builds(
        lambda millis, delay, fraction, failed: (millis, delay, fraction, failed),
        st.integers(0, 400),
        st.integers(0, span),
        st.sampled_from(["", ".5"]),
        st.integers(0, 9).map(lambda n: n == 0),
    )
    return st.lists(made, min_size=8, max_size=40).map(
        lambda found: [
            Seen(f"r{number:02d}", millis, millis + delay, fraction, failed)
            for number, (millis, delay, fraction, failed) in enumerate(found)
        ]
    )


@settings(max_examples=150, deadline=None)
@given(
    seen=sightings(60),
    ends=st.sets(st.integers(1, 460), max_size=12),
    page=st.integers(1, 4),
    every=st.integers(0, 2),
    unit=st.sampled_from([1, 7, None]),
)
def test_each_record_is_exported_exactly_once_whatever_the_delays_the_windows_the_pages_and_the_interruptions(
    seen: list[Seen], ends: set[int], page: int, every: int, unit: int | None
) -> None:
    chain = Chain(seen, span=60, unit=unit, page=page)
    whole = Chain(seen, span=60, unit=unit, page=100)
    edges = sorted({0, *ends, *range(420, 480, 20)})
    for start, end in pairwise(_close(edges, 60)):
        assert chain.export(start, end, interrupt_every=every) == whole.export(start, end)
        assert chain.old is not None
        assert whole.old is not None
        assert chain.old.ref.sha256 == whole.old.ref.sha256
        times = {one.name: one.millis for one in seen}
        assert sorted(chain.marks()) == sorted(name for name in names(chain.exported) if times[name] >= end - 60)
    assert sorted(names(chain.exported) + chain.listed) == sorted(one.name for one in seen)


def _close(edges: list[int], most: int) -> Iterator[int]:
    """The edges with more between them, so that no window hides a record for longer than the look-back."""
    for one, other in pairwise(edges):
        yield from range(one, other, most)
    yield edges[-1]
