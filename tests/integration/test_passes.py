"""Work that outlives an invocation: passes, checkpoints, the head of the group, caps (SPEC 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults
from integration.world import NOON, World
from tidegate.engine import MOST_PASSES_WITHOUT_PROGRESS, MOST_RETURNS, Engine
from tidegate.export import ExportKind
from tidegate.job import QUEUE_VISIBILITY_SECONDS, Budget, Claim, PassResult
from tidegate.model import Definition, Failure, Operation, Progress, State
from tidegate.sources import Source
from tidegate.sources.dynamodb import DynamoDBSource

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}


@dataclass
class Pages:
    """A budget of so many pages."""

    left: int

    def spent(self) -> bool:
        self.left -= 1
        return self.left <= 0


def out_of_time() -> float:
    """An invocation that has time for one pass."""
    return 0.0


def engine(world: World, pages: int = 2, page_limit: int = 3, **changes: Any) -> Engine:
    """A worker whose pages hold `page_limit` records, and whose passes `pages` pages."""
    stack = world.stack

    def source_of(definition: Definition) -> Source:
        read = definition.with_table(stack.settings.record_table)
        return DynamoDBSource(stack.clients.dynamodb, read, page_limit=page_limit, readers=1)

    budget: Callable[[float], Budget] = lambda _seconds: Pages(pages)  # noqa: E731  mypy wants the annotation
    kinds = {"EXPORT": ExportKind(stack.ledger, stack.objects, source_of, stack.clock, stack.places(), stack.pages)}
    return world.engine(kinds=kinds, budget=budget, **changes)


def put_many(world: World, study: str = "a", count: int = 20) -> list[str]:
    world.put_study(study)
    first = NOON - timedelta(hours=3)
    note = {"S": "x" * 40}
    return world.put_records(study, [first + timedelta(minutes=number) for number in range(count)], note=note)


def files(world: World) -> dict[str, bytes]:
    """Every part by its final key."""
    return {key: world.data(key) for key in world.keys("exports/") if not key.endswith("manifest.json")}


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("format_type", ["CSV", "JSON", "JSONL"])
def test_an_export_of_many_invocations_has_the_same_bytes_as_in_one_go(
    world: World, format_type: str, compression: str
) -> None:
    world.define("e", format={"type": format_type, "compression": compression}, maxRecordsPerPart=7)
    put_many(world)
    (whole,) = world.export(**BODY, export="e", ignoreLastExportTime=True)
    in_one_go = {key.rpartition("/")[2]: data for key, data in files(world).items()}

    (operation_id,) = world.submit(**BODY, export="e", ignoreLastExportTime=True)
    verdicts = []
    while world.operation(operation_id).state is not State.SUCCEEDED:
        verdict = world.work_once(seconds_left=out_of_time, engine=engine(world))
        assert verdict is not None, "the message is visible at once"
        verdicts.append(verdict)
    assert len(verdicts) >= 4
    assert [verdict.acknowledge for verdict in verdicts] == [False] * (len(verdicts) - 1) + [True]
    in_passes = {k.rpartition("/")[2]: data for k, data in files(world).items() if operation_id in k}
    assert in_passes == in_one_go
    assert len(in_one_go) == 3
    first, second = world.operation(whole.operation_id), world.operation(operation_id)
    assert first.result is not None
    assert second.result is not None
    assert second.result["counts"] == first.result["counts"]
    assert second.progress.passes == len(verdicts)
    assert world.keys("work/") == []


def test_a_returned_message_is_at_the_head_of_its_group_and_the_next_operation_waits(world: World) -> None:
    put_many(world)
    (first,) = world.submit(**BODY)
    (second,) = world.submit(exportType="INSTANT")
    world.work_once(seconds_left=out_of_time, engine=engine(world))
    assert world.visibility[-1] == 0
    received = world.receive()
    assert received is not None
    task, message = received
    assert task.operation_id == first
    message.hide(0)
    assert world.operation(second).state is State.NOT_STARTED
    world.work(seconds_left=out_of_time, engine=engine(world))
    assert [world.operation(i).state for i in (first, second)] == [State.SUCCEEDED] * 2


def test_between_two_invocations_the_lease_is_free_and_the_row_says_how_far_it_is(world: World) -> None:
    put_many(world)
    (operation_id,) = world.submit(**BODY)
    world.work_once(seconds_left=out_of_time, engine=engine(world))
    operation = world.operation(operation_id)
    assert operation.pair is not None
    assert world.stack.ledger.pairs.lease_until(operation.pair) is None
    assert operation.state is State.RUNNING
    assert operation.checkpoint is not None
    assert world.keys("work/") == [operation.checkpoint["key"]]
    assert (operation.progress.passes, operation.returns) == (1, 1)
    assert 0 < operation.progress.records < 20
    assert operation.progress.percent is not None
    assert 0 < operation.progress.percent < 100
    assert world.keys("exports/") == [], "nothing is visible before the end"


def test_different_studies_do_not_wait_for_each_other(world: World) -> None:
    put_many(world, "a")
    put_many(world, "b", count=2)
    of_a, of_b = world.submit(**BODY)
    received = world.receive()
    assert received is not None
    assert received[0].operation_id == of_a
    world.work()
    assert world.operation(of_b).state is State.SUCCEEDED
    assert world.operation(of_a).state is State.NOT_STARTED


def test_the_passes_of_one_invocation_are_counted_too(world: World) -> None:
    put_many(world)
    (operation_id,) = world.submit(**BODY)
    world.work_once(engine=engine(world))
    operation = world.operation(operation_id)
    assert (operation.state, operation.returns, operation.progress.records) == (State.SUCCEEDED, 0, 20)
    assert operation.progress.passes >= 4


def test_a_watermark_that_moves_between_two_passes_starts_the_reading_anew(world: World) -> None:
    ids = put_many(world)
    (operation_id,) = world.submit(**BODY)
    world.work_once(seconds_left=out_of_time, engine=engine(world))
    moved = NOON - timedelta(hours=3) + timedelta(minutes=15)
    world.set_watermark("a", moved)
    world.work(seconds_left=out_of_time, engine=engine(world))
    operation = world.operation(operation_id)
    assert operation.watermark_before == moved
    assert world.exported_ids("a") == ids[15:]


def test_a_crash_at_any_call_of_any_pass_gives_the_same_bytes(world: World, faults: Faults) -> None:
    world.define("e", format={"type": "CSV", "compression": "gzip"}, maxRecordsPerPart=7)
    put_many(world, count=14)
    body = {**BODY, "export": "e", "ignoreLastExportTime": True}
    world.export(**body)
    expected = {key.rpartition("/")[2]: data for key, data in files(world).items()}
    number = 0
    while True:
        number += 9  # every ninth call of many; test_seal_commit tries each call of one pass
        (operation_id,) = world.submit(**body)
        with faults.crash_after(number) as died:
            world.work(seconds_left=out_of_time, engine=engine(world, page_limit=4))
        world.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
        world.work(seconds_left=out_of_time, engine=engine(world, page_limit=4))
        found = {key.rpartition("/")[2]: data for key, data in files(world).items() if operation_id in key}
        assert found == expected, f"crashed at call {number}, {died}"
        assert world.keys("work/") == [], f"crashed at call {number}, {died}"
        if not died:
            break
    assert number > 30


def test_a_checkpoint_that_somebody_changed_fails_the_operation(world: World) -> None:
    put_many(world)
    (operation_id,) = world.submit(**BODY)
    world.work_once(seconds_left=out_of_time, engine=engine(world))
    checkpoint = world.operation(operation_id).checkpoint
    assert checkpoint is not None
    world.stack.objects.put(checkpoint["key"], b"something else")
    world.work()
    error = world.operation(operation_id).error
    assert error is not None
    assert error.code == "BAD_CHECKPOINT"


@dataclass
class Endless:
    """A kind whose passes never end; each state is `state` of the pass's number."""

    state: Callable[[int], bytes]
    passes: int = 0
    failed: int = 0

    def begin(self, claim: Claim) -> Endless:
        assert claim.lease.fence == claim.operation.fence
        return self

    def run(self, previous: bytes | None, budget: Budget) -> PassResult:
        assert previous is None or previous == self.state(self.passes)
        assert budget is not None
        self.passes += 1
        return PassResult(complete=False, progress=Progress(None), state=self.state(self.passes))

    def on_done(self, operation: Operation, result: PassResult) -> None:
        raise AssertionError(f"{operation.operation_id} cannot be done: {result}")

    def on_failed(self, operation: Operation, failure: Failure) -> None:
        assert operation.operation_id
        assert failure.code
        self.failed += 1

    def clean(self, operation: Operation) -> None:
        assert operation.operation_id


