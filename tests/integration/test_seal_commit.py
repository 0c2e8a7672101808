"""A worker may die after every single call, and every answer may be lost: each window is committed once (SPEC 4)."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from integration.faults import Call, Faults, away
from integration.sealing import BODY, END, LATER, committed, invoke, put, recover
from integration.world import World
from tidegate.model import State


def test_a_worker_that_dies_after_any_call_leaves_what_the_next_one_completes_exactly_once(
    world: World, faults: Faults
) -> None:
    called: list[str] = []
    for number in itertools.count(1):
        study = f"s{number:03d}"
        ids = put(world, study)
        (operation_id,) = world.submit(**BODY, studyWhitelist=[study])
        with faults.crash_after(number) as died:
            world.work_once()
        if not died:
            break
        called.append(died[0].name)
        at = f"dead after call {number}, {died[0]}"
        recover(world)
        assert world.operation(operation_id).state is State.SUCCEEDED, at
        assert world.watermark(study) == END, at
        assert [row["id"] for manifest in committed(world, study) for row in world.rows(manifest)] == ids[:2], at
        assert world.keys("work/") == [], at
    assert {"TransactWriteItems", "CopyObject", "PutObject", "DeleteMessage", "ChangeMessageVisibility"} <= set(called)
    assert len(called) > 15


def test_a_worker_that_dies_after_any_call_leaves_what_the_next_request_goes_on_from(
    world: World, faults: Faults
) -> None:
    for number in itertools.count(4, 2):
        study = f"s{number:03d}"
        ids = put(world, study)
        (first,) = world.submit(**BODY, studyWhitelist=[study])
        with faults.crash_after(number) as died:
            world.work_once()
        if not died:
            break
        at = f"dead after call {number}, {died[0]}"
        # The dead worker's message is lost too, as one that ends in the dead-letter queue.
        operation = world.operation(first)
        world.stack.ledger.close(operation, State.FAILED, world.clock(), "failed by the test")
        world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
        world.clock.tick(seconds=100)
        world.export(**{**LATER, "exportType": "DAILY"}, studyWhitelist=[study])
        found = list(committed(world, study))
        assert [row["id"] for manifest in found for row in world.rows(manifest)] == ids, at
        assert world.watermark(study) == END + timedelta(minutes=30), at
        sealed = any(manifest["operationId"] == first for manifest in found)
        assert world.operation(first).state is (State.SUCCEEDED if sealed else State.FAILED), at


@pytest.mark.parametrize("answered", [False, True], ids=["refused", "answer-lost"])
def test_a_connection_that_breaks_at_any_call_costs_time_and_nothing_else(
    world: World, faults: Faults, answered: bool
) -> None:
    for number in itertools.count(3):
        study = f"s{number:03d}"
        ids = put(world, study)
        (operation_id,) = world.submit(**BODY, studyWhitelist=[study])
        faults.clear()
        broken: list[Call] = []

        def breaks(at: int, call: Call, number: int = number, broken: list[Call] = broken) -> None:
            if at == number:
                broken.append(call)
                raise away()

        faults.before, faults.after = (None, breaks) if answered else (breaks, None)
        invoke(world)
        if not broken:
            break
        recover(world)
        at = f"no answer to call {number}, {broken[0]}"
        assert world.operation(operation_id).state is State.SUCCEEDED, at
        assert [row["id"] for manifest in committed(world, study) for row in world.rows(manifest)] == ids[:2], at


def test_an_answer_to_the_commit_that_is_lost_does_not_make_it_twice(world: World, faults: Faults) -> None:
    ids = put(world)
    (operation_id,) = world.submit(**BODY)
    numbers: list[int] = []

    def lose(number: int, call: Call) -> None:
        if call.name == "TransactWriteItems":
            numbers.append(number)
            if len(numbers) == 2:
                raise away()

    faults.after = lose
    invoke(world)
    assert world.watermark("a") == END
    recover(world)
    assert world.operation(operation_id).state is State.SUCCEEDED
    assert world.exported_ids("a") == ids[:2]
    assert world.keys("work/") == []
    events = world.stack.ledger.history.query("audit/default/a")
    assert [event.event for event in events] == ["EXPORT_SUCCEEDED"]


def test_every_write_that_is_sent_twice_has_its_effect_once(world: World, faults: Faults) -> None:
    ids = put(world)
    client = world.stack.clients.dynamodb
    writes = {"UpdateItem", "PutItem", "TransactWriteItems", "DeleteItem"}
    again: list[bool] = []

    def twice(_number: int, call: Call) -> None:
        """Sends the same write before itself, as botocore does after an answer that was lost."""
        if call.name not in writes or again:
            return
        again.append(True)
        try:
            client._make_api_call(call.name, dict(call.params))  # type: ignore[attr-defined]  # the call as it is
        except client.exceptions.ClientError as error:
            if "ConditionalCheckFailed" not in str(error):
                raise
        finally:
            again.clear()

    faults.before = twice
    (operation,) = world.export(**BODY)
    assert operation.state is State.SUCCEEDED, operation
    (later,) = world.export(**LATER)
    assert later.state is State.SUCCEEDED
    assert world.exported_ids("a") == ids
    assert len(list(committed(world, "a"))) == 2
