"""Table Operation: its attributes, how operations are written first, found and listed. Changes are in operations.py.

Two sparse indexes: `listing` has every operation by its id, which sorts by time; `due` has those that are not final or
have failed records, with the moment at which the tick should look at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.model import Failure, Operation, Progress, State, Window
from tidegate.store.binding import ExpiryAttribute, InstantAttribute, MillisAttribute, conditional, translated

LONGEST_LOG = 200
"""Lines kept of an operation's log; a row holds 400 KB, and nobody reads more."""
LONGEST_LINE = 500
"""Characters of a line of an operation's log; with its longest length that stays far below what a row can hold."""
LISTING = "operations"
DUE = "due"
LEFT = "left"
OUTBOX = "outbox"


class ListingIndex(GlobalSecondaryIndex["StoredOperation"]):  # type: ignore[no-untyped-call]  # PynamoDB leaves __init_subclass__ untyped
    """Every operation, by id; keys only, so that it costs one write when an operation is made."""

    class Meta:
        index_name = "listing"
        projection = KeysOnlyProjection()

    listing = UnicodeAttribute(hash_key=True)
    operationId = UnicodeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex["StoredOperation"]):  # type: ignore[no-untyped-call]  # as above
    """By when the tick should look at them: operations that are not final, and those with failed records.

    Under the key LEFT those whose failed records are left to a person.
    """

    class Meta:
        index_name = "due"
        projection = IncludeProjection(["pair", "state", "failedRecords"])

    due = UnicodeAttribute(hash_key=True)
    dueAt = MillisAttribute(range_key=True)


class OutboxIndex(GlobalSecondaryIndex["StoredOperation"]):  # type: ignore[no-untyped-call]  # as above
    """Operations whose end is still to be announced; keys only."""

    class Meta:
        index_name = "outbox"
        projection = KeysOnlyProjection()

    outbox = UnicodeAttribute(hash_key=True)
    operationId = UnicodeAttribute(range_key=True)