@pytest.mark.parametrize("seconds_left", [300.0, 0.0], ids=["in-one-invocation", "one-pass-an-invocation"])
def test_passes_without_progress_fail_the_operation(world: World, seconds_left: float) -> None:
    world.put_study("a")
    kind = Endless(lambda _number: b"the same")
    (operation_id,) = world.submit(**BODY)
    world.work(seconds_left=lambda: seconds_left, engine=world.engine(kinds={"EXPORT": kind}))
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "NO_PROGRESS")
    assert kind.passes == MOST_PASSES_WITHOUT_PROGRESS + 1
    assert kind.failed == 1


def test_more_invocations_than_the_cap_fail_the_operation(world: World) -> None:
    world.put_study("a")
    kind = Endless(lambda number: str(number).encode())
    (operation_id,) = world.submit(**BODY)
    endless = world.engine(kinds={"EXPORT": kind})
    world.work_once(seconds_left=out_of_time, engine=endless)
    operations = world.stack.ledger.operations
    operations(operation_id).update(actions=[operations.returns.set(MOST_RETURNS - 2)])
    verdicts = world.work(seconds_left=out_of_time, engine=endless)
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (len(verdicts), operation.state, operation.error.code) == (2, State.FAILED, "TOO_MANY_PASSES")
    assert kind.failed == 1


def test_a_kind_that_nobody_registered_fails_its_operation_and_not_the_queue(world: World) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    world.work(engine=world.engine(kinds={}))
    error = world.operation(operation_id).error
    assert error is not None
    assert error.code == "UNKNOWN_KIND"
