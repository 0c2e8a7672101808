"""The operations engine: claim, passes, checkpoint, finish, hand back. It knows no job; kinds are registered.

One message stands for one operation. It is acknowledged when the operation has ended, and otherwise given back to the
head of its group: a message sent anew would queue behind work that cannot start before it (SPEC 5). Whatever happens,
the message, the lease and the row say the same, because every write carries the lease's fence.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tidegate.errors import FatalError, ForeignError, LostLeaseError, RejectedError, RetriableError, TidegateError
from tidegate.job import LEASE_SECONDS, SILENCE, Budget, Claim, Delivery, Kind, PassResult, Task
from tidegate.model import Failure, JSONObject, Operation, Progress, State
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.store.pairs import Lease, lost

logger = logging.getLogger(__name__)

PASS_SECONDS = 25.0
"""One pass; well below the lease, so that a slow last page does not lose it."""
RESERVE_SECONDS = 20.0
"""Kept of an invocation for storing the checkpoint and handing the message back."""
MOST_ATTEMPTS = 5
MOST_RETURNS = 500
"""Returns to the head of the group; below the queue's maxReceiveCount, a test compares them."""
MOST_PASSES_WITHOUT_PROGRESS = 20
LONGEST_BACKOFF_SECONDS = 300


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """Seconds of a monotonic clock."""

    until: float
    clock: Callable[[], float] = time.monotonic

    def spent(self) -> bool:
        """Whether the time is over."""
        return self.clock() >= self.until