class StoredOperation(Model):
    """The attributes have the names that SPEC 5 fixes for JSON."""

    operationId = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(default=LISTING)
    due = UnicodeAttribute(null=True)
    dueAt = MillisAttribute(null=True)
    kind = UnicodeAttribute()
    state = UnicodeAttribute()
    requestId = UnicodeAttribute(null=True)
    export = UnicodeAttribute(null=True)
    study = UnicodeAttribute(null=True)
    pair = UnicodeAttribute(null=True)
    exportType = UnicodeAttribute(null=True)
    trigger = UnicodeAttribute()
    tag = UnicodeAttribute()
    actor = UnicodeAttribute(null=True)
    params = JSONAttribute()
    startAfter = InstantAttribute(null=True)
    createdAt = InstantAttribute()
    startedAt = InstantAttribute(null=True)
    finishedAt = InstantAttribute(null=True)
    lastActionAt = InstantAttribute()
    lastProgressAt = InstantAttribute(null=True)
    window = JSONAttribute(null=True)
    watermarkBefore = InstantAttribute(null=True)
    progress = JSONAttribute()
    attempts = NumberAttribute(default=0)
    retries = NumberAttribute(default=0)
    passesWithoutProgress = NumberAttribute(default=0)
    returns = NumberAttribute(default=0)
    dispatch = NumberAttribute(default=0)
    fence = NumberAttribute(default=0)
    outcome = UnicodeAttribute(null=True)
    error = JSONAttribute(null=True)
    result = JSONAttribute(null=True)
    checkpoint = JSONAttribute(null=True)
    failedRecords = NumberAttribute(null=True)
    redrivenBy = UnicodeAttribute(null=True)
    log = ListAttribute(of=UnicodeAttribute)
    expiry = ExpiryAttribute(null=True)
    outbox = UnicodeAttribute(null=True)
    announcements = ListAttribute(of=UnicodeAttribute, null=True)

    listing_index = ListingIndex()
    due_index = DueIndex()
    outbox_index = OutboxIndex()

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def create(cls, operation: Operation, look_at: datetime | None) -> bool:
        """Write a new operation; False where it is there already (acceptance is being repeated).

        One that is made with failed records has ended, and leaves them to a person.
        """
        row = cls(
            operation.operation_id,
            kind=operation.kind,
            state=operation.state.value,
            requestId=operation.request_id,
            export=operation.export,
            study=operation.study,
            pair=operation.pair.key if operation.pair else None,
            exportType=operation.export_type,
            trigger=operation.trigger,
            tag=operation.tag,
            actor=operation.actor,
            params=dict(operation.params),
            startAfter=operation.start_after,
            createdAt=operation.created_at,
            finishedAt=operation.finished_at,
            lastActionAt=operation.last_action_at,
            progress=asdict(operation.progress),
            dispatch=operation.dispatch,
            outcome=operation.outcome,
            error=asdict(operation.error) if operation.error else None,
            result=dict(operation.result) if operation.result is not None else None,
            log=[line(at, text) for at, text in operation.log],
            expiry=operation.expiry,
            failedRecords=operation.failed_records or None,
            due=DUE if look_at else LEFT if operation.failed_records else None,
            dueAt=look_at or (operation.created_at if operation.failed_records else None),
        )
        with conditional(f"writing operation {operation.operation_id}") as writing:
            row.save(condition=cls.operationId.does_not_exist())
        return not writing.refused

    @classmethod
    def read(cls, operation_id: str) -> Operation | None:
        """The operation, strongly consistent; None where there is none."""
        with translated(f"reading operation {operation_id}"):
            try:
                return cls.get(operation_id, consistent_read=True).operation()
            except cls.DoesNotExist:
                return None

    @classmethod
    def read_many(cls, operation_ids: Sequence[str]) -> dict[str, Operation]:
        """Those of the operations that exist, by id, strongly consistent."""
        with translated("reading operations"):
            rows = cls.batch_get(list(operation_ids), consistent_read=True)
            return {row.operationId: row.operation() for row in rows}

    @classmethod
    def newest_first(cls) -> Iterator[str]:
        """The ids of all operations, newest first."""
        with translated("listing operations"):
            for row in cls.listing_index.query(LISTING, scan_index_forward=False):
                yield row.operationId

    @classmethod
    def unannounced(cls) -> Iterator[str]:
        """The ids of operations whose end is still to be announced, the oldest first."""
        with translated("looking for ends that are to be announced"):
            for row in cls.outbox_index.query(OUTBOX):
                yield row.operationId

    @classmethod
    def to_announce(cls, operation_id: str) -> list[str]:
        """What an operation's row has to tell the world, strongly consistent; nothing where there is no such row."""
        with translated(f"reading operation {operation_id}"):
            try:
                return [str(text) for text in cls.get(operation_id, consistent_read=True).announcements or ()]
            except cls.DoesNotExist:
                return []

    @classmethod
    def due_by(cls, now: datetime) -> Iterator[str]:
        """The ids of operations that the tick should look at by now, the longest overdue first."""
        with translated("looking for operations that are due"):
            for row in cls.due_index.query(DUE, DueIndex.dueAt <= now):
                yield row.operationId

    @classmethod
    def open_of_pair(cls, pair_key: str) -> Iterator[str]:
        """The ids of a pair's operations that are not final."""
        of_pair = (cls.pair == pair_key) & cls.failedRecords.does_not_exist()
        with translated(f"looking for the waiting work of {pair_key}"):
            for row in cls.due_index.query(DUE, filter_condition=of_pair):
                yield row.operationId

    def operation(self) -> Operation:
        """The row as plain data."""
        window = self.window
        return Operation(
            operation_id=self.operationId,
            kind=self.kind,
            state=State(self.state),
            request_id=self.requestId,
            export=self.export,
            study=self.study,
            export_type=self.exportType,
            trigger=self.trigger,
            tag=self.tag,
            actor=self.actor,
            created_at=self.createdAt,
            last_action_at=self.lastActionAt,
            params=self.params,
            start_after=self.startAfter,
            started_at=self.startedAt,
            finished_at=self.finishedAt,
            window=Window(parse_rfc3339(window["start"]), parse_rfc3339(window["end"])) if window else None,
            watermark_before=self.watermarkBefore,
            progress=Progress(**self.progress),
            attempts=int(self.attempts),
            retries=int(self.retries),
            passes_without_progress=int(self.passesWithoutProgress),
            returns=int(self.returns),
            last_progress_at=self.lastProgressAt,
            outcome=self.outcome,
            error=Failure(**self.error) if self.error else None,
            result=self.result,
            log=tuple(_split(str(text)) for text in self.log or ()),
            expiry=self.expiry,
            dispatch=int(self.dispatch),
            fence=int(self.fence),
            checkpoint=self.checkpoint,
            failed_records=int(self.failedRecords or 0),
            redriven_by=self.redrivenBy,
        )


def line(at: datetime, text: str) -> str:
    """One line of an operation's log, with its UTC time."""
    return f"{rfc3339(at)} {text[:LONGEST_LINE]}"


def trimmed(operation: Operation, last: str) -> Any:
    """The log with one more line; where it has grown too long, its middle is dropped and a line says so."""
    if len(operation.log) < LONGEST_LOG:
        return StoredOperation.log.append([last])
    kept = [line(at, text) for at, text in operation.log]
    half = LONGEST_LOG // 2
    dropped = len(kept) - 2 * half + 1
    note = line(operation.log[half][0], f"({dropped} lines dropped here)")
    return [*kept[:half], note, *kept[half + dropped :], last]


def _split(text: str) -> tuple[datetime, str]:
    at, _, message = text.partition(" ")
    return parse_rfc3339(at), message
