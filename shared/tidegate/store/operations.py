"""What becomes of an operation: every change of its row, each conditional on state and fence; a repeat is harmless."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from tidegate.announcement import of_end
from tidegate.instants import rfc3339
from tidegate.model import Failure, JSONObject, Operation, Progress, State, Window
from tidegate.store.binding import conditional
from tidegate.store.failed_records import FailedRecordsRow
from tidegate.store.stored_operation import DUE, OUTBOX, line, trimmed


class OperationRow(FailedRecordsRow):
    """A stored operation and its transitions; SPEC 5 draws the arrows between the states."""

    @classmethod
    def claim(cls, operation_id: str, fence: int, now: datetime, look_at: datetime) -> Operation | None:
        """Begin or go on under a lease's fence; counts an attempt. None where it cannot be: ended, unknown, asleep."""
        row = cls(operation_id)
        waiting = cls.state.is_in(State.SLEEPING.value, State.NOT_STARTED.value, State.RUNNING.value)
        ripe = cls.startAfter.does_not_exist() | (cls.startAfter <= now)
        with conditional(f"claiming operation {operation_id}") as claiming:
            row.update(
                actions=[
                    cls.state.set(State.RUNNING.value),
                    cls.fence.set(fence),
                    cls.attempts.add(1),
                    cls.startedAt.set(cls.startedAt | now),
                    cls.lastActionAt.set(now),
                    cls.dueAt.set(look_at),
                ],
                condition=waiting & ripe & (cls.fence < fence),
            )
        if not claiming.refused:
            return row.operation()
        # Refused by our own claim where its answer was lost and the call was sent again.
        current = cls.read(operation_id)
        ours = current is not None and current.fence == fence and current.state is State.RUNNING
        return current if ours else None

    @classmethod
    def save_pass(
        cls,
        operation: Operation,
        *,
        progress: Progress,
        advanced: bool,
        checkpoint: JSONObject,
        window: Window | None,
        watermark_before: datetime | None,
        now: datetime,
        look_at: datetime,
    ) -> bool:
        """Store what a pass reached. `advanced` resets the counters that guard against work that gets nowhere.

        False where the operation is no longer ours to change.
        """
        actions: list[Action] = [
            cls.progress.set(asdict(progress)),
            cls.checkpoint.set(dict(checkpoint)),
            cls.lastActionAt.set(now),
            cls.dueAt.set(look_at),
            *_window_actions(cls, window, watermark_before),
        ]
        if advanced:
            actions += [
                cls.attempts.set(1),
                cls.retries.set(0),
                cls.passesWithoutProgress.set(0),
                cls.lastProgressAt.set(now),
                cls.error.remove(),
            ]
        else:
            actions.append(cls.passesWithoutProgress.add(1))
        return cls._ours(operation, actions, "storing the progress of")

    @classmethod
    def save_window(
        cls, operation: Operation, window: Window | None, watermark_before: datetime | None, now: datetime
    ) -> bool:
        """Note the window that a run has found, before it reads: one that fails then still says what it was about.

        False where the operation is no longer ours to change.
        """
        actions: list[Action] = [cls.lastActionAt.set(now), *_window_actions(cls, window, watermark_before)]
        return cls._ours(operation, actions, "noting the window of")

    @classmethod
    def save_return(cls, operation: Operation, attempts: int, now: datetime) -> bool:
        """Count one return to the head of the group; `attempts` is without the one that was counted at the claim.

        Both numbers are set, not added to, so that a repeat after a lost answer changes nothing.
        """
        counted = [cls.returns.set(operation.returns + 1), cls.attempts.set(attempts)]
        actions: list[Action] = [*counted, cls.lastActionAt.set(now)]
        return cls._ours(operation, actions, "returning")

    @classmethod
    def save_retry(
        cls, operation: Operation, failure: Failure, now: datetime, look_at: datetime, *, counted: bool
    ) -> bool:
        """Note an error after which the work is tried again. `counted`: it was unexpected and counts as an attempt.

        `operation` is as it was just read: its numbers are set anew, so that a repeat after a lost answer counts once.
        """
        actions: list[Action] = [
            cls.error.set(asdict(failure)),
            cls.lastActionAt.set(now),
            cls.dueAt.set(look_at),
            cls.log.set(trimmed(operation, line(now, f"{failure.code}: {failure.message}"))),
        ]
        actions.append(cls.retries.set(operation.retries + 1))
        if not counted:
            actions.append(cls.attempts.set(operation.attempts - 1))
        return cls._ours(operation, actions, "noting an error of")

    @classmethod
    def add_finish(
        cls,
        transaction: TransactWrite,
        operation: Operation,
        *,
        state: State,
        now: datetime,
        expiry: datetime,
        message: str,
        outcome: str | None = None,
        failure: Failure | None = None,
        result: JSONObject | None = None,
        progress: Progress | None = None,
        window: Window | None = None,
        watermark_before: datetime | None = None,
        sealed: bool = False,
        failed_records: int = 0,
    ) -> None:
        """Add the operation's end to a transaction.

        Normally only a running operation under our fence can end. `sealed`: its window was sealed, so it ends whatever
        had become of it, except twice. With `failed_records` the tick has them redriven, and the operation does not
        expire before they are settled.
        """
        actions: list[Action] = [
            cls.state.set(state.value),
            cls.finishedAt.set(now),
            cls.lastActionAt.set(now),
            *_end_actions(cls, failed_records, now, expiry),
            cls.checkpoint.remove(),
            cls.log.set(trimmed(operation, line(now, message))),
            cls.error.set(asdict(failure)) if failure else cls.error.remove(),
            *_window_actions(cls, window, watermark_before),
            *_announcing(
                cls, of_end(operation, state, now, outcome=outcome, failure=failure, result=result, window=window)
            ),
        ]
        if outcome is not None:
            actions.append(cls.outcome.set(outcome))
        if result is not None:
            actions.append(cls.result.set(dict(result)))
        if progress is not None:
            actions.append(cls.progress.set(asdict(progress)))
        condition: Condition
        if sealed:
            condition = cls.state.is_in(
                *(s.value for s in (State.SLEEPING, State.NOT_STARTED, State.RUNNING, State.FAILED, State.CANCELLED))
            )
        else:
            condition = (cls.state == State.RUNNING.value) & (cls.fence == operation.fence)
        transaction.update(cls(operation.operation_id), actions=actions, condition=condition)

    @classmethod
    def add_close(
        cls,
        transaction: TransactWrite,
        operation: Operation,
        *,
        state: State,
        now: datetime,
        expiry: datetime,
        message: str,
        failure: Failure | None = None,
    ) -> None:
        """Add the end of work that nobody holds: cancelled with its study, or failed because its message is dead."""
        waiting = cls.state.is_in(State.SLEEPING.value, State.NOT_STARTED.value, State.RUNNING.value)
        actions: list[Action] = [
            cls.state.set(state.value),
            cls.finishedAt.set(now),
            cls.lastActionAt.set(now),
            cls.expiry.set(expiry),
            cls.due.remove(),
            cls.dueAt.remove(),
            cls.log.set(trimmed(operation, line(now, message))),
            *([cls.error.set(asdict(failure))] if failure else []),
            *_announcing(cls, of_end(operation, state, now, failure=failure)),
        ]
        transaction.update(
            cls(operation.operation_id), actions=actions, condition=waiting & (cls.fence == operation.fence)
        )

    @classmethod
    def save_announced(cls, operation_id: str, announced: Sequence[str]) -> None:
        """Take off the row what has been announced, unless there is more by now: then it is all announced again."""
        with conditional(f"noting what was announced of operation {operation_id}"):
            cls(operation_id).update(
                actions=[cls.outbox.remove(), cls.announcements.remove()],
                condition=cls.announcements == list(announced),
            )

    @classmethod
    def save_dispatch(cls, operation: Operation, now: datetime, look_at: datetime, message: str) -> bool:
        """Note that a message for this operation has been sent (again); a sleeping one wakes up."""
        actions: list[Action] = [
            cls.dispatch.set(operation.dispatch + 1),
            cls.dueAt.set(look_at),
            cls.log.set(trimmed(operation, line(now, message))),
        ]
        if operation.state is State.SLEEPING:
            actions.append(cls.state.set(State.NOT_STARTED.value))
        with conditional(f"noting the dispatch of operation {operation.operation_id}") as writing:
            cls(operation.operation_id).update(
                actions=actions,
                condition=(cls.state == operation.state.value) & (cls.dispatch == operation.dispatch),
            )
        return not writing.refused

    @classmethod
    def add_reopen(
        cls, transaction: TransactWrite, operation: Operation, now: datetime, look_at: datetime, message: str
    ) -> None:
        """Add to a transaction that a failed operation is to be done again: FAILED -> NOT_STARTED.

        It keeps its id, end, tag and definition; counters, error, window and expiry are those of a new one. The number
        of its next message goes on from `operation.dispatch`, on which the change is conditional.
        """
        actions: list[Action] = [
            cls.state.set(State.NOT_STARTED.value),
            cls.due.set(DUE),
            cls.dueAt.set(look_at),
            cls.dispatch.set(operation.dispatch + 1),
            cls.lastActionAt.set(now),
            cls.progress.set(asdict(Progress())),
            *(counter.set(0) for counter in (cls.attempts, cls.retries, cls.passesWithoutProgress, cls.returns)),
            *(
                attribute.remove()
                for attribute in (
                    cls.expiry,
                    cls.error,
                    cls.outcome,
                    cls.result,
                    cls.checkpoint,
                    cls.window,
                    cls.watermarkBefore,
                    cls.startedAt,
                    cls.finishedAt,
                    cls.lastProgressAt,
                )
            ),
            cls.log.set(trimmed(operation, line(now, message))),
        ]
        condition = (cls.state == State.FAILED.value) & (cls.dispatch == operation.dispatch)
        transaction.update(cls(operation.operation_id), actions=actions, condition=condition)

    @classmethod
    def _ours(cls, operation: Operation, actions: list[Action], doing: str) -> bool:
        with conditional(f"{doing} operation {operation.operation_id}") as writing:
            cls(operation.operation_id).update(
                actions=actions, condition=(cls.fence == operation.fence) & (cls.state == State.RUNNING.value)
            )
        return not writing.refused


def _end_actions(cls: type[OperationRow], failed_records: int, now: datetime, expiry: datetime) -> list[Action]:
    if not failed_records:
        return [cls.due.remove(), cls.dueAt.remove(), cls.failedRecords.remove(), cls.expiry.set(expiry)]
    return [cls.due.set(DUE), cls.dueAt.set(now), cls.failedRecords.set(failed_records), cls.expiry.remove()]


def _window_actions(cls: type[OperationRow], window: Window | None, watermark_before: datetime | None) -> list[Action]:
    actions: list[Action] = []
    if window is not None:
        actions.append(cls.window.set({"start": rfc3339(window.start), "end": rfc3339(window.end)}))
    if watermark_before is not None:
        actions.append(cls.watermarkBefore.set(watermark_before))
    return actions


def retention(hours: int, now: datetime) -> datetime:
    """When a row that ended now expires."""
    return now + timedelta(hours=hours)


def _announcing(cls: type[OperationRow], detail: JSONObject | None) -> list[Action]:
    """Leave an event on the row, behind those that are still to be sent; for announcing.py."""
    if detail is None:
        return []
    return [cls.outbox.set(OUTBOX), cls.announcements.set((cls.announcements | []).append([json.dumps(detail)]))]
