"""The story of one export: window, read, write, seal, deliver, commit, pass by pass.

Until the seal nothing that a reader could see has happened, and everything can be done again. After the seal nothing
is decided any more, and everything is only completed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tidegate import commit, deliver, manifest
from tidegate.definition import from_document, is_own_bucket
from tidegate.deliver import Deliveries, Places
from tidegate.drift import Known, drift, learned
from tidegate.errors import TidegateError
from tidegate.failed import too_many
from tidegate.immutable import dataclass
from tidegate.job import Budget, Claim, PassResult
from tidegate.layout import directory, memory_key, work_prefix
from tidegate.links import known_before
from tidegate.model import (
    Definition,
    ExportType,
    Failure,
    Operation,
    Outcome,
    Progress,
    State,
    Trigger,
    Window,
)
from tidegate.opening import ForgottenError, Opening
from tidegate.params import ExportParams
from tidegate.reading import Live, Reading, Stored
from tidegate.seal import Seal, media_type
from tidegate.sources import Source
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head, lost
from tidegate.transcoding import PageCounts, transcoding
from tidegate.window import resolve
from tidegate.write import Written

logger = logging.getLogger(__name__)

PUBLISHING = b"publishing\n"
"""Begins the state between two passes of publishing; a state of reading begins with a brace."""


@dataclass(frozen=True, slots=True)
class ExportKind:
    """The kind EXPORT: makes the job of one (export, study) pair."""

    ledger: Ledger
    objects: Objects
    source_of: Callable[[Definition], Source]
    clock: Callable[[], datetime]
    places: Places
    pages: PageCounts

    def begin(self, claim: Claim) -> ExportJob:
        """Make the job for a claimed operation."""
        return ExportJob(self, claim)

    def on_done(self, operation: Operation, result: PassResult) -> None:
        """Nobody waits for the end of an export but those who read its operation."""

    def on_failed(self, operation: Operation, failure: Failure) -> None:
        """As for `on_done`; the metric of failed operations raises the alarm."""

    def clean(self, operation: Operation) -> None:
        """Remove the operation's working objects, unless its sealed window still needs them."""
        if operation.pair is not None:
            _, sealed_by = self.ledger.pairs.sealed_by(operation.pair)
            if sealed_by == operation.operation_id:
                return
        self.objects.remove_prefix(work_prefix(operation.operation_id))


