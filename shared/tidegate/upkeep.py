"""What the tick does: wake what slept, rescue the silent, close the dead, redrive what failed, forget the deleted.

Each task is repeatable and stands alone: a task that fails is reported and the others still run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate.announcing import Announcer
from tidegate.autoredrive import AutoRedrive
from tidegate.errors import TidegateError
from tidegate.instants import rfc3339
from tidegate.job import SILENCE, Task
from tidegate.model import DEFAULT_EXPORT, Failure, Operation, Pair, State
from tidegate.queues import DeadLetters, WorkQueue
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.sweep import sweep_memories, sweep_orphans
from tidegate.ulid import is_ulid

logger = logging.getLogger(__name__)

MOST_DELETIONS = 3
MOST_DELETED_SHARE = 0.1
DEAD_LETTERS_A_TICK = 200
READ_AT_ONCE = 100


@dataclass(slots=True)
class Report:
    """What a tick did, in numbers; each is a metric or a line of the log."""

    woken: int = 0
    sent_again: int = 0
    failed: int = 0
    cancelled: int = 0
    studies_deleted: int = 0
    deletions_held: int = 0
    orphans_removed: int = 0
    redrives: int = 0
    announced: int = 0
    failed_records_left: int | None = None
    watermark_lag_seconds: float | None = None
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The tick's tasks over one stack."""

    ledger: Ledger
    objects: Objects
    queue: WorkQueue
    dead_work: DeadLetters
    announcer: Announcer

    def run(self, now: datetime) -> Report:
        """Do everything that is due at `now`. Deleted studies and the lag are looked at every second minute."""
        report = Report()
        tasks: list[Callable[[datetime, Report], None]] = [
            self.close_dead,
            self.redrive_failed,
            self.send_due,
            self.count_left,
            self.announce_ends,
        ]
        if now.minute % 2 == 0:
            tasks += [self.forget_deleted, self.measure_lag]
        if now.minute % 15 == 0:
            tasks.append(self.remove_orphans)
        for task in tasks:
            try:
                task(now, report)
            except TidegateError as error:
                report.errors += 1
                logger.exception("a task of the tick failed", extra={"task": task.__name__, "reason": str(error)})
        return report

    def announce_ends(self, now: datetime, report: Report) -> None:  # noqa: ARG002  every task is called alike
        """Tell EventBridge of the ends that no worker has told it of; see announcing.py."""
        report.announced = self.announcer.announce_all()

    def redrive_failed(self, now: datetime, report: Report) -> None:
        """Have the records redriven that an operation could not export, and see what became of it; see autoredrive.py.

        What was left to a person is looked at too: its redrive may have been tried again, and have succeeded.
        """
        settings, operations = self.ledger.settings, self.ledger.operations
        after = timedelta(seconds=settings.redrive_after_seconds)
        redriving = AutoRedrive(self.ledger, self.queue, settings.most_redrives, after)
        for operation_id in list(operations.redrivable_by(now)):
            operation = operations.read(operation_id)
            if operation is not None and operation.failed_records:
                report.redrives += redriving.see_to(operation, now)
        for operation in self._left():
            if operation.redriven_by is not None:
                redriving.see_to(operation, now)

    def count_left(self, now: datetime, report: Report) -> None:  # noqa: ARG002  every task is called alike
        """How many failed records wait for a person, because Tidegate will not redrive them any more."""
        report.failed_records_left = sum(count for _, count in self.ledger.operations.left())

    def _left(self) -> Iterator[Operation]:
        left = [operation_id for operation_id, _ in self.ledger.operations.left()]
        for begin in range(0, len(left), READ_AT_ONCE):
            yield from self.ledger.operations.read_many(left[begin : begin + READ_AT_ONCE]).values()

    def send_due(self, now: datetime, report: Report) -> None:
        """Wake what has slept long enough, and send again what nobody has heard of for twice the visibility.

        The message is sent before the row says so: a crash between the two repeats the same message, which the queue
        drops. An operation that stays silent is sent again at growing intervals.
        """
        for operation_id in list(self.ledger.operations.due_by(now)):
            operation = self.ledger.operations.read(operation_id)
            if operation is None or operation.state.final or operation.pair is None:
                continue
            asleep = operation.state is State.SLEEPING
            if asleep and operation.start_after is not None and operation.start_after > now:
                continue
            self.queue.send([Task(operation.operation_id, operation.pair)], dispatch=operation.dispatch + 1)
            wait = SILENCE * min(2**operation.dispatch, 16)
            message = "woken" if asleep else "silent for too long, sent again"
            if self.ledger.operations.save_dispatch(operation, now, now + wait, message):
                report.woken += asleep
                report.sent_again += not asleep

    def close_dead(self, now: datetime, report: Report) -> None:
        """Fail the operations whose message has come to lie in the work dead-letter queue; the message stays there."""
        for letter in self.dead_work.peek(DEAD_LETTERS_A_TICK):
            operation = self._operation_of(letter)
            if operation is None or operation.state.final or _outdated(letter, operation):
                continue
            failure = Failure(
                "DEAD_LETTER",
                "The work message was received too often without an end and lies in the work dead-letter queue.",
                "Look at the operation's log and the worker's, then retry the operation.",
            )
            report.failed += self.ledger.close(operation, State.FAILED, now, f"failed: {failure.message}", failure)

    def _operation_of(self, letter: Mapping[str, str]) -> Operation | None:
        try:
            task = Task.of_body(json.loads(letter["body"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.exception("a dead letter is no work message", extra={"messageId": letter["id"]})
            return None
        return self.ledger.operations.read(task.operation_id) if is_ulid(task.operation_id) else None

    def forget_deleted(self, now: datetime, report: Report) -> None:
        """Remove watermark, chain and waiting work of studies that were exported once and whose item is gone.

        If more than 3 and more than a tenth of the studies are gone at once, nothing is removed and an alarm says so:
        that is rather a table restored or misconfigured than a decision.
        """
        pairs = list(self.ledger.pairs.alive())
        known = {pair.study for pair in pairs}
        gone = known - {study.study_id for study in self.ledger.studies.everything()} if known else set()
        gone = {study_id for study_id in gone if not self.ledger.studies.is_there(study_id)}
        if len(gone) > MOST_DELETIONS and len(gone) > MOST_DELETED_SHARE * len(known):
            report.deletions_held = len(gone)
            logger.error("too many studies vanished at once, nothing was deleted", extra={"studies": len(gone)})
            return
        for pair in pairs:
            if pair.study in gone:
                self.forget(pair, now, report)
        report.studies_deleted = len(gone)

    def forget(self, pair: Pair, now: datetime, report: Report) -> None:
        """Forget one pair of a deleted study. The row is closed last, so that a crash before it repeats everything.

        The fence moves on first of all (in `bury`, which is repeated at the end): a run in flight can then commit
        nothing any more.
        """
        self.ledger.pairs.fence_off(pair)
        for operation_id in list(self.ledger.operations.open_of_pair(pair.key)):
            operation = self.ledger.operations.read(operation_id)
            if operation is not None and not operation.state.final:
                report.cancelled += self.ledger.close(
                    operation, State.CANCELLED, now, "cancelled: its study was deleted"
                )
        for operation_id in list(self.ledger.operations.unsettled_of_pair(pair.key)):
            unsettled = self.ledger.operations.read(operation_id)
            if unsettled is not None:
                expiry = self.ledger.expiry(unsettled.state, now)
                self.ledger.operations.save_settled(unsettled, now, expiry, "its study was deleted")
        # The event first: a crash between the two then tells the old value twice rather than never.
        before = self.ledger.watermarks.described(pair)
        self.ledger.history.append(
            f"audit/{pair.key}",
            f"deleted#{rfc3339(now)}",
            "STUDY_DELETED",
            now,
            {
                "export": pair.export,
                "study": pair.study,
                "watermarkBefore": before,
            },
        )
        self.ledger.watermarks.remove(pair)
        self.ledger.pairs.bury(pair, now)

    def measure_lag(self, now: datetime, report: Report) -> None:
        """How far the oldest watermark of a regularly exported study lies behind: a dead schedule shows here.

        Only the default export has studies that every schedule covers; a study that has no watermark yet counts once
        it has been worked on.
        """
        regular = {s.study_id for s in self.ledger.studies.everything() if s.enabled and not s.custom_schedule}
        lags = [
            (now - at).total_seconds()
            for pair, at in self.ledger.watermarks.everything()
            if pair.export == DEFAULT_EXPORT and pair.study in regular
        ]
        report.watermark_lag_seconds = max(lags, default=0.0)

    def remove_orphans(self, now: datetime, report: Report) -> None:
        """Remove finished files that no manifest names, and memories that no chain head names; see sweep.py."""
        report.orphans_removed = sweep_orphans(self.ledger, self.objects, now - timedelta(days=2), now)
        report.orphans_removed += sweep_memories(self.ledger, self.objects, now)


def _outdated(letter: Mapping[str, str], operation: Operation) -> bool:
    """Whether the operation has been sent again since this message was: its old dead letter says nothing any more."""
    sent = letter["deduplication"].removeprefix(f"{operation.operation_id}-")
    return sent.isdecimal() and int(sent) < operation.dispatch
