"""Stretches of a table (time slices, scan segments) read by several threads ahead of the caller, handed out in order.

A stretch gets the next page only while it holds few, and only stretches near the front are begun, so memory is bounded
whatever the table holds. A stretch that turns out long is split where it is long, so four readers stay busy on a window
of unknown density; what is read does not depend on the cuts.

No deadlock: readers take the first stretch in order that nobody has. Whoever finished the stretch before the front one
takes the front one next, unless it is taken already; and the caller empties the front one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from tidegate.model import AttributeValue, FailedRecord, Record
from tidegate.transcoding import RawPage

LastKey: TypeAlias = Mapping[str, AttributeValue] | None
SpanT = TypeVar("SpanT")
"""What a stretch spans: a time slice, or the place of a scan segment in the order of segments."""


@dataclass(slots=True)
class Batch:
    """What one call brought, and the key to go on from within its stretch (None: the stretch is finished).

    `first_millis` is the time of the first item that was read, whether or not it was kept; `moved` are the places in
    `records` of those whose time in the table is no longer the one in the index; `failed` cannot be exported. `raw`
    has the records in place of `records` where they need not become objects. `body` is an answer with items whose
    records are made only when the caller has it: as bytes it takes a tenth of the memory.
    """

    records: list[Record]
    last_key: LastKey
    deleted: int = 0
    filtered: int = 0
    first_millis: int | None = None
    moved: list[int] = field(default_factory=list)
    failed: list[FailedRecord] = field(default_factory=list)
    raw: RawPage | None = None
    body: bytes | None = None

    @property
    def content(self) -> Sequence[Record]:
        """The records, in whichever form they are."""
        return self.records if self.raw is None else self.raw

    @property
    def blank(self) -> bool:
        """True where it only says how far the reading has come."""
        return not (self.content or self.body or self.deleted or self.filtered or self.failed)

    def add(self, found: Record | FailedRecord) -> None:
        """What became of an item."""
        if isinstance(found, FailedRecord):
            self.failed.append(found)
        else:
            self.records.append(found)


@dataclass(slots=True, eq=False)
class Stretch(Generic[SpanT]):
    """A span of the table, the key to go on from in it, and the batches read of it that the caller has not had.

    `first_key` is the key that it was begun with; `kept` says how many batches with content wait for the caller.
    """

    span: SpanT
    key: LastKey = None
    taken: bool = False
    finished: bool = False
    ahead: deque[tuple[SpanT, Batch]] = field(default_factory=deque)
    kept: int = 0
    error: BaseException | None = None
    first_key: LastKey = None

    def __post_init__(self) -> None:
        self.first_key = self.key

    def add(self, batch: Batch) -> None:
        """Keep a batch for the caller; of several blank ones in a row only the last says something."""
        if batch.blank and self.ahead and self.ahead[-1][1].blank:
            self.ahead.pop()
        self.ahead.append((self.span, batch))
        self.kept += not batch.blank
        self.key = batch.last_key
        self.finished = batch.last_key is None

    def hand_out(self) -> tuple[SpanT, Batch]:
        """The next batch for the caller, with the span that it was read from."""
        span, batch = self.ahead.popleft()
        self.kept -= not batch.blank
        return span, batch

    def resume_key(self) -> tuple[bool, LastKey]:
        """Whether anything of it is left for the caller, and the key from which on that is."""
        if self.ahead and self.ahead[0][1].blank:
            key = self.ahead[0][1].last_key
            return key is not None or len(self.ahead) > 1, key
        return True, self.first_key


Read: TypeAlias = Callable[[SpanT, LastKey], Batch]
Split: TypeAlias = Callable[[SpanT, Batch], Sequence[SpanT]]
"""(span, batch just read from it) -> the span to go on with, and the new ones behind it."""


class StretchReader(Generic[SpanT]):
    """Reads stretches once, in order; there may be any number of them, as each is looked at when its turn comes near.

    Of a stretch `pages_ahead` batches with content are kept at most, of `lookahead` stretches, and `pages_in_all` of
    all of them; the front one may always have another. They are most of an export's memory: 2 MB each as bytes, 10 MB
    as objects. Stretches of several pages want more: their readers are idle on the second page while not at the front.
    """

    def __init__(
        self,
        stretches: Iterable[Stretch[SpanT]],
        read: Read[SpanT],
        split: Split[SpanT] = lambda span, _batch: (span,),
        *,
        readers: int = 4,
        lookahead: int = 6,
        pages_ahead: int = 1,
        pages_in_all: int = 2,
    ) -> None:
        self._later = iter(stretches)
        self._stretches: list[Stretch[SpanT]] = []
        self._read = read
        self._split = split
        self._readers = readers
        self._lookahead = lookahead
        self._pages_ahead = pages_ahead
        self._pages_in_all = pages_in_all
        self._changed = threading.Condition()
        self._closed = False
        self._look_ahead()

    def behind(self) -> tuple[list[tuple[SpanT, LastKey]], SpanT]:
        """What is left behind the stretch of the last batch handed out: each span, and the key to begin it with.

        And the span of the last stretch that was looked at: all those behind it are left as well.
        """
        with self._changed:
            left = [(stretch.span, *stretch.resume_key()) for stretch in self._stretches[1:]]
            last = self._stretches[-1].span
        return [(span, key) for span, unfinished, key in left if unfinished], last

    def batches(self) -> Generator[tuple[SpanT, Batch], None, None]:
        """Each batch with the span it was read from, in order. Raises what reading raised, at its place in the order.

        When this generator ends, fails or is closed, its threads have ended.
        """
        threads: list[threading.Thread] = []
        try:
            # Most windows are one page: these need no thread.
            self._advance(self._stretches[0])
            if not self._stretches[0].finished or len(self._stretches) > 1:
                threads += [threading.Thread(target=self._work, daemon=True) for _ in range(self._readers)]
                for thread in threads:
                    thread.start()
            yield from self._in_order()
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()

    def _in_order(self) -> Generator[tuple[SpanT, Batch], None, None]:
        while True:
            with self._changed:
                front = self._stretches[0]
                if front.ahead:
                    found = front.hand_out()
                elif front.error is not None:
                    raise front.error
                elif not front.finished:
                    self._changed.wait()
                    continue
                elif len(self._stretches) > 1:
                    self._stretches.pop(0)
                    self._look_ahead()
                    self._changed.notify_all()
                    continue
                else:
                    return
                self._changed.notify_all()
            yield found

    def _look_ahead(self) -> None:
        # One more than the front, at least: who sees none behind it takes it for the last.
        wanted = max(2, self._lookahead)
        while len(self._stretches) < wanted and (stretch := next(self._later, None)) is not None:
            self._stretches.append(stretch)

    def _work(self) -> None:
        while (stretch := self._take()) is not None:
            try:
                while not stretch.finished and self._has_room(stretch):
                    self._advance(stretch)
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it, at its place in the order
                with self._changed:
                    stretch.error = error
                    self._changed.notify_all()

    def _take(self) -> Stretch[SpanT] | None:
        with self._changed:
            while not self._closed:
                for stretch in self._stretches[: self._lookahead]:
                    if not stretch.taken and not stretch.finished:
                        stretch.taken = True
                        return stretch
                self._changed.wait()
        return None

    def _has_room(self, stretch: Stretch[SpanT]) -> bool:
        with self._changed:
            while not self._closed and not self._may_advance(stretch):
                self._changed.wait()
            return not self._closed

    def _may_advance(self, stretch: Stretch[SpanT]) -> bool:
        if stretch.kept >= self._pages_ahead:
            return False
        return stretch is self._stretches[0] or sum(each.kept for each in self._stretches) < self._pages_in_all

    def _advance(self, stretch: Stretch[SpanT]) -> None:
        batch = self._read(stretch.span, stretch.key)
        with self._changed:
            if batch.last_key is not None:
                span, *new = self._split(stretch.span, batch)
                stretch.span = span
                at = self._stretches.index(stretch) + 1
                self._stretches[at:at] = [Stretch(one) for one in new]
            stretch.add(batch)
            self._changed.notify_all()
