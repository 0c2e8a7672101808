"""The rules at the end of SPEC 4, the two attributes, the keys per export, chains, settling."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.faults import Faults, away, refused
from integration.world import NOON, World
from tidegate.errors import RetriableError
from tidegate.instants import rfc3339, to_millis
from tidegate.job import Task
from tidegate.model import Operation, Outcome, State

END = datetime(2026, 3, 10, 11, tzinfo=UTC)


def hour(number: int) -> datetime:
    """The end of an hour; records are put half an hour before it."""
    return END - timedelta(hours=3) + timedelta(hours=number)


def daily(end: datetime, **more: Any) -> dict[str, Any]:
    return {"exportType": "DAILY", "endDateTime": rfc3339(end), **more}


def counts(operation: Operation) -> int:
    assert operation.result is not None
    return int(operation.result["counts"]["records"])


def test_the_watermark_item_has_exactly_two_attributes_with_whole_milliseconds(world: World) -> None:
    world.put_study("a")
    world.export(**daily(END + timedelta(milliseconds=7)))
    assert world.watermark_item("a") == {
        "studyId": {"S": "a"},
        "lastExportDateTime": {"N": str(to_millis(END) + 7)},
    }


def test_zero_records_in_a_window_that_has_passed_still_move_the_watermark(world: World) -> None:
    world.put_study("a")
    (operation,) = world.export(**daily(END))
    assert (operation.outcome, counts(operation)) == (Outcome.EXPORTED, 0)
    assert world.watermark("a") == END
    (manifest,) = world.manifests("a")
    assert (manifest["records"], manifest["parts"]) == (0, [])


def test_an_identical_second_request_exports_nothing(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=1)])
    world.export(**daily(END))
    (second,) = world.export(**daily(END))
    assert (second.outcome, counts(second)) == (Outcome.NOTHING_NEW, 0)
    assert world.exported_ids("a") == ids


def test_two_identical_requests_accepted_at_once_export_once(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=1)])
    both = [world.submit(**daily(END)) for _ in range(2)]
    world.work()
    assert sorted(counts(world.operation(i)) for (i,) in both) == [0, 1]
    assert world.exported_ids("a") == ids


def test_two_identical_requests_worked_on_by_two_threads_at_once_export_once(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=1)])
    tasks = []
    for _ in range(2):
        (operation_id,) = world.submit(**daily(END))
        received = world.receive()
        if received is not None:
            tasks.append((received, operation_id))
    second = world.operation(operation_id)
    assert second.pair is not None
    (task, message), _ = tasks[0]
    other = type(task)(second.operation_id, second.pair)
    with ThreadPoolExecutor(2) as pool:
        # The second is handed to a worker although its group is in hand, as a message that was sent twice would be.
        running = [pool.submit(world.engine().work, one, message, lambda: 300.0) for one in (task, other)]
        verdicts = [each.result() for each in running]
    assert any(verdict.acknowledge for verdict in verdicts)
    world.clock.tick(seconds=100)
    world.work()
    world.clock.tick(hours=1)
    world.stack.upkeep().run(world.clock())
    world.work()
    assert world.states() == {State.SUCCEEDED}
    assert world.exported_ids("a") == ids
    assert len(world.manifests("a")) == 1


def test_one_studys_failure_leaves_the_other_studies_watermarks_free_to_move(world: World, faults: Faults) -> None:
    for study in "abc":
        world.put_study(study)
        world.put_records(study, [END - timedelta(hours=1)])
    denied = refused("AccessDeniedException", "Query")
    faults.fail(lambda call: call.name == "Query" and "'S': 'b'" in str(call.params), denied)
    world.export(**daily(END))
    assert [world.watermark(study) for study in "abc"] == [END, None, END]


def test_a_failed_one_that_is_retried_before_the_next_does_its_work_and_the_next_goes_on_from_there(
    world: World, faults: Faults
) -> None:
    world.put_study("a")
    ids = world.put_records("a", [hour(n) - timedelta(minutes=30) for n in (0, 1)])
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), away())
    (first,) = world.submit(**daily(hour(0)))
    (second,) = world.submit(exportType="HOURLY", endDateTime=rfc3339(hour(1)))
    world.work()
    assert world.operation(second).state is State.NOT_STARTED, "the next one waits for its predecessor"
    world.clock.tick(seconds=2)
    world.work()
    assert [counts(world.operation(i)) for i in (first, second)] == [1, 1]
    assert world.exported_ids("a") == ids


def test_a_failed_one_that_is_retried_after_the_next_exports_nothing(world: World, faults: Faults) -> None:
    world.put_study("a")
    ids = world.put_records("a", [hour(n) - timedelta(minutes=30) for n in (0, 1)])
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), refused("AccessDeniedException", "Query"))
    (failed,) = world.export(**daily(hour(0)))
    world.export(**daily(hour(1)))
    assert world.exported_ids("a") == ids

    again(world, failed)
    retried = world.operation(failed.operation_id)
    assert (retried.state, retried.outcome, counts(retried)) == (State.SUCCEEDED, Outcome.NOTHING_NEW, 0)
    assert world.exported_ids("a") == ids
    assert world.watermark("a") == hour(1)


def again(world: World, operation: Operation) -> None:
    """Retry a failed operation under its own id: FAILED -> NOT_STARTED and a new message."""
    operations = world.stack.ledger.operations
    row = operations(operation.operation_id)
    row.update(actions=[operations.state.set(State.NOT_STARTED.value), operations.attempts.set(0)])
    assert operation.pair is not None
    world.stack.work_queue.send([Task(operation.operation_id, operation.pair)], dispatch=operation.dispatch + 1)
    world.work()


def test_two_exports_of_one_study_have_their_own_watermarks_and_both_get_every_record(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=1)])
    world.define("partner")
    world.export(**daily(END))
    world.export(**daily(END - timedelta(minutes=1), export="partner"))
    assert (world.watermark("a"), world.watermark("a", "partner")) == (END, END - timedelta(minutes=1))
    assert world.watermark_item("partner/a") is not None
    assert world.exported_ids("a") == ids * 2


def test_each_manifest_names_the_one_before_it_with_its_hash(world: World) -> None:
    world.put_study("a")
    for number in range(3):
        world.export(**daily(hour(number)))
    first, second, third = world.manifests("a")
    assert first["previousManifest"] is None
    keys = [key for key in world.keys("exports/") if key.endswith("manifest.json")]
    for earlier, later in zip(keys, (second, third), strict=False):
        assert later["previousManifest"] == {
            "key": earlier,
            "sha256": hashlib.sha256(world.data(earlier)).hexdigest(),
        }
        assert later["watermark"]["before"] == later["window"]["start"]


def test_a_watermark_that_was_taken_over_or_set_by_hand_starts_a_new_chain(world: World) -> None:
    world.put_study("a")
    world.set_watermark("a", hour(0))
    world.export(**daily(hour(1)))
    world.set_watermark("a", hour(0) + timedelta(minutes=30))
    world.export(**daily(hour(2)))
    world.export(**daily(hour(3)))
    taken_over, by_hand, after = world.manifests("a")
    assert (taken_over["previousManifest"], by_hand["previousManifest"]) == (None, None)
    assert after["previousManifest"]["key"].endswith("_20260310T100000.000Z/manifest.json")


def test_a_reexport_is_no_link_of_the_chain(world: World) -> None:
    world.put_study("a")
    world.export(**daily(hour(0)))
    world.export(**daily(hour(1), ignoreLastExportTime=True))
    world.export(**daily(hour(2)))
    found = world.manifests("a")
    (reexport,) = [manifest for manifest in found if manifest["watermark"]["after"] is None]
    first, second = [manifest for manifest in found if manifest["watermark"]["after"] is not None]
    assert reexport["previousManifest"] is None
    assert second["watermark"]["before"] == first["watermark"]["after"] == rfc3339(hour(0))
    assert "reexport=" not in second["previousManifest"]["key"]


def test_a_redriven_request_neither_reads_nor_moves_the_watermark(world: World, faults: Faults) -> None:
    world.put_study("a")
    world.export(**daily(hour(0)))
    faults.clear()
    (redriven,) = world.export(**daily(hour(1), redriveCount=1))
    assert not [call.name for call in faults.calls if call.names(world.stack.settings.export_time_table)]
    assert redriven.state is State.SUCCEEDED
    assert world.watermark("a") == hour(0)
    assert any(f"/redrive={redriven.operation_id}/" in key for key in world.keys("exports/"))


def test_an_end_that_has_not_settled_sleeps_and_the_tick_wakes_it_within_its_time(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [NOON - timedelta(seconds=2)])
    (operation_id,) = world.submit(**daily(NOON))
    assert world.operation(operation_id).state is State.SLEEPING
    assert world.work() == []
    world.clock.tick(seconds=59)
    assert world.stack.upkeep().run(world.clock()).woken == 0
    world.clock.tick(seconds=1)
    assert world.stack.upkeep().run(world.clock()).woken == 1
    assert world.stack.upkeep().run(world.clock()).woken == 0
    world.work()
    operation = world.operation(operation_id)
    assert operation.window is not None
    assert (operation.state, operation.window.end) == (State.SUCCEEDED, NOON)
    assert world.exported_ids("a") == ids


def test_a_later_request_may_overtake_one_that_sleeps_and_neither_repeats_a_record(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", [NOON - timedelta(hours=1), NOON - timedelta(seconds=2)])
    (sleeping,) = world.submit(**daily(NOON))
    world.export(**daily(END + timedelta(minutes=30)))
    world.clock.tick(seconds=60)
    world.stack.upkeep().run(world.clock())
    world.work()
    assert world.operation(sleeping).watermark_before == END + timedelta(minutes=30)
    assert world.exported_ids("a") == ids


@pytest.mark.parametrize(
    "stored", [{"N": "1773140400000.5"}, {"N": "1" + "0" * 30}, {"S": "2026-03-10T11:00:00Z"}], ids=str
)
def test_what_is_no_watermark_fails_its_own_study_at_once_and_stays(world: World, stored: dict[str, str]) -> None:
    for study in "ab":
        world.put_study(study)
    item = {"studyId": {"S": "a"}, "lastExportDateTime": stored}
    world.stack.clients.dynamodb.put_item(TableName=world.stack.settings.export_time_table, Item=item)
    operation, other = world.export(**daily(END))
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "BAD_WATERMARK")
    assert "watermark set a --export default" in operation.error.remedy
    assert world.watermark_item("a") == item
    assert (other.state, world.watermark("b")) == (State.SUCCEEDED, END)


@pytest.mark.parametrize("attributes", [{}, {"lastExportDateTime": {"S": "x"}}, {"lastExportDateTime": {"N": "0.5"}}])
def test_a_bad_item_of_a_table_that_was_taken_over_hides_no_other_watermark(
    world: World, attributes: dict[str, Any]
) -> None:
    world.put_study("b")
    world.export(**daily(END))
    item = {"studyId": {"S": "a"}, **attributes}
    world.stack.clients.dynamodb.put_item(TableName=world.stack.settings.export_time_table, Item=item)
    assert [(found.study, found.at) for found in world.stack.service().watermarks()] == [("b", END)]
    world.clock.now = NOON
    assert world.stack.upkeep().run(world.clock()).errors == 0


def test_nothing_but_a_commit_and_its_checks_ever_touches_the_table_of_watermarks(world: World, faults: Faults) -> None:
    world.put_study("a")
    world.put_records("a", [END - timedelta(hours=1)])
    faults.clear()
    world.export(**daily(END))
    touching = [call.name for call in faults.calls if call.names(world.stack.settings.export_time_table)]
    assert touching == ["GetItem", "TransactWriteItems", "TransactWriteItems"]


def test_a_conflict_of_two_transactions_is_tried_again_and_fails_nothing(world: World, faults: Faults) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=1)])
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
    conflict = refused("TransactionCanceledException", "TransactWriteItems", CancellationReasons=reasons)
    faults.fail(lambda call: call.name == "TransactWriteItems", conflict, times=2)
    (operation_id,) = world.submit(**daily(END))
    for _ in range(3):
        world.work()
        world.clock.tick(seconds=5)
    assert world.operation(operation_id).state is State.SUCCEEDED, world.operation(operation_id).error
    assert world.exported_ids("a") == ids


def test_errors_of_an_unreadable_table_are_errors_of_tidegate(world: World, faults: Faults) -> None:
    faults.fail(lambda call: call.name == "Scan", away())
    with pytest.raises(RetriableError, match="AWS_UNAVAILABLE"):
        world.stack.service().watermarks()
