"""Opens an operation's reading where it stands: the source, what it is asked for, the look-back, and the writer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from datetime import timedelta

from tidegate.columnschema import PARQUET
from tidegate.definition import from_document
from tidegate.facts import bound
from tidegate.failed import keys_of
from tidegate.identity import Identity, key_names
from tidegate.immutable import dataclass
from tidegate.layout import LIST_NAME, directory, fenced_prefix
from tidegate.links import Link, read_link
from tidegate.lookback import Lookback
from tidegate.model import JSON, Definition, Operation, Page, Window
from tidegate.params import ExportParams
from tidegate.pieces import Pieces, Tails
from tidegate.read import read
from tidegate.reading import Live, Reading, Stored
from tidegate.recollect import Recollection, Written
from tidegate.remembered import Header, Remembered
from tidegate.sources import Ask, Source, time_unit_of
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head, Lease, Memory
from tidegate.transcoding import Transcoding
from tidegate.write import PartWriter

logger = logging.getLogger(__name__)


class ForgottenError(Exception):
    """The memory that a reading had begun to merge with is gone: the reading has to begin anew."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One claimed operation, and what its reading needs. `latest` is the pair's last committed manifest."""

    ledger: Ledger
    objects: Objects
    source_of: Callable[[Definition], Source]
    operation: Operation
    lease: Lease
    params: ExportParams
    definition: Definition
    transcoding: Transcoding | None
    latest: Head | None = None

    def open(self, reading: Reading, stored: Stored | None, head: Head | None) -> Live:
        """The reading in this process, as fresh or as `stored` describes it. `head` is the link that it follows.

        Raises ForgottenError, and FatalError LOOKBACK_UNKNOWN where nobody knows what the last windows exported.
        """
        source = self.source_of(self.definition)
        names = key_names(self.definition, source)
        late = self._lookback(source, names, reading, stored, head)
        writer = PartWriter(
            self._bound(reading.window),
            directory(self.operation, reading.window),
            self._private,
            self.objects,
            names,
            stored.writer if stored else None,
            self.transcoding,
            self._inherited() if stored is None else None,
        )
        return Live(reading, writer, iter(()) if reading.finished else self._pages(source, reading, late), late)

    def looks_back(self, window: Window | None) -> bool:
        """Whether the operation moves the watermark over this window, and its export looks back for late records.

        Where records have no time, none can be late.
        """
        looks = self.definition.lookback_seconds > 0 and self.definition.source.time_key != ""
        return looks and window is not None and not self.params.ignore_watermark

    def _bound(self, window: Window | None) -> Definition:
        """The definition with the facts of this operation where its columns ask for them."""
        columns = self.definition.columns
        return (
            self.definition
            if columns is None
            else replace(self.definition, columns=bound(columns, self.operation, window))
        )

    @property
    def _private(self) -> str:
        return fenced_prefix(self.operation.operation_id, self.lease.fence)

    def _inherited(self) -> Mapping[str, Mapping[str, str]]:
        """The types that columns have in the pair's last files, where this export's have some."""
        if self.definition.format.type != PARQUET or self.latest is None:
            return {}
        link = read_link(self.objects, self.latest.key)
        if isinstance(link, Link) and link.sha256 == self.latest.sha256:
            return link.schema
        logger.warning("column types are found out anew: the last manifest is gone", extra={"key": self.latest.key})
        return {}

    def _pages(self, source: Source, reading: Reading, late: Lookback | None) -> Generator[Page, None, None]:
        study, tables = self.lease.pair.study, self.params.tables

        def pages_of(window: Window, cursor: JSON | None) -> Generator[Page, None, None]:
            return read(source, Ask(study, window, transcoding=self.transcoding), cursor, self.definition, tables)

        if late is not None:
            return late.pages(pages_of, reading.cursor)
        ask = Ask(study, reading.window, self._planned_keys(), self.transcoding)
        return read(source, ask, reading.cursor, self.definition, tables)

    def _planned_keys(self) -> list[tuple[str, ...]] | None:
        if self.params.plan is None:
            return None
        stored = self.objects.get(self.params.plan)
        if self.params.plan.endswith(f"/{LIST_NAME}"):
            return keys_of(stored)
        return [tuple(key) for key in json.loads(b"".join(stored))]

    def _lookback(
        self, source: Source, names: tuple[str, ...], reading: Reading, stored: Stored | None, head: Head | None
    ) -> Lookback | None:
        window = reading.window
        if window is None or not self.looks_back(window):
            return None
        span = timedelta(seconds=self.definition.lookback_seconds)
        pieces = Pieces(self.objects, f"{self._private}lookback/", put_so_far=0)
        if stored is not None and stored.lookback is not None:
            header = Header.of_line(stored.lookback["header"])
            return Lookback(
                window, header, pieces, self._reopened(stored.lookback["old"]), span, stored.lookback, stored.tails
            )
        known, unit = (*names, self.definition.source.time_key), time_unit_of(source)
        old = None if head is None else self._recollection(source, known, unit, head, span).memory()
        header = Header(
            export=self.definition.export,
            study=self.lease.pair.study,
            since=max(window.start if old is None else old.header.since, window.end - span),
            end=window.end,
            names=known,
            unit=unit,
            manifest=f"{directory(self.operation, window)}manifest.json",
        )
        return Lookback(window, header, pieces, old, span, None, Tails(memoryview(b"")))

    def _reopened(self, ref: list[str] | None) -> Remembered | None:
        if ref is None:
            return None
        found = Remembered.opened(self.objects, Memory(*ref))
        if found is None:
            raise ForgottenError
        return found

    def _recollection(
        self, source: Source, names: tuple[str, ...], unit: int | None, head: Head, span: timedelta
    ) -> Recollection:
        def written(link: Link) -> Written:
            """By the definition of the operation that wrote it while that is kept, else by ours and in no order."""
            kept = self.ledger.operations.read(link.operation_id)
            document = kept.params.get("definition") if kept else None
            if document is None:
                return Written(self.definition, Identity.of(self.definition, source), None)
            if document == self.params.definition:
                return Written(self.definition, Identity.of(self.definition, source), unit)
            definition = from_document(document, 0)
            return Written(definition, Identity.of(definition, source), time_unit_of(self.source_of(definition)))

        return Recollection(
            self.objects, self.lease.pair, head, span, names, unit, f"{self._private}lookback-rebuilt", written
        )
