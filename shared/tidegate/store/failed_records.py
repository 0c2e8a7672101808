"""What becomes of an operation's failed records: redriven, left to a person, settled. Each change is conditional.

As long as they are not settled the operation has no expiry and stands in the index `due`: under DUE where Tidegate sees
to them (at `dueAt`), under LEFT where a person has to.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from tidegate.model import Operation
from tidegate.store.binding import conditional, translated
from tidegate.store.stored_operation import DUE, LEFT, DueIndex, StoredOperation, line, trimmed


class FailedRecordsRow(StoredOperation):
    """A stored operation, and the transitions of its failed records."""

    @classmethod
    def save_redriven(cls, operation: Operation, redriven_by: str, now: datetime, look_at: datetime, why: str) -> bool:
        """Note which operation redrives the failed records; they are not settled before that has ended well.

        False where another one does already, or they are settled.
        """
        actions: list[Action] = [
            cls.due.set(DUE),
            cls.dueAt.set(look_at),
            cls.redrivenBy.set(redriven_by),
            cls.log.set(trimmed(operation, line(now, why))),
        ]
        free = (cls.due == LEFT) | ((cls.due == DUE) & cls.redrivenBy.does_not_exist())
        return cls._unsettled(operation, actions, free)

    @classmethod
    def save_watched(cls, operation: Operation, look_at: datetime) -> bool:
        """Note that the redrive is under way (again) and when to look next; False where they are settled."""
        return cls._unsettled(operation, [cls.due.set(DUE), cls.dueAt.set(look_at)], cls._redriven_as(operation))

    @classmethod
    def save_settled(cls, operation: Operation, now: datetime, expiry: datetime, message: str) -> bool:
        """Note that nobody has to see to the failed records any more; the operation now expires like any other.

        False where that has been noted before.
        """
        actions: list[Action] = [
            cls.due.remove(),
            cls.dueAt.remove(),
            cls.expiry.set(expiry),
            cls.log.set(trimmed(operation, line(now, message))),
        ]
        return cls._unsettled(operation, actions, cls.due.is_in(DUE, LEFT))

    @classmethod
    def save_left(cls, operation: Operation, now: datetime, why: str) -> bool:
        """Note that the failed records are left to a person. False where that has been noted before."""
        actions: list[Action] = [
            cls.due.set(LEFT),
            cls.log.set(trimmed(operation, line(now, f"the failed records are left to a person: {why}"))),
        ]
        return cls._unsettled(operation, actions, (cls.due == DUE) & cls._redriven_as(operation))

    @classmethod
    def redrivable_by(cls, now: datetime) -> Iterator[str]:
        """The ids of operations with failed records that Tidegate has to see to by now, the longest overdue first."""
        with translated("looking for failed records"):
            due = cls.due_index.query(DUE, DueIndex.dueAt <= now, filter_condition=cls.failedRecords.exists())
            for row in due:
                yield row.operationId

    @classmethod
    def left(cls) -> Iterator[tuple[str, int]]:
        """The ids of operations whose failed records wait for a person, and how many these are."""
        with translated("counting the failed records that are left"):
            for row in cls.due_index.query(LEFT):
                yield row.operationId, int(row.failedRecords or 0)

    @classmethod
    def unsettled_of_pair(cls, pair_key: str) -> Iterator[str]:
        """The ids of a pair's operations whose failed records are not settled."""
        of_pair = (cls.pair == pair_key) & cls.failedRecords.exists()
        with translated(f"looking for the failed records of {pair_key}"):
            for key in (DUE, LEFT):
                for row in cls.due_index.query(key, filter_condition=of_pair):
                    yield row.operationId

    @classmethod
    def _redriven_as(cls, operation: Operation) -> Condition:
        """That nobody has had the failed records redriven since the operation was read."""
        by = operation.redriven_by
        return cls.redrivenBy.does_not_exist() if by is None else cls.redrivenBy == by

    @classmethod
    def _unsettled(cls, operation: Operation, actions: list[Action], condition: Condition) -> bool:
        with conditional(f"noting what becomes of the failed records of {operation.operation_id}") as writing:
            cls(operation.operation_id).update(
                actions=actions,
                condition=condition & cls.due.is_in(DUE, LEFT) & cls.failedRecords.exists(),
            )
        return not writing.refused
