"""What becomes of a message whose work goes wrong: back-off, attempts, give-up, lost leases (SPEC 5)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.faults import Call, Crash, Faults, away, refused
from integration.world import NOON, World
from tidegate.engine import MOST_ATTEMPTS
from tidegate.errors import RetriableError
from tidegate.job import Task
from tidegate.model import Operation, Pair, State

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}
PAIR = Pair("default", "a")


@pytest.fixture
def operation_id(world: World) -> str:
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=2)])
    (made,) = world.submit(**BODY)
    return made


def reading(call: Call) -> bool:
    return call.name == "Query" and call.names("Record")


def test_throttling_is_backed_off_from_one_second_doubling_to_five_minutes(
    world: World, faults: Faults, operation_id: str
) -> None:
    throttled = refused("ProvisionedThroughputExceededException", "Query")
    faults.fail(reading, throttled, times=1000)
    waits = []
    for _ in range(12):
        verdict = world.work_once()
        assert verdict is not None
        assert verdict.acknowledge is False
        waits.append(world.visibility[-1])
        assert world.work_once() is None, "hidden until its time has come"
        world.clock.tick(seconds=waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    operation = world.operation(operation_id)
    assert (operation.state, operation.attempts, operation.retries) == (State.RUNNING, 0, 12)
    assert operation.error is not None
    assert operation.error.code == "AWS_THROTTLED"
    faults.clear()
    world.work()
    done = world.operation(operation_id)
    assert (done.state, done.error) == (State.SUCCEEDED, None)


def test_work_that_does_not_get_on_for_six_hours_is_given_up_and_acknowledged(
    world: World, faults: Faults, operation_id: str
) -> None:
    faults.fail(reading, refused("ThrottlingException", "Query"), times=1000)
    world.work()
    world.clock.tick(hours=5, minutes=59)
    world.work()
    assert world.operation(operation_id).state is State.RUNNING
    world.clock.tick(minutes=1)
    world.work()
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "AWS_THROTTLED")
    assert "6 hours" in operation.error.message
    assert world.watermark("a") is None
    world.clock.tick(days=1)
    assert world.receive() is None, "acknowledged, so that it does not block its group"


def test_errors_that_nobody_expected_are_tried_five_times_and_then_fail(
    world: World, faults: Faults, operation_id: str
) -> None:
    faults.fail(reading, ZeroDivisionError("a bug"), times=1000)
    invocations = 0
    while world.operation(operation_id).state in (State.NOT_STARTED, State.RUNNING):
        invocations += len(world.work())
        world.clock.tick(minutes=6)
    operation = world.operation(operation_id)
    assert invocations == MOST_ATTEMPTS
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "UNEXPECTED")
    assert "a bug" not in operation.error.message, "an unexpected error's text may hold record content"
    assert world.receive() is None


def test_a_worker_that_dies_five_times_at_the_same_place_fails_the_operation(
    world: World, faults: Faults, operation_id: str
) -> None:
    deaths = 0

    def die(_number: int, call: Call) -> None:
        nonlocal deaths
        if reading(call):
            deaths += 1
            raise Crash

    faults.after = die
    while world.operation(operation_id).state in (State.NOT_STARTED, State.RUNNING):
        with suppress(Crash):
            world.work()
        world.clock.tick(seconds=91)
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "TOO_MANY_ATTEMPTS")
    assert deaths == MOST_ATTEMPTS
    assert world.watermark("a") is None


def test_throttling_does_not_use_up_the_attempts_of_unexpected_errors(
    world: World, faults: Faults, operation_id: str
) -> None:
    faults.fail(reading, refused("ThrottlingException", "Query"), times=MOST_ATTEMPTS * 2)
    for _ in range(MOST_ATTEMPTS * 2 + 1):
        world.work()
        world.clock.tick(minutes=5)
    assert world.operation(operation_id).state is State.SUCCEEDED


def test_an_operation_that_fails_for_good_does_not_block_the_next_of_its_group(
    world: World, faults: Faults, operation_id: str
) -> None:
    faults.fail(reading, refused("ResourceNotFoundException", "Query"))
    (second,) = world.submit(**BODY)
    world.work()
    assert [world.operation(i).state for i in (operation_id, second)] == [State.FAILED, State.SUCCEEDED]


def test_the_lease_is_given_back_although_the_leftovers_could_not_be_removed(
    world: World, faults: Faults, operation_id: str
) -> None:
    faults.fail(lambda call: call.name == "DeleteObjects", away())
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED
    assert world.stack.ledger.pairs.lease_until(PAIR) is None


def test_a_pair_whose_lease_is_held_is_left_alone_until_the_lease_runs_out(world: World, operation_id: str) -> None:
    until = NOON + timedelta(seconds=40)
    assert world.stack.ledger.pairs.acquire(PAIR, "somebody else", NOON, until) is not None
    verdict = world.work_once()
    assert verdict is not None
    assert verdict.acknowledge is False
    assert world.operation(operation_id).state is State.NOT_STARTED
    assert world.visibility[-1] == 42
    world.clock.tick(seconds=43)
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED


@pytest.mark.parametrize("call_name", ["Query", "PutObject"])
def test_a_worker_that_lost_its_lease_stops_and_changes_nothing(
    world: World, faults: Faults, operation_id: str, call_name: str
) -> None:
    taken: list[datetime] = []

    def take(_number: int, call: Call) -> None:
        if call.name == call_name and (reading(call) or call_name == "PutObject") and not taken:
            taken.append(world.clock())
            world.clock.tick(seconds=91)
            assert world.stack.ledger.pairs.acquire(PAIR, "another", world.clock(), world.clock() + timedelta(hours=1))

    faults.before = take
    before = world.operation(operation_id)
    verdict = world.work_once()
    assert verdict is not None
    assert verdict.acknowledge is False
    after = world.operation(operation_id)
    assert after.state is State.RUNNING
    assert (after.error, after.log, after.finished_at) == (None, before.log, None)
    assert world.keys("exports/") == []
    assert world.watermark("a") is None
    assert world.visibility[-1] == 90, "its message stays hidden until the time set at the claim"
    lease = world.stack.ledger.pairs.lease_until(PAIR)
    assert lease == world.clock() + timedelta(hours=1)


def test_a_message_of_an_operation_that_has_ended_or_is_unknown_is_acknowledged(
    world: World, operation_id: str
) -> None:
    world.work()
    ended: Operation = world.operation(operation_id)
    world.stack.work_queue.send([Task(operation_id, PAIR), Task("01UNKNOWN", PAIR)], dispatch=7)
    verdicts = world.work()
    assert [verdict.acknowledge for verdict in verdicts] == [True, True]
    assert world.operation(operation_id) == ended
    assert world.stack.ledger.pairs.lease_until(PAIR) is None


def test_a_message_that_comes_before_its_time_by_the_workers_clock_waits_and_is_not_lost(world: World) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(exportType="DAILY", endDateTime="2026-03-10T12:00:00Z")
    world.stack.upkeep().run(NOON + timedelta(seconds=60))
    verdict = world.work_once()
    assert verdict is not None
    assert verdict.acknowledge is False
    assert world.operation(operation_id).state is State.NOT_STARTED
    world.clock.tick(seconds=62)
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED


def test_a_connection_that_breaks_while_a_failure_is_stored_leaves_the_message_to_come_back(
    world: World, faults: Faults, operation_id: str
) -> None:
    def break_all(number: int, call: Call) -> None:
        if number > 3 and call.name != "ReceiveMessage":
            raise away()

    faults.clear()
    faults.before = break_all
    with pytest.raises(RetriableError):
        world.work_once()
    faults.clear()
    world.clock.tick(seconds=95)
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED
