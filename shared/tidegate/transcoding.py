"""Records on their way from DynamoDB's bytes to a part's bytes, without becoming Python objects in between.

A `RawPage` is a page's records for everybody who wants objects, and made of them only when somebody does. The writer
asks it for rows instead. Both ways give the same bytes; the objects are the reference.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias, overload

from tidegate import native
from tidegate.model import Record
from tidegate.native import FORMATS, ByTable, ItemSpec, Refusal, Rows, RowSpec, Transcoder
from tidegate.pagecounts import PageCounts

__all__ = [
    "FORMATS", "ByTable", "ItemSpec", "PageCounts", "RawPage", "Refusal", "RowSpec", "Rows", "Target", "Transcoding",
]  # fmt: skip


Target: TypeAlias = RowSpec | ByTable | None
"""Rows of these columns, or records packed as lines: each table's apart, or (None) all of them."""


class Transcoding:
    """What the pages of one operation are turned into. The source that reads ahead and the writer share it.

    `target` is what the writer wants at the moment: rows of one part's columns; packed lines while these are still
    being found out, or where there are tables. What was made for another target is made anew, so it is a hint.
    """

    def __init__(self, counts: PageCounts) -> None:
        self.target: Target = None
        self._counts = counts
        self._made: dict[tuple[ItemSpec, Target], Transcoder] = {}
        self._lock = threading.Lock()

    def page(
        self, body: bytes, span: tuple[int, int], items: ItemSpec, records: Callable[[], Sequence[Record]]
    ) -> RawPage | None:
        """The records of an answer within the span [low, high) of milliseconds; None where they must become objects.

        `records` gives them as objects, should anybody want them.
        """
        target = self.target
        rows = self.transcoder(items, target).page(body, *span)
        if rows is Refusal.OTHER_COLUMN and target is not None:
            target = None
            rows = self.transcoder(items, target).page(body, *span)
        with self._lock:
            self._counts.pages += 1
            self._counts.by_reference += isinstance(rows, Refusal)
        return None if isinstance(rows, Refusal) else RawPage(self, body, span, items, (target, rows), records)

    def transcoder(self, items: ItemSpec, target: Target) -> Transcoder:
        """The transcoder from such items to this target; made once."""
        with self._lock:
            if (items, target) not in self._made:
                self._made[items, target] = Transcoder(items, target)
            return self._made[items, target]


class RawPage(Sequence[Record]):
    """The records of one answer of DynamoDB: bytes, and objects for those who ask for them."""

    def __init__(
        self,
        transcoding: Transcoding,
        body: bytes,
        span: tuple[int, int],
        items: ItemSpec,
        made: tuple[Target, Rows],
        records: Callable[[], Sequence[Record]],
    ) -> None:
        self._transcoding = transcoding
        self._body = body
        self._span = span
        self._target, self._rows = made
        self._to_records = records
        self._records: Sequence[Record] | None = None
        self.items = items

    @property
    def latest(self) -> Rows:
        """What was made of the page last; its times, counts and keys are those of any target."""
        return self._rows

    def packed(self) -> Rows | Refusal:
        """The records as packed lines."""
        return self.rows(None)

    def rows(self, target: Target) -> Rows | Refusal:
        """The page for this target, at no cost where it was made for it before."""
        if target != self._target:
            rows = self._transcoding.transcoder(self.items, target).page(self._body, *self._span)
            if isinstance(rows, Refusal):
                return rows
            self._target, self._rows = target, rows
        return self._rows

    def marks(self, since: int, unit: int | None) -> Iterator[tuple[int, str | None, tuple[str, ...]]] | None:
        """Milliseconds, the time's own text and the key of each record from this time on, perhaps of earlier ones too.

        The page is in the order of whole units of milliseconds, and `since` is one; or (None) in no order. None where
        that takes objects.
        """
        rows = self._rows
        if unit is None:
            start = 0 if max(rows.times, default=since - 1) >= since else rows.count
        else:
            start = bisect_left(rows.times, since, key=lambda millis: millis // unit * unit)
        if start == rows.count:
            return iter(())
        # The times' own texts, by the way that there is for keys; only the end of a window is scanned for them.
        by_time = self._transcoding.transcoder(replace(self.items, key=(self.items.time,)), None)
        timed = by_time.page(self._body, *self._span)
        if isinstance(timed, Refusal):
            return None
        texts = [text for (text,) in timed.identities(start)]
        return zip(rows.times[start:], texts, rows.identities(start), strict=True)

    def __len__(self) -> int:
        return self._rows.count

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self._objects()[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._objects())

    def _objects(self) -> Sequence[Record]:
        if self._records is None:
            self._records = self._to_records()
        return self._records


def transcoding(counts: PageCounts) -> Transcoding | None:
    """A new one for an operation; None where the native library is not there."""
    return Transcoding(counts) if native.available() else None
