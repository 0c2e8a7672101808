"""Records that cannot be exported: they stop no window, are listed before the watermark moves, and are redriven."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration.faults import Call, Faults, away
from integration.test_passes import engine, out_of_time
from integration.world import DEFAULT, NOON, World
from tidegate.autoredrive import WAIT
from tidegate.instants import rfc3339
from tidegate.model import Operation, Outcome, State, Trigger
from tidegate.sweep import sweep_orphans
from tidegate.upkeep import Report

END = NOON - timedelta(hours=1)
DAILY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": rfc3339(END)}
SPOILED = "spoiled"
BAD = {"note": {"S": SPOILED}}
HALF_A_PAIR = "\ud800"
"""What a spoiled note is when it is read; the emulator itself cannot keep it."""


@pytest.fixture(autouse=True)
def _spoiled(world: World) -> None:
    def spoil(parsed: Mapping[str, Any], **_: Any) -> None:
        items = [*parsed.get("Items", ()), *parsed.get("Responses", {}).get("Record", ())]
        for item in items:
            if item.get("note") == {"S": SPOILED}:
                item["note"] = {"S": HALF_A_PAIR}

    for call in ("Query", "BatchGetItem"):
        world.stack.clients.dynamodb.meta.events.register(f"after-call.dynamodb.{call}", spoil)


def put(world: World, good: int, bad: int, study: str = "a", **attributes: Any) -> list[str]:
    """So many good and bad records, an hour before the end; the ids of the bad ones."""
    if not world.stack.ledger.studies.is_there(study):
        world.put_study(study)
    first = END - timedelta(hours=1)
    world.put_records(study, [first + timedelta(seconds=n) for n in range(good)], **attributes)
    return world.put_records(study, [first + timedelta(seconds=n) for n in range(bad)], **BAD, **attributes)


def cure(world: World, *record_ids: str) -> None:
    for record_id in record_ids:
        world.stack.clients.dynamodb.update_item(
            TableName="Record",
            Key={"id": {"S": record_id}},
            UpdateExpression="SET note = :fine",
            ExpressionAttributeValues={":fine": {"S": "fine"}},
        )


def limit(world: World, percent: float, at_least: int) -> str:
    world.define("limited", maxFailedRecords={"percent": percent, "atLeast": at_least})
    return "limited"


def tick(world: World, **settings: Any) -> Report:
    ledger = world.stack.ledger
    changed = replace(ledger, settings=replace(ledger.settings, **settings))
    return replace(world.stack.upkeep(), ledger=changed).run(world.clock())


def listed(world: World, operation: Operation) -> list[dict[str, Any]]:
    assert operation.result is not None
    key = operation.result["failedRecords"]["key"]
    return [json.loads(text) for text in world.text(key).splitlines()]


def ids(lines: list[dict[str, Any]]) -> list[str]:
    return sorted(line["key"][0] for line in lines)


def redriven(world: World, operation: Operation) -> Operation:
    """The redrive of an operation: asked for, slept, worked on."""
    tick(world)
    world.clock.tick(minutes=16)
    tick(world)
    world.work()
    by = world.operation(operation.operation_id).redriven_by
    assert by is not None
    return world.operation(by)


def left(world: World) -> list[str]:
    return [operation.operation_id for operation in world.stack.service().operations(failed_records=True)]


def commits(call: Call) -> bool:
    """Whether a call moves a watermark."""
    writes = [item.get("Update") or item.get("Put") or {} for item in call.params.get("TransactItems", ())]
    return any(write.get("TableName") == "ExportTime" for write in writes)


def test_one_bad_record_of_a_hundred_is_listed_and_the_window_commits(world: World) -> None:
    (bad,) = put(world, 99, 1)
    (operation,) = world.export(**DAILY)
    assert (operation.state, operation.outcome, operation.failed_records) == (State.SUCCEEDED, Outcome.EXPORTED, 1)
    assert world.watermark("a") == END
    (manifest,) = world.manifests("a")
    directory = manifest["parts"][0]["key"].rpartition("/")[0]
    assert manifest["failedRecords"] == {"count": 1, "key": f"{directory}/failed-records.jsonl"}
    assert manifest["records"] == 99
    assert bad not in world.exported_ids("a")
    (line,) = listed(world, operation)
    assert (line["key"], line["table"], line["errorCode"]) == ([bad], "", "UNWRITABLE_VALUE")
    assert 'column "note"' in line["reason"]
    assert set(line) == {"key", "table", "errorCode", "reason"}
    assert operation.result is not None
    assert operation.result["counts"]["failedRecords"] == 1
    assert "1 could not be exported" in operation.log[-1][1]


def test_above_the_limit_the_operation_fails_and_the_watermark_stays(world: World) -> None:
    bad = put(world, 20, 11)
    (operation,) = world.export(**DAILY)
    assert operation.state is State.FAILED
    assert operation.error is not None
    assert operation.error.code == "TOO_MANY_FAILED_RECORDS"
    assert "11 records" in operation.error.message
    assert "of 31 (1 %, at least 10)" in operation.error.message
    assert f'"{bad[0]}", "{bad[1]}"' in operation.error.message
    assert "maxFailedRecords" in operation.error.remedy
    assert world.watermark("a") is None
    assert world.keys("") == []
    assert tick(world).redrives == 0


@pytest.mark.parametrize(
    ("percent", "at_least", "good", "bad", "state"),
    [
        (1, 10, 0, 10, State.SUCCEEDED),
        (1, 10, 0, 11, State.FAILED),
        (10, 0, 18, 2, State.SUCCEEDED),
        (10, 0, 17, 2, State.FAILED),
        (0, 0, 5, 1, State.FAILED),
        (0, 0, 5, 0, State.SUCCEEDED),
        (100, 0, 0, 3, State.SUCCEEDED),
        (0.5, 1, 20, 2, State.FAILED),
        (0.5, 2, 20, 2, State.SUCCEEDED),
    ],
)
def test_the_limit_is_the_larger_of_percent_and_least_and_is_itself_allowed(
    world: World, percent: float, at_least: int, good: int, bad: int, state: State
) -> None:
    export = limit(world, percent, at_least)
    put(world, good, bad)
    (operation,) = world.export(**DAILY, export=export)
    assert operation.state is state
    assert (world.watermark("a", export) == END) is (state is State.SUCCEEDED)


def test_the_list_is_there_before_the_manifest_and_that_before_the_watermark(world: World, faults: Faults) -> None:
    put(world, 3, 1)
    world.submit(**DAILY)
    faults.clear()
    world.work()
    names = {"part-00001": "part", "failed-records": "list", "manifest.json": "manifest"}
    steps = []
    for call in faults.calls:
        if call.name in ("CopyObject", "PutObject"):
            steps += [step for name, step in names.items() if name in call.params["Key"]]
        elif commits(call):
            steps.append("commit")
    assert steps == ["part", "list", "manifest", "commit"]


def test_an_export_of_many_passes_gives_the_same_list_and_the_same_parts(world: World) -> None:
    for study in "ab":
        world.put_study(study)
        for n in range(24):
            more = {"note": {"S": SPOILED}} if n % 5 == 0 else {}
            table = {"t": {"S": "xy"[n % 2]}}
            world.stack.clients.dynamodb.put_item(
                TableName="Record",
                Item={
                    "id": {"S": f"r{n:03d}-{study}"},
                    "studyId": {"S": study},
                    "uploadedOn": {"N": str(int((END - timedelta(minutes=60 - n)).timestamp() * 1000))},
                    **more,
                    **table,
                },
            )
    world.define("tables", tableBy=["t"])
    runs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a", {}),
        ("b", {"seconds_left": out_of_time, "engine": engine(world)}),
    )
    for study, options in runs:
        world.submit(**DAILY, export="tables", studyWhitelist=[study])
        world.work(**options)
    (one,), (other,) = world.manifests("a"), world.manifests("b")
    texts = []
    for manifest in (one, other):
        keys = [*(part["key"] for part in manifest["parts"]), manifest["failedRecords"]["key"]]
        texts.append([world.text(key).replace(f"-{manifest['study']}", "") for key in keys])
        texts[-1] = [text.replace(f'"studyId":"{manifest["study"]}"', "") for text in texts[-1]]
    assert texts[0] == texts[1]
    assert one["failedRecords"]["count"] == 5
    tables = [json.loads(text)["table"] for text in texts[0][-1].splitlines()]
    assert tables == ["x", "x", "x", "y", "y"]


def test_two_redrives_follow_and_the_record_cured_in_between_comes_out_of_its_own(world: World) -> None:
    cured, stubborn, late = put(world, 5, 3)
    (first,) = world.export(**DAILY, tag="nightly")
    cure(world, cured)
    second = redriven(world, first)
    assert (second.state, second.trigger) == (State.SUCCEEDED, Trigger.REDRIVE)
    assert second.tag == "redrive; original: nightly"
    assert second.params["redriveCount"] == 1
    assert second.start_after == (first.finished_at or NOON) + WAIT
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


def test_at_the_cap_what_still_fails_stays_listed_and_is_counted(world: World) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY)
    assert left(world) == [first.operation_id]
    third = redriven(world, redriven(world, first))
    report = tick(world)
    assert (report.redrives, report.failed_records_left) == (0, 1)
    assert left(world) == [third.operation_id]
    assert "left to a person" in world.operation(third.operation_id).log[-1][1]
    world.clock.tick(days=400)
    assert left(world) == [third.operation_id], "it does not expire before somebody has seen to it"
    assert tick(world).failed_records_left == 1
    assert ids(listed(world, third)) == [bad]
    assert world.work() == []


def test_what_a_person_has_redriven_is_no_longer_left_and_expires_as_usual(world: World) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY)
    tick(world, most_redrives=0)
    cure(world, bad)
    recovery = world.stack.recovery()
    (key,) = recovery.stage(recovery.failed_keys(world.operation(first.operation_id)), world.clock(), "by hand")
    by_hand = world.export(recordIdS3Override=key, redriveCount=1)
    assert recovery.hand_over(world.operation(first.operation_id), by_hand, world.clock())
    assert not recovery.hand_over(world.operation(first.operation_id), by_hand, world.clock())
    assert (left(world), tick(world).failed_records_left) == ([], 0)
    operation = world.operation(first.operation_id)
    assert (operation.redriven_by, operation.expiry is None) == (by_hand[0].operation_id, False)


def test_without_automatic_redrives_what_failed_is_left_at_once(world: World) -> None:
    put(world, 5, 2)
    (operation,) = world.export(**DAILY)
    report = tick(world, most_redrives=0)
    assert (report.redrives, report.failed_records_left) == (0, 2)
    assert left(world) == [operation.operation_id]


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
    for number in range(1, 60):
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


def test_an_override_whose_id_vanished_lists_it(world: World) -> None:
    world.put_study("a")
    gone, there = world.put_records("a", [END - timedelta(minutes=2), END - timedelta(minutes=1)])
    world.stack.objects.put("overrides/ids.txt", f"{gone}\n{there}\n".encode())
    (operation_id,) = world.submit(recordIdS3Override="overrides/ids.txt")
    world.stack.clients.dynamodb.delete_item(TableName="Record", Key={"id": {"S": gone}})
    world.work()
    operation = world.operation(operation_id)
    assert operation.state is State.SUCCEEDED
    (line,) = listed(world, operation)
    assert line == {"key": [gone], "table": None, "errorCode": "NOT_THERE", "reason": "is no longer there"}
    assert world.exported_ids("a") == [there]


def test_a_failed_record_that_was_deleted_stays_failed(world: World) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY)
    world.stack.clients.dynamodb.delete_item(TableName="Record", Key={"id": {"S": bad}})
    second = redriven(world, first)
    assert [line["errorCode"] for line in listed(world, second)] == ["NOT_THERE"]


def test_a_table_whitelist_is_applied_before_anything_fails(world: World) -> None:
    world.define("tables", tableBy=["t"], maxFailedRecords={"percent": 0, "atLeast": 0})
    put(world, 2, 3, t={"S": "bad"})
    put(world, 2, 0, t={"S": "good"})
    (operation,) = world.export(**DAILY, export="tables", ignoreLastExportTime=True, tableWhitelist=["good"])
    assert (operation.state, operation.failed_records) == (State.SUCCEEDED, 0)
    (operation,) = world.export(**DAILY, export="tables", ignoreLastExportTime=True, tableWhitelist=["bad"])
    assert operation.state is State.FAILED


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


def test_the_sweep_leaves_the_list_alone(world: World) -> None:
    put(world, 2, 1)
    world.export(**DAILY)
    before = world.keys()
    world.clock.tick(hours=1)
    assert sweep_orphans(world.stack.ledger, world.stack.objects, NOON - timedelta(days=2), world.clock()) == 0
    assert world.keys() == before


def test_a_deleted_study_has_nothing_left_to_see_to(world: World) -> None:
    put(world, 2, 1)
    (operation,) = world.export(**DAILY)
    tick(world, most_redrives=0)
    world.delete_study("a")
    world.clock.tick(minutes=2)
    tick(world)
    assert tick(world).failed_records_left == 0
    assert world.operation(operation.operation_id).expiry is not None


def test_a_redrive_that_fails_as_a_whole_leaves_its_origin_listed(world: World) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    world.stack.objects.remove([listed_key(first)])
    world.clock.tick(minutes=16)
    tick(world)
    world.work()
    second = world.operation(world.operation(first.operation_id).redriven_by or "")
    assert second.state is State.FAILED
    assert left(world) == [first.operation_id]


def listed_key(operation: Operation) -> str:
    assert operation.result is not None
    return str(operation.result["failedRecords"]["key"])


def to_copy(name: str) -> Callable[[Call], bool]:
    return lambda call: call.name == "CopyObject" and name in call.params["Key"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda call: call.name == "Query" and call.names("Record"), id="read"),
        pytest.param(lambda call: call.name == "PutObject" and call.params["Key"].startswith("work/"), id="write"),
        pytest.param(to_copy("failed-records"), id="list"),
        pytest.param(to_copy("part-00001"), id="deliver"),
        pytest.param(lambda call: call.name == "PutObject" and "manifest.json" in call.params["Key"], id="manifest"),
        pytest.param(commits, id="commit"),
    ],
)
@pytest.mark.parametrize("answered", [False, True])
def test_a_failure_at_any_step_is_made_good_and_the_record_listed_once(
    world: World, faults: Faults, broken: Callable[[Call], bool], answered: bool
) -> None:
    (bad,) = put(world, 4, 1)
    (operation_id,) = world.submit(**DAILY)
    fired: list[Call] = []

    def counted(call: Call) -> bool:
        if broken(call):
            fired.append(call)
            return True
        return False

    faults.fail(counted, away(), answered=answered)
    world.work()
    assert fired, "the step was never taken"
    faults.clear()
    world.clock.tick(minutes=2)
    world.work()
    operation = world.operation(operation_id)
    assert operation.state is State.SUCCEEDED
    assert ids(listed(world, operation)) == [bad]
    assert world.watermark("a") == END
    assert len(world.exported_ids("a")) == 4


def test_a_list_that_cannot_be_written_fails_the_operation_and_the_watermark_stays(
    world: World, faults: Faults
) -> None:
    put(world, 4, 1)
    (operation_id,) = world.submit(**DAILY)
    faults.fail(to_copy("failed-records"), away(), times=10_000)
    until = world.clock() + timedelta(hours=7)
    while world.clock() < until and not world.operation(operation_id).state.final:
        world.work()
        world.clock.tick(minutes=10)
    assert world.operation(operation_id).state is State.FAILED
    assert world.watermark("a") is None
    assert world.manifests() == []


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


def test_a_redrive_whose_request_id_is_taken_is_left_to_a_person(world: World) -> None:
    put(world, 4, 1)
    (first,) = world.export(**DAILY)
    world.export(exportType="INSTANT", requestId=f"redrive-{first.operation_id}")
    report = tick(world)
    assert (report.redrives, report.failed_records_left) == (0, 1)
    assert left(world) == [first.operation_id]


def test_the_default_limit_is_one_percent_and_ten_at_least(world: World) -> None:
    assert "maxFailedRecords" not in DEFAULT
    definition = world.stack.service().export("default")
    assert definition is not None
    assert (definition.max_failed_percent, definition.max_failed_at_least) == (1, 10)


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
