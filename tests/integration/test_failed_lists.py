"""Records that cannot be exported stop no window: they are listed before the watermark moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Call, Faults, away
from integration.spoiled import DAILY, END, SPOILED, commits, ids, limit, listed, put, spoil_reads, tick
from integration.test_passes import engine, out_of_time
from integration.world import DEFAULT, NOON, World
from tidegate.model import Outcome, State
from tidegate.sweep import sweep_orphans


@pytest.fixture(autouse=True)
def _spoiled(world: World) -> None:
    spoil_reads(world)


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
    assert f'"{bad[0]}", "{bad[1]}"' in operation.error.remedy
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


def test_the_default_limit_is_one_percent_and_ten_at_least(world: World) -> None:
    assert "maxFailedRecords" not in DEFAULT
    definition = world.stack.service().export("default")
    assert definition is not None
    assert (definition.max_failed_percent, definition.max_failed_at_least) == (1, 10)


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


def test_a_table_whitelist_is_applied_before_anything_fails(world: World) -> None:
    world.define("tables", tableBy=["t"], maxFailedRecords={"percent": 0, "atLeast": 0})
    put(world, 2, 3, t={"S": "bad"})
    put(world, 2, 0, t={"S": "good"})
    (operation,) = world.export(**DAILY, export="tables", ignoreLastExportTime=True, tableWhitelist=["good"])
    assert (operation.state, operation.failed_records) == (State.SUCCEEDED, 0)
    (operation,) = world.export(**DAILY, export="tables", ignoreLastExportTime=True, tableWhitelist=["bad"])
    assert operation.state is State.FAILED


def test_the_sweep_leaves_the_list_alone(world: World) -> None:
    put(world, 2, 1)
    world.export(**DAILY)
    before = world.keys()
    world.clock.tick(hours=1)
    assert sweep_orphans(world.stack.ledger, world.stack.objects, NOON - timedelta(days=2), world.clock()) == 0
    assert world.keys() == before


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