@dataclass(slots=True)
class Verdict:
    """What became of a message: `acknowledge` deletes it; `ended` is set where the operation has just ended."""

    acknowledge: bool
    ended: State | None = None
    records: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs operations. `owner` names this process; `clock` is the only source of now."""

    ledger: Ledger
    objects: Objects
    kinds: Mapping[str, Kind]
    clock: Callable[[], datetime]
    owner: str
    give_up_after: timedelta = timedelta(hours=6)
    pass_seconds: float = PASS_SECONDS
    reserve_seconds: float = RESERVE_SECONDS
    budget: Callable[[float], Budget] = field(default=lambda seconds: TimeBudget(time.monotonic() + seconds))

    def work(self, task: Task, delivery: Delivery, seconds_left: Callable[[], float]) -> Verdict:
        """Work on one message until its operation has ended or the invocation runs out of time.

        Never raises for anything that an operation can do wrong; what it does raise (AWS away while the outcome is
        being stored) leaves the message to come back by itself.
        """
        _stay_hidden(delivery)
        now = self.clock()
        lease = self.ledger.pairs.acquire(task.pair, self.owner, now, now + timedelta(seconds=LEASE_SECONDS))
        if lease is None:
            return self._busy(task, delivery)
        operation = self.ledger.operations.claim(task.operation_id, lease.fence, now, now + SILENCE)
        if operation is None:
            return self._unclaimed(task, lease, delivery)
        claim = Claim(operation, lease)
        try:
            return self._run(claim, delivery, seconds_left)
        except LostLeaseError as error:
            logger.warning("lost the lease", extra={"operationId": operation.operation_id, "reason": error.message})
            return Verdict(acknowledge=False, note=error.message)
        except (FatalError, RejectedError) as error:
            return self._fail(claim, Failure(error.code, error.message, error.remedy))
        except RetriableError as error:
            return self._retry(claim, delivery, error)
        except Exception as error:  # noqa: BLE001  the boundary of a job: counted, noted on the operation, and logged whole
            return self._unexpected(claim, delivery, error)

    def _busy(self, task: Task, delivery: Delivery) -> Verdict:
        until = self.ledger.pairs.lease_until(task.pair)
        wait = 1 if until is None else (until - self.clock()).total_seconds() + 2
        delivery.hide(int(max(1, min(wait, LEASE_SECONDS))))
        return Verdict(acknowledge=False, note="another worker holds the lease")

    def _unclaimed(self, task: Task, lease: Lease, delivery: Delivery) -> Verdict:
        """A message whose operation cannot be begun: it has ended, is unknown, or is to sleep a little by our clock.

        A worker that died between the end and its acknowledgement leaves working objects, which are removed now.
        """
        operation = self.ledger.operations.read(task.operation_id)
        if operation is None or operation.state.final:
            if operation is not None:
                self._tidy(Claim(operation, lease), self.kinds.get(operation.kind))
            else:
                self.ledger.pairs.release(lease)
            return Verdict(acknowledge=True, note="the operation has ended or is unknown")
        self.ledger.pairs.release(lease)
        wait = 1.0 if operation.start_after is None else (operation.start_after - self.clock()).total_seconds() + 1
        delivery.hide(int(max(1, min(wait, LEASE_SECONDS))))
        return Verdict(acknowledge=False, note="the operation cannot begin yet")

    def _run(self, claim: Claim, delivery: Delivery, seconds_left: Callable[[], float]) -> Verdict:
        operation = claim.operation
        kind = self.kinds.get(operation.kind)
        if kind is None:
            raise FatalError(
                f"Nothing is registered for operations of kind {operation.kind}.",
                code="UNKNOWN_KIND",
                remedy="Deploy a version that knows this kind, then retry the operation.",
            )
        self._guard_attempts(operation)
        job = kind.begin(claim)
        previous = self._load(operation.checkpoint)
        passes = operation.progress.passes
        stuck, attempts = operation.passes_without_progress, operation.attempts
        while True:
            result = job.run(previous, self.budget(min(self.pass_seconds, seconds_left() - self.reserve_seconds)))
            passes += 1
            if result.complete:
                return self._finish(claim, kind, result, passes)
            advanced = self._store(claim, result, passes, previous)
            stuck, attempts = (0, 1) if advanced else (stuck + 1, attempts)
            if stuck >= MOST_PASSES_WITHOUT_PROGRESS:
                raise FatalError(
                    f"{stuck} passes in a row brought nothing further.",
                    code="NO_PROGRESS",
                    remedy="Look at the operation's log, then retry it.",
                )
            previous = result.state
            if seconds_left() <= 2 * self.reserve_seconds:
                return self._hand_back(claim, delivery, attempts)
            self.ledger.pairs.renew(claim.lease, self.clock() + timedelta(seconds=LEASE_SECONDS))
            _stay_hidden(delivery)

    def _guard_attempts(self, operation: Operation) -> None:
        if operation.attempts > MOST_ATTEMPTS:
            last = f" The last error was {operation.error.code}." if operation.error else ""
            raise FatalError(
                f"{MOST_ATTEMPTS} attempts ended without progress, in crashes or unexpected errors.{last}",
                code="TOO_MANY_ATTEMPTS",
                remedy="Look at the worker's log for this operation id, then retry the operation.",
            )

    def _load(self, checkpoint: JSONObject | None) -> bytes | None:
        if checkpoint is None:
            return None
        data = b"".join(self.objects.get(checkpoint["key"]))
        if hashlib.sha256(data).hexdigest() != checkpoint["sha256"]:
            raise FatalError(
                f"The checkpoint s3://{self.objects.bucket}/{checkpoint['key']} is not what was stored.",
                code="BAD_CHECKPOINT",
                remedy="Something else writes under work/. Retry the operation; it starts from the beginning.",
            )
        return data

    def _store(self, claim: Claim, result: PassResult, passes: int, previous: bytes | None) -> bool:
        operation, fence = claim.operation, claim.lease.fence
        now = self.clock()
        key = f"work/{operation.operation_id}/{fence:010d}/checkpoint-{passes:06d}"
        self.objects.put(key, result.state)
        advanced = result.state != previous
        progress = _with_passes(result.progress, passes)
        kept = self.ledger.operations.save_pass(
            operation,
            progress=progress,
            advanced=advanced,
            checkpoint={"key": key, "sha256": hashlib.sha256(result.state).hexdigest(), "version": passes},
            window=result.window,
            watermark_before=result.watermark_before,
            now=now,
            look_at=now + SILENCE,
        )
        if not kept:
            raise lost(claim.lease)
        return advanced

    def _hand_back(self, claim: Claim, delivery: Delivery, attempts: int) -> Verdict:
        operation = claim.operation
        if operation.returns + 1 >= MOST_RETURNS:
            raise FatalError(
                f"The operation has gone through {MOST_RETURNS} invocations and is not done.",
                code="TOO_MANY_PASSES",
                remedy="Split it: export a shorter window, or fewer studies' records, at a time.",
            )
        if not self.ledger.operations.save_return(operation, attempts - 1, self.clock()):
            raise lost(claim.lease)
        self.ledger.pairs.release(claim.lease)
        delivery.hide(0)
        return Verdict(acknowledge=False, note="out of time, goes on in the next invocation")

    def _finish(self, claim: Claim, kind: Kind, result: PassResult, passes: int) -> Verdict:
        operation = claim.operation
        if not result.recorded:
            self.ledger.end(
                operation,
                state=result.ended,
                now=self.clock(),
                message=result.message,
                outcome=result.outcome,
                result=result.result,
                progress=_with_passes(result.progress, passes),
                window=result.window,
                watermark_before=result.watermark_before,
            )
        self._tidy(claim, kind)
        if result.ended is State.FAILED:
            ended = self.ledger.operations.read(operation.operation_id)
            kind.on_failed(operation, ended.error if ended and ended.error else Failure("FAILED", result.message))
        else:
            kind.on_done(operation, result)
        return Verdict(acknowledge=True, ended=result.ended, records=result.progress.records, note=result.message)

    def _fail(self, claim: Claim, failure: Failure) -> Verdict:
        operation = claim.operation
        try:
            self.ledger.end(
                operation, state=State.FAILED, now=self.clock(), message=f"failed: {failure.message}", failure=failure
            )
        except LostLeaseError as error:
            return Verdict(acknowledge=False, note=error.message)
        logger.error("operation failed", extra={"operationId": operation.operation_id, "errorCode": failure.code})
        kind = self.kinds.get(operation.kind)
        self._tidy(claim, kind)
        if kind is not None:
            kind.on_failed(operation, failure)
        return Verdict(acknowledge=True, ended=State.FAILED, note=failure.message)

    def _tidy(self, claim: Claim, kind: Kind | None) -> None:
        """After the end: leftovers and the lease. What cannot be tidied now expires by itself: that is no failure.

        The lease is given back whatever becomes of the leftovers, so that the next operation need not wait for it.
        """
        with _whatever_happens(claim):
            if kind is not None:
                kind.clean(claim.operation)
        with _whatever_happens(claim):
            self.ledger.pairs.release(claim.lease)

    def _retry(self, claim: Claim, delivery: Delivery, error: TidegateError) -> Verdict:
        current = self.ledger.operations.read(claim.operation.operation_id) or claim.operation
        now = self.clock()
        since = current.last_progress_at or current.started_at or current.created_at
        failure = Failure(error.code, error.message, error.remedy)
        if now - since >= self.give_up_after:
            hours = self.give_up_after.total_seconds() / 3600
            gave_up = f"Gave up after {hours:g} hours without progress. {failure.message}"
            return self._fail(
                claim, Failure(failure.code, gave_up, failure.remedy or "Retry the operation when the cause is gone.")
            )
        wait = min(2**current.retries, LONGEST_BACKOFF_SECONDS) if current.retries < 30 else LONGEST_BACKOFF_SECONDS
        return self._keep(claim, current, delivery, failure, wait, counted=False)

    def _unexpected(self, claim: Claim, delivery: Delivery, error: Exception) -> Verdict:
        logger.exception("unexpected error", extra={"operationId": claim.operation.operation_id})
        current = self.ledger.operations.read(claim.operation.operation_id) or claim.operation
        failure = _failure_of(error, current.attempts)
        if current.attempts >= MOST_ATTEMPTS:
            return self._fail(claim, failure)
        wait = min(2**current.attempts, LONGEST_BACKOFF_SECONDS)
        return self._keep(claim, current, delivery, failure, wait, counted=True)

    def _keep(
        self, claim: Claim, current: Operation, delivery: Delivery, failure: Failure, wait: int, *, counted: bool
    ) -> Verdict:
        now = self.clock()
        if not self.ledger.operations.save_retry(
            current_under(claim, current), failure, now, now + SILENCE, counted=counted
        ):
            return Verdict(acknowledge=False, note="lost the lease")
        self.ledger.pairs.release(claim.lease)
        delivery.hide(wait)
        return Verdict(acknowledge=False, note=f"{failure.code}: {failure.message} Next try in {wait} s.")


def _failure_of(error: Exception, attempt: int) -> Failure:
    """What is told of an error that no group knows: its type, never its text, unless the text is Tidegate's own."""
    if isinstance(error, ForeignError):
        return Failure(error.code, f"{error.message} That was attempt {attempt} of {MOST_ATTEMPTS}.", error.remedy)
    return Failure(
        "UNEXPECTED",
        f"An unexpected {type(error).__name__} stopped attempt {attempt} of {MOST_ATTEMPTS}.",
        "The worker's log shows under this operation id where it happened.",
    )


def _stay_hidden(delivery: Delivery) -> None:
    """Keep the message from others for another while.

    Not worth stopping for where the queue is away: the lease keeps workers apart, and a message that is given up here
    stays invisible for as long as the queue says, which is much longer.
    """
    try:
        delivery.hide(LEASE_SECONDS)
    except RetriableError as error:
        logger.warning("the message could not be hidden", extra={"reason": error.message})


def current_under(claim: Claim, current: Operation) -> Operation:
    """The operation as it is now if that is under our fence; as claimed otherwise, so that the write is refused."""
    return current if current.fence == claim.operation.fence else claim.operation


@contextmanager
def _whatever_happens(claim: Claim) -> Iterator[None]:
    try:
        yield
    except TidegateError as error:
        logger.warning("could not tidy up", extra={"operationId": claim.operation.operation_id, "reason": str(error)})


def _with_passes(progress: Progress, passes: int) -> Progress:
    return Progress(progress.percent, progress.records, progress.bytes, passes, progress.description)
