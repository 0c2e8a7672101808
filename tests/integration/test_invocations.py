"""One invocation of a worker: several passes while there is time, each with its lease and visibility renewed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.faults import Call, Faults, away, refused
from integration.world import Clock, World
from tidegate.errors import RetriableError
from tidegate.job import LEASE_SECONDS, Budget, Claim, PassResult
from tidegate.model import Failure, Operation, Outcome, Pair, Progress, State

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}
PAIR = Pair("default", "a")


@dataclass
class Counting:
    """A kind that is done after so many passes, each of which takes some seconds of the test's clock."""

    clock: Clock
    passes: int
    seconds: float
    ended: State = State.SUCCEEDED
    seen: list[bytes | None] = field(default_factory=list)
    handed_back: list[str] = field(default_factory=list)

    def begin(self, claim: Claim) -> Counting:
        assert claim.operation.state is State.RUNNING
        return self

    def run(self, previous: bytes | None, budget: Budget) -> PassResult:
        assert budget is not None
        self.seen.append(previous)
        self.clock.tick(seconds=self.seconds)
        done = 1 if previous is None else int(previous) + 1
        if done < self.passes:
            return PassResult(complete=False, progress=Progress(None, records=done), state=str(done).encode())
        return PassResult(complete=True, progress=Progress(100, records=done), ended=self.ended, message="so it ended")

    def on_done(self, operation: Operation, result: PassResult) -> None:
        assert operation.operation_id
        self.handed_back.append(f"done {result.progress.records}")

    def on_failed(self, operation: Operation, failure: Failure) -> None:
        assert operation.operation_id
        self.handed_back.append(f"failed {failure.message}")

    def clean(self, operation: Operation) -> None:
        self.handed_back.append(f"cleaned {operation.study}")


class Away(Counting):
    """A kind whose AWS does not answer."""

    def __init__(self) -> None:
        super().__init__(Clock(), passes=1, seconds=0)

    def run(self, previous: bytes | None, budget: Budget) -> PassResult:
        raise RetriableError(f"No answer after {previous!r} and {budget}.")


def invocation(clock: Clock, seconds: float) -> Callable[[], float]:
    """What Lambda says is left of an invocation that begins now."""
    end: datetime = clock() + timedelta(seconds=seconds)

    def left() -> float:
        return (end - clock()).total_seconds()

    return left