class ExportJob:
    """One operation's export in this process; between processes only `PassResult.state` is carried on."""

    def __init__(self, kind: ExportKind, claim: Claim) -> None:
        self.kind = kind
        self.operation = claim.operation
        self.lease = claim.lease
        self.params = ExportParams.of_json(claim.operation.params)
        self.definition = from_document(self.params.definition, self.params.definition_version)
        self.seal = Seal.unpacked(claim.lease.seal, kind.objects) if claim.lease.seal is not None else None
        self.head = claim.lease.head
        self.published = 0
        self.deliveries: Deliveries | None = None
        self.live: Live | None = None

    def run(self, previous: bytes | None, budget: Budget) -> PassResult:
        """One pass. A window that is sealed, ours or not, comes before everything else."""
        progress = self.operation.progress
        self.operation = replace(self.operation, progress=replace(progress, passes=progress.passes + 1))
        if self.seal is not None:
            self.published = max(self.published, _published(previous, self.seal))
            ended = self._complete_seal(self.seal, budget)
            if ended is not None:
                return ended
        if self.live is None:
            reading, stored = self._reading(previous)
            if reading.window is not None and reading.window.empty:
                return self._nothing_new(reading)
            self._note_window(reading)
            self.live = self._open(reading, stored)
        if not self.live.read(budget):
            return self.live.pause()
        return self._seal_and_deliver(self.live, budget)

    def _reading(self, previous: bytes | None) -> tuple[Reading, Stored | None]:
        """Find the window; go on from a checkpoint if it was made for the same window and watermark."""
        watermark = None if self.params.ignore_watermark else self.kind.ledger.watermarks.read(self.lease.pair)
        window = self._window(watermark)
        if previous is not None and not previous.startswith(PUBLISHING):
            resumed, stored = Reading.of_state(previous)
            if (resumed.window, resumed.watermark) == (window, watermark):
                return resumed, stored
            logger.info("the watermark moved, starting anew", extra={"operationId": self.operation.operation_id})
        return self._fresh(Reading(window, watermark)), None

    def _note_window(self, reading: Reading) -> None:
        """Write the window down before it is read, so that a failed operation still says what it was about."""
        if reading.window == self.operation.window:
            return
        operations = self.kind.ledger.operations
        if not operations.save_window(self.operation, reading.window, reading.watermark, self.kind.clock()):
            raise lost(self.lease)

    def _open(self, reading: Reading, stored: Stored | None) -> Live:
        """Source, look-back and writer, all where the reading stands."""
        kind = self.kind
        opening = Opening(
            kind.ledger,
            kind.objects,
            kind.source_of,
            self.operation,
            self.lease,
            self.params,
            self.definition,
            transcoding(kind.pages),
            self.head,
        )
        if stored is not None and (stored.lookback is not None) != opening.looks_back(reading.window):
            return self._open(self._fresh(reading), None)  # a version that did not look back has made this checkpoint
        try:
            return opening.open(reading, stored, self._head_before(reading))
        except ForgottenError:
            logger.warning("the memory is gone, starting anew", extra={"operationId": self.operation.operation_id})
            return self._open(self._fresh(reading), None)

    def _head_before(self, reading: Reading) -> Head | None:
        """The link that this window follows: a watermark that no commit of ours has put there starts a new chain."""
        moves = not self.params.ignore_watermark and reading.window is not None
        return self.head if moves and self.head and self.head.end == reading.watermark else None

    def _fresh(self, found: Reading) -> Reading:
        fresh = Reading(found.window, found.watermark)
        fresh.skipped["filtered"] = self.params.filtered
        return fresh

    def _window(self, watermark: datetime | None) -> Window | None:
        if self.params.end is None:
            return None
        return resolve(
            end=self.params.end,
            start=self.params.start,
            ignore_watermark=self.params.ignore_watermark,
            export_type=ExportType(self.operation.export_type or ExportType.INSTANT),
            watermark=watermark,
            first_export_from=self.definition.first_export_from,
            time_zone=self.definition.time_zone,
        )

    def _nothing_new(self, reading: Reading) -> PassResult:
        return PassResult(
            complete=True,
            progress=Progress(100, description="nothing new"),
            outcome=Outcome.NOTHING_NEW,
            result={"manifest": None, "receipts": [], "counts": {"records": 0, "parts": 0, "bytes": 0}},
            message="the window is empty: its end is not after its start",
            window=reading.window,
            watermark_before=reading.watermark,
        )

    def _seal_and_deliver(self, live: Live, budget: Budget) -> PassResult:
        reading, written = live.reading, live.writer.finish()
        self._check_failed(written)
        moves = not self.params.ignore_watermark and reading.window is not None
        after = reading.window.end if moves and reading.window else None
        previous, columns = self._head_before(reading), written.columns_of_records
        known: Known = {} if previous is None else known_before(self.kind.objects, previous)
        changed = drift(known, columns)
        text = manifest.build(
            self.operation,
            window=reading.window,
            watermark=(reading.watermark if moves else None, after),
            parts=written.parts,
            columns=written.columns,
            records=written.records,
            skipped=reading.skipped,
            previous=previous,
            created_at=self.kind.clock(),
            failed=written.failed.file if written.failed else None,
            dialect=self.definition.format.dialect,
            drift=changed,
            schema=written.schema,
        )
        self.seal = Seal(
            operation_id=self.operation.operation_id,
            fence=self.lease.fence,
            window=reading.window,
            moves_watermark=moves,
            watermark_before=reading.watermark if moves else None,
            manifest_key=directory(self.operation, reading.window) + "manifest.json",
            manifest=text,
            parts=written.parts,
            media_type=media_type(self.definition),
            absent_tables=tuple(t for t in self.params.tables or () if t not in written.columns),
            failed_list=written.failed.file if written.failed else None,
            memory=live.late.finish(memory_key(self.operation, after)) if live.late and after else None,
            destinations=tuple(entry for entry in self.definition.destinations if not is_own_bucket(entry)),
            known_columns=learned(known, columns) if moves else None,
        )
        try:
            commit.seal(self.kind.ledger, self.kind.objects, self.lease, self.seal)
        except commit.StudyGoneError as error:
            return PassResult(
                complete=True,
                progress=Progress(None),
                message=error.message,
                ended=State.CANCELLED,
                window=reading.window,
            )
        return self._complete_seal(self.seal, budget) or self.run(None, budget)

    def _check_failed(self, written: Written) -> None:
        """Fail an operation whose window has more failed records than the definition's maxFailedRecords allows.

        A redrive of failed records has no limit: they were counted when their window was exported, and what still
        fails is the next list.
        """
        redrive = self.params.plan is not None and self.operation.trigger == Trigger.REDRIVE
        if written.failed is None or redrive:
            return
        failed, read_all = written.failed.file.records, written.failed.file.records + written.records
        percent, at_least = Decimal(str(self.definition.max_failed_percent)), self.definition.max_failed_at_least
        if failed > at_least and failed * 100 > percent * read_all:
            limit = f"maxFailedRecords of export {self.definition.export} allows of {read_all}"
            allowed = f"{self.definition.max_failed_percent:g} %, at least {at_least}"
            raise too_many(failed, written.failed.first, f"{limit} ({allowed})")

    def _complete_seal(self, seal: Seal, budget: Budget) -> PassResult | None:
        """Deliver and commit a sealed window; None when it was another operation's and our own work can begin.

        Each part is published once a process at most; a pass that runs out of time goes on behind the last one.
        """
        deliveries = self._deliveries(seal)
        published = max(self.published, deliveries.published)
        self.published = deliver.parts(self.kind.objects, seal, published, budget)
        if self.published < len(seal.placed):
            return self._publishing(seal)
        if not deliveries.run(self.published, budget):
            return self._publishing(seal)
        deliver.manifest(self.kind.objects, seal)
        ours = seal.operation_id == self.operation.operation_id
        owner = self.operation if ours else self.kind.ledger.operations.read(seal.operation_id)
        ended = commit.commit(self.kind.ledger, self.lease, seal, owner, self.kind.clock(), deliveries.receipts())
        self.seal, self.published, self.deliveries = None, 0, None
        if ended.head is not None:
            self._forget(self.head, ended.head)
            self.head = ended.head
        if ours:
            found = ended.result.get("counts", {})
            return PassResult(
                complete=True,
                progress=Progress(100, found.get("records", 0), found.get("bytes", 0)),
                outcome=Outcome.EXPORTED,
                ended=ended.state,
                message=ended.message,
                recorded=True,
            )
        logger.info(
            "completed the sealed window of an earlier operation",
            extra={"operationId": self.operation.operation_id, "sealedBy": seal.operation_id},
        )
        self.kind.objects.remove_prefix(work_prefix(seal.operation_id))
        return None

    def _forget(self, before: Head | None, now: Head) -> None:
        """Remove the memory that nobody needs any more; the tick does it where this cannot be done now."""
        if before is None or before.memory is None or before.memory == now.memory:
            return
        try:
            self.kind.objects.remove([before.memory.key])
        except TidegateError as error:
            logger.warning("an old memory stays", extra={"key": before.memory.key, "reason": str(error)})

    def _deliveries(self, seal: Seal) -> Deliveries:
        """How far the destinations of this seal are: as the pair's row had it when we took its lease."""
        if self.deliveries is None:
            stored = self.lease.deliveries if seal.fence != self.lease.fence else {}
            run = f"{self.operation.operation_id}#{self.operation.dispatch}"
            self.deliveries = Deliveries(self.kind.ledger.pairs, self.kind.places, self.lease, seal, stored, run)
        return self.deliveries

    def _publishing(self, seal: Seal) -> PassResult:
        """The state between two passes of publishing: how many files are in place, here and at each destination."""
        reached = self._deliveries(seal)
        state = json.dumps(
            {"sealedBy": seal.operation_id, "published": self.published, "delivered": reached.marks()}
        ).encode()
        counted = manifest.counts(seal.manifest)
        return PassResult(
            complete=False,
            progress=Progress(99, counted["records"], counted["bytes"], description=reached.description()),
            state=PUBLISHING + state,
            window=seal.window if seal.operation_id == self.operation.operation_id else None,
        )


def _published(previous: bytes | None, seal: Seal) -> int:
    """How many files of this seal an earlier process has put in place."""
    if previous is None or not previous.startswith(PUBLISHING):
        return 0
    reached = json.loads(previous[len(PUBLISHING) :])
    return int(reached["published"]) if reached["sealedBy"] == seal.operation_id else 0
