"""The worker and tick functions themselves: what they answer to Lambda, and the metrics they print."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults, away, refused
from integration.handlers import Handler, handler_of
from integration.world import NOON, World
from tidegate.errors import RetriableError
from tidegate.model import State

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}


@pytest.fixture
def worker(world: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    return handler_of("worker", world, monkeypatch)


@pytest.fixture
def tick(world: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    return handler_of("tick", world, monkeypatch)


def event(world: World) -> dict[str, Any]:
    """One work message as Lambda's event source mapping hands it over."""
    received = world.receive()
    assert received is not None
    task, message = received
    return {"Records": [{"messageId": "m", "receiptHandle": message.receipt, "body": json.dumps(task.body())}]}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The values of the embedded metrics printed so far, by name; they have no dimension but the service."""
    found: dict[str, float] = {}
    for text in capsys.readouterr().out.splitlines():
        printed = json.loads(text)
        for described in printed.get("_aws", {}).get("CloudWatchMetrics", []):
            assert described["Namespace"] == "Tidegate"
            assert described["Dimensions"] == [["service"]]
            for metric in described["Metrics"]:
                (found[metric["Name"]],) = printed[metric["Name"]]
    return found


def test_a_message_whose_work_is_done_is_not_given_back_and_its_records_are_counted(
    world: World, worker: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=2)] * 3)
    world.submit(**BODY)
    assert worker(event(world)) == {"batchItemFailures": []}
    found = metrics(capsys)
    assert (found["OperationsSucceeded"], found["RecordsExported"]) == (1, 3)
    assert "OperationsFailed" not in found
    assert world.watermark("a") == NOON - timedelta(hours=1)


def test_a_message_that_must_be_tried_again_is_given_back(world: World, worker: Handler, faults: Faults) -> None:
    world.put_study("a")
    world.submit(**BODY)
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), away())
    assert worker(event(world)) == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_an_operation_that_failed_is_counted_and_its_message_is_not_given_back(
    world: World, worker: Handler, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put_study("a")
    world.submit(**BODY)
    denied = refused("AccessDeniedException", "Query")
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), denied)
    assert worker(event(world)) == {"batchItemFailures": []}
    assert metrics(capsys)["OperationsFailed"] == 1
    assert world.states() == {State.FAILED}


def test_the_tick_prints_its_metrics_also_when_there_is_nothing_to_do(
    world: World, tick: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tick({})["errors"] == 0
    found = metrics(capsys)
    assert (found["OperationsFailed"], found["DeletionsHeld"], found["WatermarkLagSeconds"]) == (0, 0, 0)
    assert found["FailedRecordsLeft"] == 0
    assert world.work() == []


def test_a_tick_one_of_whose_tasks_failed_ends_with_an_error_after_its_metrics(
    world: World, tick: Handler, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put_study("a")
    world.set_watermark("a", NOON - timedelta(hours=2))
    faults.fail(lambda call: call.name == "ReceiveMessage", away())
    with pytest.raises(RetriableError, match="1 tasks"):
        tick({})
    assert metrics(capsys)["WatermarkLagSeconds"] == 7200
