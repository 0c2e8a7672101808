"""The intake function itself: batches, partial failures, schedules, direct calls."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults, away
from integration.handlers import Handler, handler_of
from integration.world import NOON, World
from tidegate.instants import to_millis
from tidegate.model import State, Trigger

ARN = "arn:aws:scheduler:eu-west-2:111122223333:schedule/default/tidegate-daily"

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def handler(world: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The handler of functions/intake on the world's stack."""
    return handler_of("intake", world, monkeypatch)


def batch(*bodies: str) -> dict[str, Any]:
    attributes = {"SentTimestamp": str(to_millis(NOON)), "SenderId": "AIDASENDER"}
    return {
        "Records": [
            {"messageId": f"m{at}", "receiptHandle": f"r{at}", "body": body, "attributes": attributes}
            for at, body in enumerate(bodies)
        ]
    }


def instant(**more: Any) -> str:
    return json.dumps({"exportType": "INSTANT", **more})


def test_a_bad_message_does_not_affect_its_neighbours(world: World, handler: Handler) -> None:
    world.put_study("a")
    answer = handler(batch(instant(), "null", instant(export="none"), instant(tag="last")))
    assert answer == {"batchItemFailures": []}
    states = {o.request_id: o.state for o in world.stack.service().operations()}
    assert states == {
        "m0": State.NOT_STARTED,
        "m1": State.REJECTED,
        "m2": State.REJECTED,
        "m3": State.NOT_STARTED,
    }
    assert {letter["Body"] for letter in world.dead_requests()} == {"null", instant(export="none")}
    world.work()
    assert {world.operation(o.operation_id).actor for o in world.stack.service().operations()} == {"AIDASENDER"}


def test_only_the_message_whose_acceptance_crashed_comes_back(world: World, handler: Handler, faults: Faults) -> None:
    world.put_study("a")
    faults.fail(lambda call: call.name == "GetItem" and "m1" in str(call.params), away())
    assert handler(batch(instant(), instant(), instant())) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert {o.request_id for o in world.stack.service().operations()} == {"m0", "m2"}
    assert world.dead_requests() == []


def test_a_message_delivered_twice_makes_one_operation(world: World, handler: Handler) -> None:
    world.put_study("a")
    handler(batch(instant()))
    world.clock.tick(minutes=12)
    handler(batch(instant()))
    assert len(world.stack.service().operations()) == 1


def test_a_schedule_fires_the_window_of_its_scheduled_time_and_twice_is_once(world: World, handler: Handler) -> None:
    world.put_study("a")
    payload = {
        "schedule": ARN,
        "scheduledTime": "2026-03-10T00:05:00Z",
        "exportType": "DAILY",
        "timeZone": "Europe/London",
    }
    first = handler(payload)
    world.clock.tick(minutes=3)
    assert handler(payload) == first
    (operation,) = [world.operation(i) for i in first["operations"]]
    assert operation.trigger == Trigger.RULE
    assert operation.request_id == f"{ARN}@2026-03-10T00:05:00.000Z"
    world.work()
    window = world.operation(operation.operation_id).window
    assert window is not None
    assert (window.start, window.end) == (NOON - timedelta(hours=36), NOON - timedelta(hours=12))


def test_a_bad_schedule_is_answered_with_its_error_and_kept(world: World, handler: Handler) -> None:
    answer = handler({"schedule": ARN, "scheduledTime": "yesterday", "exportType": "DAILY"})
    assert answer["error"]["code"] == "INVALID_FIELD"
    (operation,) = world.stack.service().operations()
    assert (operation.state, operation.trigger) == (State.REJECTED, Trigger.RULE)
    assert len(world.dead_requests()) == 1


def test_a_request_given_directly_is_accepted_like_a_message(world: World, handler: Handler) -> None:
    world.put_study("a")
    answer = handler({"exportType": "INSTANT"})
    (operation,) = [world.operation(i) for i in answer["operations"]]
    assert (operation.request_id, operation.trigger) == ("direct-1", Trigger.MESSAGE)


def test_an_order_of_a_command_is_carried_out_and_answered_with_its_operations(world: World, handler: Handler) -> None:
    world.put_study("a")
    (operation_id,) = handler({"exportType": "INSTANT"})["operations"]
    world.work()
    order = {"redrive": {"operationId": operation_id, "tables": ["sleep"]}, "requestId": "cli-order"}
    answer = handler(order)
    (redriven,) = [world.operation(i) for i in answer["operations"]]
    assert (redriven.request_id, redriven.trigger) == ("cli-order", Trigger.REDRIVE)
    assert handler(order) == answer


def test_an_order_that_is_refused_is_answered_with_its_error_and_is_no_dead_letter(
    world: World, handler: Handler
) -> None:
    answer = handler({"retry": {"operationId": "nobody", "dispatch": 1}})
    assert answer["error"]["code"] == "UNKNOWN_OPERATION"
    assert world.dead_requests() == []
    assert world.stack.service().operations() == []
