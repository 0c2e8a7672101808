"""Looks back for late records: those stamped before the window's start that became visible only after it was read.

The source is asked once more for the time before the window, as far back as the memory knows what was exported. What it
gives is merged with the memory in the order of time, and what both have is dropped. The rest comes first in the parts,
because it is earlier. On the way the next memory is written: what is in the old one and still within the look-back,
what was late, and the window's own end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from tidegate.errors import FatalError
from tidegate.model import JSON, FailedRecord, JSONObject, Page, Part, Record, Window
from tidegate.pieces import Pieces, Tails
from tidegate.remembered import Header, Key, Mark, Remembered, Remembering, mark_of

PagesOf: TypeAlias = Callable[[Window, JSON | None], Generator[Page, None, None]]
"""(window, cursor) -> the source's pages of it."""


class Lookback:
    """One operation's late records and then its window, and the memory that they leave.

    `old` is the memory of the window before, None at a chain's start: then nothing is looked back for. With the `state`
    of an earlier one, and the same `old`, it goes on where that one stood.
    """

    def __init__(
        self,
        window: Window,
        header: Header,
        pieces: Pieces,
        old: Remembered | None,
        span: timedelta,
        state: JSONObject | None,
        tails: Tails,
    ) -> None:
        at = state or {"memory": None, "merge": None, "failed": []}
        self._window = window
        self._header = header
        self._old = old
        self._failed = {tuple(key) for key in at["failed"]}
        self._memory = Remembering(header, pieces, at["memory"], tails)
        self._merge: Merge | None = None
        if old is not None and (state is None or at["merge"] is not None):
            self._span = Window(max(old.header.since, window.start - span), window.start)
            self._merge = Merge(old, header.unit, header.names[-1], self._memory.keep, at["merge"])

    def pages(self, pages_of: PagesOf, cursor: JSON | None) -> Generator[Page, None, None]:
        """The late records' pages, then the window's, from the cursor on; nothing is asked for an empty span.

        What was exported or listed before counts in Page.duplicates. Raises what the source raises.
        """
        at = None if cursor is None else cursor["at"]
        if self._merge is not None:
            yield from self._late_pages(self._merge, pages_of, at)
            at = None
        with closing(pages_of(self._window, at)) as pages:
            for page in pages:
                self._memory.note(page.records)
                failed = [one for one in page.failed if one.key not in self._failed]
                self._memory.fail(failed)
                yield replace(
                    page,
                    cursor=None if page.cursor is None else {"at": page.cursor},
                    failed=failed,
                    duplicates=page.duplicates + len(page.failed) - len(failed),
                )

    def finish(self, key: str) -> Part:
        """The memory that this window leaves, to be published under this key."""
        return self._memory.finish(key)

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`.

        `header` is that of the new memory; `old` names the old one as long as it is needed.
        """
        ref = self._old.ref if self._old is not None and self._merge is not None else None
        return {
            "header": self._header.line().decode(),
            "old": None if ref is None else [ref.key, ref.sha256],
            "memory": self._memory.state(tails),
            "merge": None if self._merge is None else self._merge.state(),
            "failed": sorted(self._failed),
        }

    def _late_pages(self, merge: Merge, pages_of: PagesOf, at: JSON | None) -> Generator[Page, None, None]:
        if not self._span.empty:
            with closing(pages_of(self._span, at)) as pages:
                for page in pages:
                    late = self._late(page, merge)
                    if page.cursor is None and not page.more:
                        # The state behind this page is that of the window's beginning.
                        self._end(merge)
                    yield late
        if self._merge is not None:
            self._end(merge)

    def _end(self, merge: Merge) -> None:
        merge.end()
        self._merge = None

    def _late(self, page: Page, merge: Merge) -> Page:
        """What of a page is late. What its own window has counted as filtered or deleted does not count again."""
        records = [record for record in page.records if merge.is_late(record)]
        failed = [one for one in page.failed if self._is_new(one)]
        dropped = len(page.records) - len(records) + len(page.failed) - len(failed)
        return replace(
            page,
            records=records,
            failed=failed,
            filtered=0,
            deleted=0,
            duplicates=dropped,
            cursor={"at": page.cursor},
        )

    def _is_new(self, failed: FailedRecord) -> bool:
        """Whether a record that cannot be exported is listed for the first time; it is remembered either way.

        It is known by its key while the look-back sees it. Where the source has no order, the window sees it as well.
        """
        if not failed.key:
            return True  # nothing to know it by: rather listed twice than never
        if failed.key in self._failed:
            return False
        self._failed.add(failed.key)
        self._memory.fail([failed])
        return self._old is None or failed.key not in self._old.failed


class Merge:
    """The marks of a memory beside the late records, unit by unit of the source's time.

    Where memory and source are not in the same order, everything is one unit: then the whole memory is held, which the
    look-back bounds. What is to be remembered further is given to `keep`, in the order of time.
    """

    def __init__(
        self,
        old: Remembered,
        unit: int | None,
        time_name: str,
        keep: Callable[[Iterable[Mark]], None],
        state: JSONObject | None,
    ) -> None:
        at = state or {"taken": 0, "unit": None, "late": []}
        self._unit = unit if unit == old.header.unit else None
        self._time_name = time_name
        self._keep = keep
        self._failed = old.failed
        self._taken: int = at["taken"]
        self._marks = old.marks(self._taken)
        self._ahead = next(self._marks, None)
        self._current: int | None = None
        self._held: list[Mark] = []
        self._late: list[Mark] = []
        self._known: dict[tuple[Key, int], set[str | None]] = {}
        current = 0 if self._unit is None else at["unit"]
        if current is not None:
            self._take(current)
        for millis, time, key in at["late"]:
            self._add_late((millis, time, tuple(key)))

    def is_late(self, record: Record) -> bool:
        """Whether a record of the span before the window was neither exported nor listed by an earlier one.

        Raises FatalError where the source does not keep the order that it names.
        """
        mark = mark_of(record, self._time_name)
        if mark is None:
            return False
        millis, time, key = mark
        self._move_to(self._unit_of(millis))
        times = self._known.get((key, millis))
        if times is not None and (time in times or time is None or None in times):
            return False
        self._add_late(mark)
        return key not in self._failed

    def end(self) -> None:
        """The source has no more late records: give up what is left of the memory."""
        self._put_down()
        while (mark := self._next()) is not None:
            self._keep((mark,))

    def state(self) -> JSON:
        """What a later merge over the same memory needs to go on."""
        return {"taken": self._taken - len(self._held), "unit": self._current, "late": self._late}

    def _unit_of(self, millis: int) -> int:
        return 0 if self._unit is None else millis // self._unit

    def _move_to(self, unit: int) -> None:
        if unit == self._current:
            return
        if self._current is not None and unit < self._current:
            raise FatalError(
                f"The source gave a record of time unit {unit} behind {self._current}, but says that it keeps order.",
                code="SOURCE_MISCONFIGURED",
                remedy="A source whose pages are not in the order of time must return None from time_unit.",
            )
        self._put_down()
        while self._ahead is not None and self._unit_of(self._ahead[0]) < unit:
            self._keep((self._ahead,))
            self._next()
        self._take(unit)

    def _take(self, unit: int) -> None:
        self._current = unit
        while (mark := self._ahead) is not None and self._unit_of(mark[0]) <= unit:
            self._held.append(mark)
            self._known.setdefault((mark[2], mark[0]), set()).add(mark[1])
            self._next()

    def _next(self) -> Mark | None:
        mark, self._ahead = self._ahead, next(self._marks, None)
        self._taken += mark is not None
        return mark

    def _add_late(self, mark: Mark) -> None:
        self._late.append(mark)
        self._known.setdefault((mark[2], mark[0]), set()).add(mark[1])

    def _put_down(self) -> None:
        self._keep(sorted([*self._held, *self._late], key=lambda mark: (mark[0], mark[1] or "", mark[2])))
        self._held, self._late, self._known = [], [], {}
