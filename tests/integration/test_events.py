"""Events on EventBridge: each end of an export is told, also where worker or bus fail in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from integration.faults import Faults, refused
from integration.handlers import Handler, handler_of
from integration.sealing import BODY, put, recover, sealed_and_dead
from integration.world import World
from tidegate.announcing import Announcer
from tidegate.errors import RetriableError
from tidegate.model import State

SCHEMA = json.loads((Path(__file__).parents[2] / "infra/schemas/event.schema.json").read_text())


class Bus:
    """Stands for EventBridge: keeps what it takes. `refusing` entries are not taken."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refusing = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  boto3's own name
        if self.refusing:
            self.refusing -= 1
            return {"FailedEntryCount": len(Entries), "Entries": [{"ErrorCode": "ThrottlingException"}] * len(Entries)}
        self.taken += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"}] * len(Entries)}

    @property
    def details(self) -> list[dict[str, Any]]:
        found = [json.loads(entry["Detail"]) for entry in self.taken]
        for detail in found:
            jsonschema.Draft202012Validator(SCHEMA).validate(detail)
        return found


@pytest.fixture
def bus(world: World, monkeypatch: pytest.MonkeyPatch) -> Bus:
    taking = Bus()
    make: Callable[..., Any] = lambda _service: taking  # noqa: E731  mypy wants the annotation
    monkeypatch.setattr(type(world.stack), "announcer", lambda _stack: Announcer(world.stack.ledger, make))
    return taking


@pytest.fixture
def worker(world: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    return handler_of("worker", world, monkeypatch)


def work(world: World, worker: Handler) -> None:
    received = world.receive()
    assert received is not None
    task, message = received
    worker({"Records": [{"messageId": "m", "receiptHandle": message.receipt, "body": json.dumps(task.body())}]})


def test_a_complete_export_is_told_with_its_manifest(world: World, worker: Handler, bus: Bus) -> None:
    put(world)
    (operation_id,) = world.submit(**BODY)
    work(world, worker)
    (entry,), (detail,) = bus.taken, bus.details
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("tidegate", "Export Complete", "default")
    assert (detail["operationId"], detail["study"], detail["records"]) == (operation_id, "a", 2)
    assert detail["bucket"] == world.stack.settings.export_bucket
    assert detail["manifest"]["key"] in world.keys("exports/")
    assert detail["destinations"] == ["S3"]
    assert world.stack.upkeep().run(world.clock()).announced == 0


def test_a_failed_export_is_told_with_its_error(world: World, worker: Handler, bus: Bus, faults: Faults) -> None:
    put(world)
    world.submit(**BODY)
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), refused("AccessDeniedException", "Query"))
    work(world, worker)
    (entry,), (detail,) = bus.taken, bus.details
    assert (entry["DetailType"], detail["state"], detail["error"]["code"]) == (
        "Export Failed",
        "FAILED",
        "ACCESS_DENIED",
    )
    assert detail["manifest"] is None


def test_what_the_bus_does_not_take_is_sent_by_the_tick_until_it_does(world: World, worker: Handler, bus: Bus) -> None:
    put(world)
    (operation_id,) = world.submit(**BODY)
    bus.refusing = 2
    work(world, worker)
    assert (bus.taken, world.operation(operation_id).state) == ([], State.SUCCEEDED)
    assert world.stack.upkeep().run(world.clock()).errors == 1
    assert world.stack.upkeep().run(world.clock()).announced == 1
    assert world.stack.upkeep().run(world.clock()).announced == 0
    assert [detail["operationId"] for detail in bus.details] == [operation_id]


def test_the_end_of_a_sealed_window_that_another_operation_completes_is_told_too(
    world: World, bus: Bus, faults: Faults
) -> None:
    put(world)
    operation_id = sealed_and_dead(world, faults, **BODY)
    recover(world)
    assert world.stack.upkeep().run(world.clock()).announced == 1
    assert [detail["operationId"] for detail in bus.details] == [operation_id]


def test_an_event_whose_answer_is_lost_is_sent_again_under_the_same_id(world: World, bus: Bus, faults: Faults) -> None:
    put(world)
    (operation_id,) = world.submit(**BODY)
    world.work()
    faults.fail(lambda call: call.name == "UpdateItem", refused("InternalServerError", "UpdateItem", status=500))
    with pytest.raises(RetriableError):
        world.stack.announcer().announce(operation_id)
    assert world.stack.announcer().announce_all() == 1
    first, second = bus.details
    assert first == second


def test_without_a_bus_nobody_is_told_and_nothing_piles_up(world: World) -> None:
    put(world)
    world.submit(**BODY)
    world.work()
    announcer = world.stack.announcer()
    silent = replace(announcer.ledger, settings=replace(announcer.ledger.settings, event_bus=""))
    assert Announcer(silent, announcer.client).announce_all() == 1
    assert announcer.announce_all() == 0