def test_passes_go_on_while_there_is_time_and_each_renews_lease_and_visibility(world: World, clock: Clock) -> None:
    world.put_study("a")
    kind = Counting(clock, passes=8, seconds=25)
    (operation_id,) = world.submit(**BODY)
    world.work_once(seconds_left=invocation(clock, 300), engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert (operation.state, operation.progress.passes, operation.returns) == (State.SUCCEEDED, 8, 0)
    assert kind.seen == [None, *(str(number).encode() for number in range(1, 8))]
    assert world.visibility == [LEASE_SECONDS] * 8, "200 seconds of work, and never 90 without a sign of life"
    assert kind.handed_back == ["cleaned a", "done 8"]


@pytest.mark.parametrize("code", ["AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid"])
def test_a_pass_that_outlasts_the_visibility_of_its_message_goes_on_under_its_lease(
    world: World, clock: Clock, faults: Faults, code: str
) -> None:
    world.put_study("a")
    kind = Counting(clock, passes=3, seconds=25)
    (operation_id,) = world.submit(**BODY)
    hidden = iter(range(10))

    def after_the_first(call: Call) -> bool:
        return call.name == "ChangeMessageVisibility" and next(hidden) > 0

    faults.fail(after_the_first, refused(code, "ChangeMessageVisibility"), times=2)
    verdict = world.work_once(engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert verdict is not None
    assert verdict.acknowledge is True
    assert (operation.state, operation.error, len(kind.seen)) == (State.SUCCEEDED, None, 3)


def test_a_queue_that_does_not_answer_stops_no_work_that_has_its_lease(
    world: World, clock: Clock, faults: Faults
) -> None:
    world.put_study("a")
    kind = Counting(clock, passes=3, seconds=25)
    (operation_id,) = world.submit(**BODY)
    faults.fail(lambda call: call.name == "ChangeMessageVisibility", away(), times=3)
    verdict = world.work_once(engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert verdict is not None
    assert verdict.acknowledge is True
    assert (operation.state, operation.retries, len(kind.seen)) == (State.SUCCEEDED, 0, 3)


def test_an_invocation_stops_in_time_to_hand_its_message_back(world: World, clock: Clock) -> None:
    world.put_study("a")
    kind = Counting(clock, passes=30, seconds=25)
    (operation_id,) = world.submit(**BODY)
    left = invocation(clock, 300)
    verdict = world.work_once(seconds_left=left, engine=world.engine(kinds={"EXPORT": kind}))
    assert verdict is not None
    assert verdict.acknowledge is False
    assert 10 < left() <= 40
    assert world.visibility[-1] == 0
    world.work_once(seconds_left=invocation(clock, 300), engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert (operation.returns, operation.attempts) == (2, 0)
    assert kind.seen == [None, *(str(number).encode() for number in range(1, len(kind.seen)))]


def test_the_order_of_handing_back_is_checkpoint_row_lease_visibility_and_nothing_after(
    world: World, clock: Clock, faults: Faults
) -> None:
    world.put_study("a")
    world.submit(**BODY)
    kind = Counting(clock, passes=3, seconds=1)
    faults.clear()
    world.work_once(seconds_left=lambda: 0.0, engine=world.engine(kinds={"EXPORT": kind}))

    def shown(call: Call) -> str:
        return f"{call.name} {call.params.get('TableName', call.params.get('VisibilityTimeout', ''))}".strip()

    assert [shown(call) for call in faults.calls[-5:]] == [
        "PutObject",
        "UpdateItem Operation",
        "UpdateItem Operation",
        "UpdateItem Pair",
        "ChangeMessageVisibility 0",
    ]


def test_a_lease_that_is_lost_between_two_passes_stops_the_worker(world: World, clock: Clock, faults: Faults) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    kind = Counting(clock, passes=8, seconds=91)

    def take(_number: int, call: Call) -> None:
        if call.name == "PutObject":
            faults.before = None
            assert world.stack.ledger.pairs.acquire(PAIR, "another", clock(), clock() + timedelta(hours=1))

    faults.before = take
    verdict = world.work_once(seconds_left=lambda: 300.0, engine=world.engine(kinds={"EXPORT": kind}))
    assert verdict is not None
    assert verdict.acknowledge is False
    assert kind.seen == [None]
    assert kind.handed_back == []
    assert world.operation(operation_id).state is State.RUNNING


def test_an_operation_that_its_job_ends_as_failed_is_handed_back_as_failed(world: World, clock: Clock) -> None:
    world.put_study("a")
    world.submit(**BODY)
    kind = Counting(clock, passes=1, seconds=1, ended=State.FAILED)
    verdict = world.work_once(engine=world.engine(kinds={"EXPORT": kind}))
    assert verdict is not None
    assert verdict.ended is State.FAILED
    assert kind.handed_back == ["cleaned a", "failed so it ended"]


def test_progress_resets_what_counts_against_an_operation(world: World, clock: Clock) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    kind = Counting(clock, passes=3, seconds=1)
    operations = world.stack.ledger.operations
    operations(operation_id).update(
        actions=[
            operations.attempts.set(4),
            operations.retries.set(9),
            operations.passesWithoutProgress.set(7),
        ]
    )
    world.work_once(seconds_left=lambda: 0.0, engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert (operation.attempts, operation.retries, operation.passes_without_progress) == (0, 0, 0)
    assert operation.last_progress_at == clock()
    assert operation.outcome != Outcome.EXPORTED


def test_answers_that_are_lost_do_not_make_an_attempt_or_a_return_count_twice(
    world: World, clock: Clock, faults: Faults
) -> None:
    """Otherwise the five attempts that an operation has would grow, or shrink, with the trouble on the wire."""
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    client: Any = world.stack.clients.dynamodb

    def twice(_number: int, call: Call) -> None:
        if call.name == "UpdateItem" and call.names("Operation"):
            faults.before = None
            with suppress(client.exceptions.ConditionalCheckFailedException):
                client._make_api_call(call.name, dict(call.params))
            faults.before = twice

    faults.before = twice
    out_of_time = world.engine(kinds={"EXPORT": Counting(clock, passes=3, seconds=1)})
    world.work_once(seconds_left=lambda: 0.0, engine=out_of_time)
    assert (world.operation(operation_id).returns, world.operation(operation_id).attempts) == (1, 0)
    world.work_once(engine=world.engine(kinds={"EXPORT": Away()}))
    operation = world.operation(operation_id)
    assert (operation.retries, operation.attempts) == (1, 0)
