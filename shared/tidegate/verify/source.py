"""Compares what the source has with what the parts hold, record by record: (id, time) over the whole checked span.

Both sides go into a temporary database on disk, which vanishes when it is closed. So memory stays flat however many
records there are, and neither side has to come in any order: late records lie in a later window's part, and a scan has
no order at all.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.errors import FatalError
from tidegate.formats.delimited import GUARDED
from tidegate.formats.wire import cell_text
from tidegate.identity import Identity
from tidegate.instants import to_millis
from tidegate.model import Pair, Record, Window
from tidegate.readback import Cells
from tidegate.sources import Ask, KeyLookup, Source
from tidegate.verify.report import EXAMPLES, Level, Remark, SourceReport, span_text

_LOOKED_UP_AT_ONCE = 1_000
_SCHEMA = """
CREATE TABLE part (id BLOB, time BLOB, chain INTEGER);
CREATE TABLE source (id BLOB, time BLOB, millis INTEGER, PRIMARY KEY (id, time)) WITHOUT ROWID;
CREATE TABLE failed (id BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_MISSING = """
SELECT id, millis, EXISTS (SELECT 1 FROM failed WHERE failed.id = source.id) FROM source
WHERE NOT EXISTS (SELECT 1 FROM part WHERE part.id = source.id AND part.time = source.time) ORDER BY millis, id
"""
_GONE = """
SELECT DISTINCT id, time, EXISTS (SELECT 1 FROM source WHERE source.id = part.id) FROM part
WHERE chain > 0 AND NOT EXISTS (SELECT 1 FROM source WHERE source.id = part.id AND source.time = part.time)
"""
_TWICE = """
SELECT id, min(chain) < max(chain), count(*) - 1 FROM part WHERE chain > 0 GROUP BY id, time HAVING count(*) > 1
"""


@dataclass(slots=True)
class Comparison:
    """One pair's comparison. Feed it with the parts, then let it read the source; close it in the end."""

    pair: Pair
    source: Source
    _database: sqlite3.Connection = field(init=False)
    without_identity: int = 0

    def __post_init__(self) -> None:
        self._database = sqlite3.connect("")  # a temporary file of its own
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def keeper(self, chain: int) -> Callable[[Sequence[Cells]], None]:
        """What takes the records of a part; `chain` counts from 1, and 0 is for what repairs and redrives delivered."""

        def keep(batch: Sequence[Cells]) -> None:
            whole = [cells for cells in batch if None not in cells]
            self.without_identity += len(batch) - len(whole)
            rows = ((_id([_plain(c or "") for c in cells[:-1]]), _text(cells[-1] or ""), chain) for cells in whole)
            self._database.executemany("INSERT INTO part VALUES (?, ?, ?)", rows)

        return keep

    def failed(self, lines: Iterable[bytes]) -> None:
        """Take the ids of a redrive list, JSON lines with a `key` each."""
        ids = ((_id([_plain(text) for text in json.loads(line)["key"]]),) for line in lines if line.strip())
        self._database.executemany("INSERT OR IGNORE INTO failed VALUES (?)", ids)

    def read_source(self, identity: Identity, spans: Sequence[Window], told: Callable[[int], None]) -> int:
        """Read the source's records in these windows; how many there are. Raises what Source.pages raises."""
        read = 0
        for span in spans:
            for page in self.source.pages(Ask(self.pair.study, span), None):
                rows = [_row(record, identity) for record in page.records]
                self._database.executemany("INSERT OR IGNORE INTO source VALUES (?, ?, ?)", rows)
                read += len(rows)
                told(read)
        self._database.execute("CREATE INDEX part_id ON part (id, time)")
        return read

    def judge(self, windows: Sequence[Window], *, wanted_twice: bool) -> tuple[SourceReport, list[Remark]]:
        """What is missing and from which of these windows, what came twice, what the source no longer has.

        `wanted_twice`: somebody set the watermark back, so that records are in more than one chain on purpose.
        """
        missing, failed, lost = self._missing(windows)
        duplicates, doubled = self._twice(wanted_twice=wanted_twice)
        changed, deleted = self._no_longer_so()
        records = int(self._database.execute("SELECT count(*) FROM source").fetchone()[0])
        told = [*lost, *doubled, *self._apart(failed, changed, deleted)]
        report = SourceReport(
            comparable=True,
            records=records,
            missing=missing,
            duplicates=duplicates,
            changed=changed,
            deleted=deleted,
            failed=failed,
        )
        return report, told

    def _missing(self, windows: Sequence[Window]) -> tuple[int, int, list[Remark]]:
        """How many are missing, how many of those that are stand in a redrive list, and the former by window."""
        in_order = sorted(windows, key=lambda window: window.start)
        starts = [to_millis(window.start) for window in in_order]
        by_window: dict[int, _Tally] = {}
        failed = 0
        for record_id, millis, listed in self._database.execute(_MISSING):
            if listed:
                failed += 1
            else:
                by_window.setdefault(bisect_right(starts, millis) - 1, _Tally()).add(record_id)
        remarks = [
            Remark(
                "RECORDS_MISSING",
                self.pair,
                f"{tally.count} records that the source has between {span_text(in_order[place])} are in no part: "
                f"{tally.names()}.",
                "Export the window again. A record that became visible late comes with the next export, if it lies "
                "within the export's lookbackSeconds of the last end; then verify again.",
                window=in_order[place],
                records=tuple(tally.examples),
                repairable=True,
            )
            for place, tally in sorted(by_window.items())
        ]
        return sum(tally.count for tally in by_window.values()), failed, remarks

    def _twice(self, *, wanted_twice: bool) -> tuple[int, list[Remark]]:
        """How many copies are too many, and the remarks on them: within one chain, and over several."""
        tallies = {False: _Tally(), True: _Tally()}
        for record_id, over_chains, copies in self._database.execute(_TWICE):
            tallies[bool(over_chains)].add(record_id, copies)
        remarks = []
        for over_chains, tally in tallies.items():
            wanted = over_chains and wanted_twice
            if tally.count:
                text = f"{tally.count} records are in the parts more than once, with the same time: {tally.names()}."
                remarks.append(
                    Remark(
                        "RECORDS_TWICE",
                        self.pair,
                        f"{text} The watermark was set back by hand." if wanted else text,
                        "" if wanted else "Drop all copies but one by (record id, time).",
                        level=Level.NOTE if wanted else Level.PROBLEM,
                        records=tuple(tally.examples),
                    )
                )
        return sum(tally.count for tally in tallies.values()), remarks

    def _no_longer_so(self) -> tuple[int, int]:
        """How many records of the parts the source has with another time or value, and how many not at all."""
        changed, deleted, unknown = 0, 0, set()
        for record_id, _time, elsewhere in self._database.execute(_GONE):
            if elsewhere:
                changed += 1
            else:
                unknown.add(record_id)
            if len(unknown) >= _LOOKED_UP_AT_ONCE:
                there = self._there(unknown)
                changed, deleted, unknown = changed + there, deleted + len(unknown) - there, set()
        there = self._there(unknown)
        return changed + there, deleted + len(unknown) - there

    def _there(self, ids: Collection[bytes]) -> int:
        """How many of these ids the source knows, whatever their time."""
        if not ids or not isinstance(self.source, KeyLookup):
            return 0
        keys = [tuple(json.loads(record_id)) for record_id in ids]
        try:
            return len(self.source.owners(keys))
        except FatalError as error:
            if error.code != "OVERRIDE_UNSUPPORTED":  # its records cannot be found by the id that they are known by
                raise
            return 0

    def _apart(self, failed: int, changed: int, deleted: int) -> Iterator[Remark]:
        """What is no fault, and is said all the same."""
        for count, code, text in (
            (failed, "RECORDS_FAILED", "could not be exported and stand in a redrive list"),
            (changed, "RECORDS_CHANGED", "of the parts have another time in the source now, or another study"),
            (deleted, "RECORDS_DELETED", "of the parts are no longer in the source"),
            (self.without_identity, "RECORDS_WITHOUT_IDENTITY", "of the parts have no id or time that can be compared"),
        ):
            if count:
                remedy = "See 'tidegate redrive records'." if code == "RECORDS_FAILED" else ""
                yield Remark(code, self.pair, f"{count} records {text}.", remedy, level=Level.NOTE)


@dataclass(slots=True)
class _Tally:
    """How many, and the ids of the first."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, record_id: bytes, count: int = 1) -> None:
        self.count += count
        if len(self.examples) < EXAMPLES:
            key = json.loads(record_id)
            self.examples.append(key[0] if len(key) == 1 else json.dumps(key))

    def names(self) -> str:
        return ", ".join(self.examples) + (", ..." if self.count > len(self.examples) else "")


def _row(record: Record, identity: Identity) -> tuple[bytes, bytes, int]:
    *key, time = (_plain(cell_text(record.values.get(name, {})) or "") for name in identity.attributes)
    return _id(key), _text(time), record.time_millis or 0


def _plain(text: str) -> str:
    """A text without the apostrophe that keeps spreadsheets from running it; the same on both sides."""
    return text[1:] if text.startswith(GUARDED) else text


def _id(key: Sequence[str]) -> bytes:
    return json.dumps(key).encode()


def _text(text: str) -> bytes:
    return _plain(text).encode("utf-8", "surrogatepass")
