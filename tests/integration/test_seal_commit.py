"""What a seal promises: a window that was decided is committed once, whoever does it and whatever happens (SPEC 4)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tidegate.engine import Verdict
from tidegate.instants import rfc3339
from tidegate.job import QUEUE_VISIBILITY_SECONDS
from tidegate.model import Operation, State

from integration.faults import Call, Crash, Faults, away, refused
from integration.world import World

END = datetime(2026, 3, 10, 11, tzinfo=UTC)
BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": rfc3339(END)}
LATER: dict[str, Any] = {"exportType": "HOURLY", "endDateTime": rfc3339(END + timedelta(minutes=30))}


def put(world: World, study: str = "a") -> list[str]:
    world.put_study(study, usesCustomExportSchedule=study != "a")
    return world.put_records(study, [END - timedelta(hours=2), END - timedelta(hours=1), END + timedelta(minutes=1)])


def recover(world: World) -> None:
    """Let lease and message of a dead worker run out, and work until quiet."""
    world.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
    world.work()


def committed(world: World, study: str) -> Iterator[dict[str, Any]]:
    """The manifests of a study in the chain's order; asserts that the chain holds."""
    before: tuple[str, bytes] | None = None
    end: str | None = None
    for key in (key for key in world.keys() if f"/study={study}/" in key and key.endswith("/manifest.json")):
        (manifest,) = [m for m in world.manifests(study) if key.startswith(key_of(m))]
        previous = manifest["previousManifest"]
        if before is None:
            assert previous is None
        else:
            assert previous == {"key": before[0], "sha256": hashlib.sha256(before[1]).hexdigest()}
            assert manifest["window"]["start"] == end
        for part in manifest["parts"]:
            data = world.data(part["key"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (part["bytes"], part["sha256"])
        before, end = (key, world.data(key)), manifest["window"]["end"]
        yield manifest


def key_of(manifest: dict[str, Any]) -> str:
    start, end = (manifest["window"][name].replace("-", "").replace(":", "") for name in ("start", "end"))
    return f"exports/export=default/study={manifest['study']}/dt={manifest['window']['end'][:10]}/{start}_{end}/"


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
    for number in itertools.count(4):
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


def invoke(world: World) -> Verdict | None:
    """One invocation that may end with an error, as Lambda's may."""
    from tidegate.errors import TidegateError

    try:
        return world.work_once()
    except (TidegateError, ClientError, type(away())):
        return None


def sealed_and_dead(world: World, faults: Faults, **body: Any) -> str:
    """An operation whose worker died just after its seal."""
    (operation_id,) = world.submit(**body)
    die_at(faults, lambda call: call.name == "TransactWriteItems")
    with pytest.raises(Crash):
        world.work_once()
    faults.clear()
    return operation_id


def die_at(faults: Faults, wanted: Callable[[Call], bool]) -> None:
    def die(_number: int, call: Call) -> None:
        if wanted(call):
            raise Crash(call.name)

    faults.after = die


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
            assert "ConditionalCheckFailed" in str(error)
        finally:
            again.clear()

    faults.before = twice
    (operation,) = world.export(**BODY)
    assert operation.state is State.SUCCEEDED, operation
    (later,) = world.export(**LATER)
    assert later.state is State.SUCCEEDED
    assert world.exported_ids("a") == ids
    assert len(list(committed(world, "a"))) == 2


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
