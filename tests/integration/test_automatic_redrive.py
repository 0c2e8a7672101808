"""Failed records are redriven by themselves, a bounded number of times; a tick may die anywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.faults import Faults, away
from integration.spoiled import DAILY, END, cure, ids, left, limit, listed, put, redriven, spoil_reads, tick
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Operation, State, Trigger


@pytest.fixture(autouse=True)
def _spoiled(world: World) -> None:
    spoil_reads(world)


def test_two_redrives_follow_and_the_record_cured_in_between_comes_out_of_its_own(world: World) -> None:
    cured, stubborn, late = put(world, 5, 3)
    (first,) = world.export(**DAILY, tag="nightly")
    cure(world, cured)
    second = redriven(world, first)
    assert (second.state, second.trigger) == (State.SUCCEEDED, Trigger.REDRIVE)
    assert second.tag == "redrive; original: nightly"
    assert second.params["redriveCount"] == 1
    assert second.start_after == (first.finished_at or NOON) + timedelta(minutes=15)
    assert ids(listed(world, second)) == [stubborn, late]
    cure(world, late)
    third = redriven(world, second)
    assert (third.tag, third.params["redriveCount"]) == (second.tag, 2)
    assert third.request_id == f"redrive-{second.operation_id}"
    assert ids(listed(world, third)) == [stubborn]
    origin = third.params["origin"]
    assert first.window is not None
    assert (origin["operationId"], origin["export"], origin["study"]) == (first.operation_id, "default", "a")
    assert origin["window"] == {"start": rfc3339(first.window.start), "end": rfc3339(first.window.end)}
    by_operation = {manifest["operationId"]: manifest for manifest in world.manifests("a")}
    for operation, record_id in ((second, cured), (third, late)):
        manifest = by_operation[operation.operation_id]
        assert [row["id"] for row in world.rows(manifest)] == [record_id]
        assert f"/redrive={operation.operation_id}/" in manifest["parts"][0]["key"]
        assert (manifest["previousManifest"], manifest["window"]) == (None, None)
        assert manifest["watermark"] == {"before": None, "after": None}
    assert world.watermark("a") == END


def test_nothing_is_left_once_every_record_is_cured(world: World) -> None:
    bad = put(world, 5, 2)
    (first,) = world.export(**DAILY)
    cure(world, *bad)
    second = redriven(world, first)
    assert second.failed_records == 0
    report = tick(world)
    assert (left(world), report.redrives, report.failed_records_left) == ([], 0, 0)


def test_a_redrive_uses_the_definition_of_the_first_run(world: World) -> None:
    export = limit(world, 1, 10)
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY, export=export)
    world.define(export, columns=["studyId"])
    cure(world, bad)
    second = redriven(world, first)
    manifest = next(m for m in world.manifests("a") if m["operationId"] == second.operation_id)
    assert [row["id"] for row in world.rows(manifest)] == [bad]


def test_a_redrive_has_no_limit_of_its_own(world: World) -> None:
    export = limit(world, 50, 0)
    put(world, 4, 4)
    (first,) = world.export(**DAILY, export=export)
    second = redriven(world, first)
    assert (second.state, second.failed_records) == (State.SUCCEEDED, 4)


def test_two_ticks_ask_once(world: World) -> None:
    put(world, 5, 1)
    (first,) = world.export(**DAILY)
    assert [tick(world).redrives for _ in range(3)] == [1, 0, 0]
    world.clock.tick(minutes=16)
    tick(world)
    tick(world)
    world.work()
    redrives = [o for o in world.stack.service().operations(limit=None) if o.trigger == Trigger.REDRIVE]
    assert [(o.state, o.request_id) for o in redrives] == [(State.SUCCEEDED, f"redrive-{first.operation_id}")]


def test_the_redrive_sleeps_and_is_in_no_queue_until_its_time(world: World) -> None:
    put(world, 5, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    second = world.operation(world.operation(first.operation_id).redriven_by or "")
    assert second.state is State.SLEEPING
    assert world.receive() is None
    (later,) = world.export(exportType="INSTANT")
    assert later.state is State.SUCCEEDED, "later work of the study does not wait for it"


def test_a_tick_that_dies_after_any_call_loses_nothing_and_repeats_nothing(world: World, faults: Faults) -> None:
    # Every second call: each tick sees the studies of all before it. Those between are struck by tests/faults.
    for number in range(1, 60, 2):
        study = f"s{number}"
        put(world, 2, 1, study)
        (first,) = world.export(**DAILY, studyWhitelist=[study])
        with faults.crash_after(number) as died:
            tick(world)
        second = redriven(world, first)
        assert (second.state, second.failed_records) == (State.SUCCEEDED, 1)
        of_study = world.stack.service().operations(study=study, limit=None)
        assert len([o for o in of_study if o.request_id == f"redrive-{first.operation_id}"]) == 1
        tick(world, most_redrives=0)
        if not died:
            return
    raise AssertionError("the tick never came to its end")


def test_a_failed_record_that_was_deleted_stays_failed(world: World) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY)
    world.stack.clients.dynamodb.delete_item(TableName="Record", Key={"id": {"S": bad}})
    second = redriven(world, first)
    assert [line["errorCode"] for line in listed(world, second)] == ["NOT_THERE"]


def test_a_time_that_does_not_parse_is_listed_and_comes_out_once_it_does(world: World) -> None:
    world.stack.clients.dynamodb.create_table(
        TableName="Log",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    world.define("log", source={"type": "dynamodb", "table": "Log"}, tableBy=["kind"])
    world.put_study("a")

    def put_item(**time: str) -> None:
        item: dict[str, Any] = {"id": {"S": "odd"}, "studyId": {"S": "a"}, "kind": {"S": "k"}, "uploadedOn": time}
        world.stack.clients.dynamodb.put_item(TableName="Log", Item=item)

    put_item(S="yesterday")
    (first,) = world.export(**DAILY, export="log")
    (line,) = listed(world, first)
    assert (line["key"], line["table"], line["errorCode"]) == (["odd"], "k", "BAD_TIME")
    assert "yesterday" not in line["reason"]
    second = redriven(world, first)
    assert [line["errorCode"] for line in listed(world, second)] == ["BAD_TIME"]
    put_item(N="1")
    third = redriven(world, second)
    assert (third.failed_records, [row["id"] for m in world.manifests("a") for row in world.rows(m)]) == (0, ["odd"])


def test_a_redrive_whose_message_cannot_be_sent_is_sent_by_the_next_tick(world: World, faults: Faults) -> None:
    put(world, 4, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    world.clock.tick(minutes=16)
    faults.fail(lambda call: call.name == "SendMessageBatch", away())
    assert tick(world).errors == 1
    faults.clear()
    world.clock.tick(minutes=1)
    assert tick(world).woken == 1
    world.work()
    assert world.operation(world.operation(first.operation_id).redriven_by or "").state is State.SUCCEEDED


def test_a_late_tick_wakes_the_redrive_at_once(world: World) -> None:
    put(world, 4, 1)
    (first,) = world.export(**DAILY)
    world.clock.tick(hours=3)
    tick(world)
    tick(world)
    world.work()
    second = world.operation(world.operation(first.operation_id).redriven_by or "")
    assert second.state is State.SUCCEEDED
    assert started(second) - NOON >= timedelta(hours=3)


def started(operation: Operation) -> datetime:
    assert operation.started_at is not None
    return operation.started_at
