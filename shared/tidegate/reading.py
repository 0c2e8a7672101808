"""An export's reading under way: where it stands, and how that is carried from one process to another."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tidegate.instants import from_millis, parse_rfc3339, rfc3339
from tidegate.job import Budget, PassResult
from tidegate.lookback import Lookback
from tidegate.model import JSON, Page, Progress, Window
from tidegate.pieces import Tails
from tidegate.transcoding import RawPage
from tidegate.write import PartWriter


@dataclass(frozen=True, slots=True)
class Stored:
    """What a checkpoint has besides the reading itself: the state of the look-back with its bytes, and the writer's."""

    lookback: JSON | None
    tails: Tails
    writer: bytes


@dataclass(slots=True)
class Reading:
    """What is under way between two passes of reading; `of_state` and `to_state` carry it to another process."""

    window: Window | None
    watermark: datetime | None
    cursor: JSON | None = None
    finished: bool = False
    last_millis: int | None = None
    skipped: dict[str, int] = field(default_factory=lambda: {"filtered": 0, "duplicate": 0, "deleted": 0})

    def to_state(self, late: Lookback | None, writer: PartWriter) -> bytes:
        """A line of JSON, then the bytes of the look-back's state, then the writer's own state."""
        tails: list[bytes | bytearray] = []
        lookback = None if late is None else late.state(tails)
        header = {
            "window": [rfc3339(self.window.start), rfc3339(self.window.end)] if self.window else None,
            "watermark": rfc3339(self.watermark) if self.watermark else None,
            "cursor": self.cursor,
            "finished": self.finished,
            "lastMillis": self.last_millis,
            "skipped": self.skipped,
            "lookback": lookback,
            "lookbackBytes": sum(map(len, tails)),
        }
        return b"".join((json.dumps(header, separators=(",", ":")).encode(), b"\n", *tails, writer.state()))

    @classmethod
    def of_state(cls, state: bytes) -> tuple[Reading, Stored]:
        """What `to_state` wrote."""
        text, _, rest = state.partition(b"\n")
        header = json.loads(text)
        window = header["window"]
        size = header.get("lookbackBytes", 0)
        return cls(
            Window(parse_rfc3339(window[0]), parse_rfc3339(window[1])) if window else None,
            parse_rfc3339(header["watermark"]) if header["watermark"] else None,
            header["cursor"],
            header["finished"],
            header["lastMillis"],
            header["skipped"],
        ), Stored(header.get("lookback"), Tails(memoryview(rest)[:size]), rest[size:])


@contextmanager
def _no_collector() -> Iterator[None]:
    """Without looks for cycles among objects: records are millions of objects and no cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(slots=True)
class Live:
    """A reading under way in this process: where it stands, the writer, the pages to come, and the look-back if any."""

    reading: Reading
    writer: PartWriter
    pages: Iterator[Page]
    late: Lookback | None = None

    def read(self, budget: Budget) -> bool:
        """Read and write page by page; True when the source has no more, False when the budget is spent."""
        with _no_collector():
            return self._read(budget)

    def _read(self, budget: Budget) -> bool:
        reading = self.reading
        for page in self.pages:
            if page.columns is not None:
                self.writer.lead(page.columns)
            self.writer.add(page.records)
            self.writer.fail(page.failed)
            reading.skipped["filtered"] += page.filtered
            reading.skipped["deleted"] += page.deleted
            reading.skipped["duplicate"] += page.duplicates
            if page.records:
                reading.last_millis = _last_millis(page)
            if page.more:
                continue
            reading.cursor = page.cursor
            if page.cursor is not None and budget.spent():
                return False
        reading.finished = True
        return True

    def pause(self) -> PassResult:
        """The result of a pass that must go on later."""
        reading, writer = self.reading, self.writer
        return PassResult(
            complete=False,
            progress=Progress(self.percent(), writer.records, writer.bytes, description="reading"),
            state=reading.to_state(self.late, writer),
            window=reading.window,
            watermark_before=reading.watermark,
        )

    def percent(self) -> int | None:
        """How far through the window the last record lies; unknown for an override. Never 100 before the commit."""
        window, last = self.reading.window, self.reading.last_millis
        if window is None or last is None:
            return None
        return max(0, min(99, int((from_millis(last) - window.start) * 100 / (window.end - window.start))))


def _last_millis(page: Page) -> int | None:
    records = page.records
    return records.latest.times[-1] if isinstance(records, RawPage) else records[-1].time_millis
