"""What a seal promises: what was decided is completed as it was, whoever does it and whatever has changed (SPEC 4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration.faults import Call, Faults, refused
from integration.sealing import BODY, END, LATER, committed, put, recover, sealed_and_dead
from integration.world import World
from tidegate.engine import Verdict
from tidegate.model import Operation, State


def test_a_sealed_window_is_completed_as_it_was_sealed_whatever_has_changed_since(world: World, faults: Faults) -> None:
    ids = put(world)
    operation_id = sealed_and_dead(world, faults, **BODY)
    world.put_records("a", [END - timedelta(minutes=90)])
    recover(world)
    (manifest,) = committed(world, "a")
    assert [row["id"] for row in world.rows(manifest)] == ids[:2]
    assert manifest["createdAt"] == "2026-03-10T12:00:00.000Z"
    assert world.operation(operation_id).state is State.SUCCEEDED


def test_a_reexport_completes_the_sealed_window_of_another_operation_before_its_own(
    world: World, faults: Faults
) -> None:
    ids = put(world)
    sealed = sealed_and_dead(world, faults, **BODY)
    world.stack.ledger.close(world.operation(sealed), State.FAILED, world.clock(), "failed by the test")
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
    world.clock.tick(seconds=100)
    (reexport,) = world.export(**BODY, ignoreLastExportTime=True)
    assert world.operation(sealed).state is State.SUCCEEDED
    assert world.watermark("a") == END
    assert world.exported_ids("a") == ids[:2] * 2
    assert reexport.state is State.SUCCEEDED
    assert world.keys("work/") == []


def test_a_worker_whose_lease_ran_out_can_commit_nothing_and_does_not_acknowledge(world: World, faults: Faults) -> None:
    ids = put(world)
    (operation_id,) = world.submit(**BODY)
    overtaken: list[Verdict | None] = []

    def overtake(_number: int, call: Call) -> None:
        if call.name == "TransactWriteItems" and not overtaken:
            overtaken.append(None)
            world.clock.tick(seconds=100)
            overtaken[0] = world.work_once()

    faults.before = overtake
    slow = world.work_once()
    assert slow is not None
    assert slow.acknowledge is False
    assert overtaken[0] is not None
    assert overtaken[0].acknowledge is True
    assert world.operation(operation_id).fence == 2
    assert world.exported_ids("a") == ids[:2]
    assert len(list(committed(world, "a"))) == 1
    assert world.keys("work/0") == [], "what the slow one wrote is removed with the operation"


@pytest.mark.parametrize("stage", ["CopyObject", "PutObject exports/", "commit"])
def test_a_worker_that_is_overtaken_after_its_seal_harms_nothing(world: World, faults: Faults, stage: str) -> None:
    ids = put(world)
    (operation_id,) = world.submit(**BODY)
    overtaken: list[Verdict | None] = []
    transactions: list[int] = []

    def overtake(number: int, call: Call) -> None:
        if call.name == "TransactWriteItems":
            transactions.append(number)
        now = {
            "CopyObject": call.name == "CopyObject",
            "PutObject exports/": call.name == "PutObject" and call.params["Key"].startswith("exports/"),
            "commit": len(transactions) == 2,
        }[stage]
        if now and not overtaken:
            overtaken.append(None)
            world.clock.tick(seconds=100)
            overtaken[0] = world.work_once()

    faults.before = overtake
    slow = world.work_once()
    assert overtaken[0] is not None
    assert overtaken[0].acknowledge is True
    assert slow is not None
    assert slow.acknowledge is False
    (manifest,) = committed(world, "a")
    assert [row["id"] for row in world.rows(manifest)] == ids[:2]
    assert world.operation(operation_id).state is State.SUCCEEDED
    recover(world)
    assert world.exported_ids("a") == ids[:2]


def test_a_watermark_moved_by_hand_before_the_seal_makes_the_window_anew(world: World, faults: Faults) -> None:
    ids = put(world)
    (operation_id,) = world.submit(**BODY)
    moved = END - timedelta(minutes=90)
    once = iter([lambda: world.set_watermark("a", moved)])

    def move(_number: int, call: Call) -> None:
        if call.name == "TransactWriteItems":
            next(once, lambda: None)()

    faults.before = move
    verdict = world.work_once()
    assert verdict is not None
    assert verdict.acknowledge is False
    assert world.keys("exports/") == []
    world.clock.tick(seconds=2)
    world.work()
    operation: Operation = world.operation(operation_id)
    assert (operation.state, operation.watermark_before) == (State.SUCCEEDED, moved)
    assert world.exported_ids("a") == ids[1:2]


def test_a_watermark_moved_by_hand_after_the_seal_is_left_alone_and_the_operation_says_so(
    world: World, faults: Faults
) -> None:
    ids = put(world)
    operation_id = sealed_and_dead(world, faults, **BODY)
    moved = END - timedelta(minutes=90)
    world.set_watermark("a", moved)
    recover(world)
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "WATERMARK_CHANGED")
    assert world.watermark("a") == moved
    (later,) = world.export(**LATER)
    assert later.window is not None
    assert (later.state, later.window.start) == (State.SUCCEEDED, moved)
    assert world.keys("work/") == []
    last = world.manifests("a")[-1]
    assert last["previousManifest"] is None
    assert [row["id"] for row in world.rows(last)] == ids[1:]


@pytest.mark.parametrize("moment", ["before the seal", "after the seal"])
def test_a_study_deleted_while_its_export_runs_gets_no_watermark_back(
    world: World, faults: Faults, moment: str
) -> None:
    put(world)
    if moment == "after the seal":
        operation_id = sealed_and_dead(world, faults, **BODY)
        world.delete_study("a")
    else:
        (operation_id,) = world.submit(**BODY)
        faults.before = lambda _number, call: world.delete_study("a") if call.name == "TransactWriteItems" else None
        world.work_once()
        faults.clear()
    recover(world)
    assert world.operation(operation_id).state is State.CANCELLED
    assert world.watermark("a") is None
    assert world.keys("work/") == []


def test_a_seal_too_large_for_its_row_is_an_object_and_is_completed_all_the_same(
    world: World, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.seal.LARGEST_INLINE", 10)
    ids = put(world)
    sealed_and_dead(world, faults, **BODY)
    assert any(key.endswith("/seal") for key in world.keys("work/"))
    recover(world)
    assert world.exported_ids("a") == ids[:2]
    assert world.keys("work/") == []


def test_an_export_that_fails_for_good_in_publishing_does_not_block_its_group(world: World, faults: Faults) -> None:
    ids = put(world)
    denied = refused("AccessDenied", "CopyObject", status=403)
    faults.fail(lambda call: call.name == "CopyObject", denied, times=2)
    first, second, third = (world.submit(**body)[0] for body in (BODY, LATER, {**LATER, "tag": "third"}))
    world.work()
    assert [world.operation(i).state for i in (first, second, third)] == [
        State.SUCCEEDED,
        State.FAILED,
        State.SUCCEEDED,
    ]
    assert world.exported_ids("a") == ids
