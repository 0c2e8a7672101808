"""The tick: wakes, sends again, closes dead work, forgets deleted studies, removes orphans, measures the lag."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.faults import Faults, away
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.job import SILENCE
from tidegate.model import State
from tidegate.upkeep import Report

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}


def tick(world: World) -> Report:
    return world.stack.upkeep().run(world.clock())


def dead_letter(world: World, body: str, group: str = "g", deduplication: str | None = None) -> None:
    world.stack.clients.sqs.send_message(
        QueueUrl=world.stack.settings.work_dlq_url,
        MessageBody=body,
        MessageGroupId=group,
        MessageDeduplicationId=deduplication or f"{group}-1",
    )


def dead_letters(world: World) -> list[str]:
    answer = world.stack.clients.sqs.receive_message(
        QueueUrl=world.stack.settings.work_dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_silent_operation_is_sent_again_at_growing_intervals(world: World) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
    gaps: list[timedelta] = []
    last = world.clock()
    while len(gaps) < 3:
        world.clock.tick(minutes=10)
        if tick(world).sent_again:
            gaps.append(world.clock() - last)
            last = world.clock()
    assert gaps[0] == SILENCE
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED


def test_a_tick_that_dies_after_any_call_is_repeated_without_a_second_message_in_the_queue(
    world: World, faults: Faults
) -> None:
    number, messages = 0, 0
    while True:
        number += 1
        study = f"s{number}"
        world.put_study(study, usesCustomExportSchedule=True)
        end = rfc3339(world.clock())
        (operation_id,) = world.submit(exportType="DAILY", endDateTime=end, studyWhitelist=[study])
        world.clock.tick(seconds=60)
        with faults.crash_after(number) as died:
            tick(world)
        tick(world)
        assert world.operation(operation_id).state is State.NOT_STARTED
        messages = len(world.work())
        assert messages == 1, f"died after {died}"
        assert world.operation(operation_id).state is State.SUCCEEDED
        if not died:
            break
    assert number > 4


def test_an_operation_whose_message_is_a_dead_letter_fails_and_the_letter_stays(world: World) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    received = world.receive()
    assert received is not None
    body = json.dumps(received[0].body())
    dead_letter(world, body)
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
    assert tick(world).failed == 1
    operation = world.operation(operation_id)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "DEAD_LETTER")
    assert dead_letters(world) == [body]
    assert tick(world).failed == 0


def test_an_old_dead_letter_of_an_operation_that_was_sent_again_since_says_nothing(world: World) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    received = world.receive()
    assert received is not None
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
    world.clock.tick(hours=1)
    assert tick(world).sent_again == 1
    dead_letter(world, json.dumps(received[0].body()), deduplication=f"{operation_id}-1")
    assert tick(world).failed == 0
    dead_letter(world, json.dumps(received[0].body()), deduplication=f"{operation_id}-2")
    assert tick(world).failed == 1


@pytest.mark.parametrize(
    "body",
    [
        *("", "null", "[]", "{}", '{"operationId": 7, "pair": "a/b"}', '{"operationId": "", "pair": 1}', "no json"),
        *(json.dumps({"operationId": name, "pair": "a/b"}) for name in ("x" * 3000, "\ud800")),
    ],
)
def test_a_dead_letter_that_is_no_work_message_hinders_nothing(world: World, faults: Faults, body: str) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(**BODY)
    received = world.receive()
    assert received is not None
    dead_letter(world, body or " ", "other")
    dead_letter(world, json.dumps(received[0].body()))
    report = tick(world)
    assert (report.failed, report.errors) == (1, 0)
    assert world.operation(operation_id).state is State.FAILED
    # DynamoDB refuses a call that names an impossible key, which the emulator does not.
    looked_for = [call.params["Key"].get("operationId") for call in faults.calls if call.name == "GetItem"]
    assert {"S": operation_id} in looked_for
    assert {"S": "x" * 3000} not in looked_for
    assert {"S": "\ud800"} not in looked_for


def test_a_deleted_study_loses_its_watermarks_and_waiting_work_within_two_ticks(world: World) -> None:
    world.put_study("a")
    world.define("partner")
    world.export(**BODY)
    world.export(**BODY, export="partner")
    (waiting,) = world.submit(exportType="INSTANT")
    (asleep,) = world.submit(exportType="DAILY", endDateTime=rfc3339(NOON))
    world.delete_study("a")
    report = tick(world)
    world.clock.tick(minutes=1)
    tick(world)
    assert report.studies_deleted == 1
    assert (world.watermark("a"), world.watermark("a", "partner")) == (None, None)
    assert [world.operation(i).state for i in (waiting, asleep)] == [State.CANCELLED] * 2
    events = {event.event: event.details for event in world.stack.ledger.history.query("audit/default/a")}
    assert events["STUDY_DELETED"]["watermarkBefore"] == "2026-03-10T11:00:00.000Z"
    world.work()
    world.clock.tick(minutes=2)
    assert tick(world).studies_deleted == 0, "it is forgotten once"


@pytest.mark.parametrize("stored", [{"S": "yesterday"}, {"N": "0.5"}])
def test_a_deleted_study_whose_watermark_is_none_is_forgotten_like_the_others(
    world: World, stored: dict[str, str]
) -> None:
    for study in ("a", "b"):
        world.put_study(study)
    world.export(**BODY)
    world.stack.clients.dynamodb.put_item(
        TableName=world.stack.settings.export_time_table,
        Item={"studyId": {"S": "a"}, "lastExportDateTime": stored},
    )
    for study in ("a", "b"):
        world.delete_study(study)
    report = tick(world)
    assert (report.studies_deleted, report.errors) == (2, 0)
    assert [world.watermark_item(study) for study in ("a", "b")] == [None, None]
    events = {event.event: event.details for event in world.stack.ledger.history.query("audit/default/a")}
    assert events["STUDY_DELETED"]["watermarkBefore"] == "unreadable"


def test_a_tick_that_dies_while_it_forgets_a_study_forgets_it_whole_the_next_time(world: World, faults: Faults) -> None:
    number = 0
    while True:
        number += 1
        study = f"s{number}"
        world.put_study(study, usesCustomExportSchedule=True)
        world.export(**BODY, studyWhitelist=[study])
        (waiting,) = world.submit(exportType="INSTANT", studyWhitelist=[study])
        world.delete_study(study)
        with faults.crash_after(number) as died:
            tick(world)
        world.clock.tick(minutes=2)
        tick(world)
        assert world.watermark(study) is None, f"died after {died}"
        assert world.operation(waiting).state is State.CANCELLED, f"died after {died}"
        told = [e.details for e in world.stack.ledger.history.query(f"audit/default/{study}", scan_index_forward=False)]
        befores = {details.get("watermarkBefore") for details in told if "watermarkBefore" in details}
        assert "2026-03-10T11:00:00.000Z" in befores, f"died after {died}"
        world.work()
        if not died:
            break
    assert number > 10


def test_a_run_in_flight_cannot_bring_the_watermark_of_a_deleted_study_back(world: World, faults: Faults) -> None:
    world.put_study("a")
    world.export(exportType="DAILY", endDateTime="2026-03-10T10:00:00Z")
    (operation_id,) = world.submit(**BODY)
    transactions: list[int] = []

    def forget(number: int, call: Any) -> None:
        if call.name == "CopyObject" or (call.name == "PutObject" and call.params["Key"].endswith("manifest.json")):
            transactions.append(number)
            faults.before = None
            world.delete_study("a")
            tick(world)
            world.put_study("a")

    faults.before = forget
    world.work_once()
    assert transactions
    assert world.watermark("a") is None, "although the study has been put back meanwhile"
    assert world.operation(operation_id).state is State.CANCELLED


def test_studies_that_were_never_exported_do_not_count_as_deleted(world: World) -> None:
    world.set_watermark("taken-over", NOON - timedelta(days=1))
    world.put_study("a")
    world.export(**BODY)
    report = tick(world)
    assert (report.studies_deleted, report.deletions_held) == (0, 0)
    assert world.watermark("taken-over") == NOON - timedelta(days=1)


@pytest.mark.parametrize(("studies", "deleted", "held"), [(4, 4, 4), (12, 3, 0), (39, 4, 4), (40, 4, 0)])
def test_more_than_three_and_more_than_a_tenth_deleted_at_once_are_held_back(
    world: World, studies: int, deleted: int, held: int
) -> None:
    names = [f"s{number:02d}" for number in range(studies)]
    for name in names:
        world.set_watermark(name, NOON - timedelta(days=1))
        # As after an export: only the pair's row says that there was one.
        world.stack.clients.dynamodb.put_item(TableName="Pair", Item={"pair": {"S": f"default/{name}"}})
    for name in names[deleted:]:
        world.put_study(name)
    report = tick(world)
    assert report.deletions_held == held
    assert report.studies_deleted == (0 if held else deleted)
    gone = [name for name in names if world.watermark(name) is None]
    assert gone == ([] if held else names[:deleted])


def test_parts_that_no_manifest_names_are_removed_and_all_others_stay(world: World) -> None:
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=2)])
    world.export(**BODY)
    kept = world.keys("exports/")
    directory = kept[0].rpartition("/")[0]
    orphan = f"{directory}/part-00002.jsonl"
    alone = directory.replace("110000", "120000") + "/part-00001.jsonl"
    for key in (orphan, alone):
        world.stack.objects.put(key, b"{}\n")
    world.clock.now = at_quarter(world.clock.now + timedelta(minutes=1))
    assert tick(world).orphans_removed == 0, "a young file may be just about to be named"
    world.clock.now = at_quarter(world.clock.now + timedelta(minutes=1))
    assert tick(world).orphans_removed == 2
    assert world.keys("exports/") == kept


def at_quarter(at: datetime) -> datetime:
    """The next full quarter of an hour."""
    return at + timedelta(minutes=-at.minute % 15)


def test_the_parts_of_a_sealed_window_are_no_orphans(world: World, faults: Faults) -> None:
    world.put_study("a")
    ids = world.put_records("a", [NOON - timedelta(hours=2)])
    (operation_id,) = world.submit(**BODY)
    with faults.crash_after(number_of(world, faults, "CopyObject")):
        world.work_once()
    world.clock.now = at_quarter(world.clock.now + timedelta(minutes=20))
    assert tick(world).orphans_removed == 0
    world.clock.tick(hours=1)
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED
    assert world.exported_ids("a") == ids


def number_of(world: World, faults: Faults, name: str) -> int:
    """At which call of an export of another study's single record this one comes."""
    world.put_study("z", usesCustomExportSchedule=True)
    world.put_records("z", [NOON - timedelta(hours=2)])
    world.submit(**BODY, studyWhitelist=["z"])
    received = world.receive()
    assert received is not None
    received[1].hide(0)
    faults.clear()
    world.work()
    return faults.names().index(name) + 1


def test_the_lag_is_that_of_the_oldest_regular_watermark(world: World) -> None:
    assert tick(world).watermark_lag_seconds == 0
    world.put_study("a")
    world.put_study("custom", usesCustomExportSchedule=True)
    world.put_study("closed", enabled=False)
    world.set_watermark("a", NOON - timedelta(hours=3))
    for name in ("custom", "closed", "partner/a"):
        world.set_watermark(name, NOON - timedelta(days=30))
    assert tick(world).watermark_lag_seconds == 3 * 3600


def test_a_task_that_fails_is_reported_and_the_others_still_run(world: World, faults: Faults) -> None:
    world.put_study("a")
    (asleep,) = world.submit(exportType="DAILY", endDateTime=rfc3339(NOON))
    world.clock.tick(minutes=2)
    faults.fail(lambda call: call.name == "ReceiveMessage", away())
    report = tick(world)
    assert report.errors == 1
    assert report.woken == 1
    assert world.operation(asleep).state is State.NOT_STARTED
