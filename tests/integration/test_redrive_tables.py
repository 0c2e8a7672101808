"""`redrive tables`: exactly an operation's own window, by its own definition; the watermark is not touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration.commands import Commands
from integration.faults import Faults, refused
from integration.resources import INDEX
from integration.world import DEFAULT, NOON, World
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import Operation, State, Trigger, Window
from tidegate.orders import TablesOrder

END = NOON - timedelta(hours=1)
THREE_DAYS_BEFORE = END - timedelta(days=3)
BY_KIND = {
    **DEFAULT,
    "exportId": "by-kind",
    "source": {"type": "dynamodb", "table": "Record", "index": INDEX, "recordKey": "id"},
    "tableBy": ["kind"],
}


def put(world: World, kind: str, *hours_before_end: int) -> list[str]:
    times = [END - timedelta(hours=hours) for hours in hours_before_end]
    return world.put_records("a", times, kind={"S": kind})


def by_kind(world: World) -> None:
    world.put_study("a")
    world.stack.service().put_export(BY_KIND, "a test", world.clock())


def failed(world: World, faults: Faults) -> Operation:
    """A DAILY export of the study that has failed while it read, with a watermark that is three days old."""
    world.set_watermark("by-kind/a", THREE_DAYS_BEFORE)
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), refused("AccessDeniedException", "Query"))
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    assert operation.state is State.FAILED
    return operation


def redriven(cli: Commands, operation: Operation, *options: str) -> Any:
    answer = cli.json("redrive", "tables", "--operation", operation.operation_id, *options, "--yes", "--wait")
    (shown,) = answer["operations"]
    return shown


def test_t7_redrive_tables_of_a_failed_export_covers_the_three_days_since_its_watermark_no_more_and_no_less(
    world: World, faults: Faults, cli: Commands
) -> None:
    by_kind(world)
    put(world, "sleep", 73)
    wanted = put(world, "sleep", 72, 71, 40, 30, 1)
    put(world, "steps", 60, 2)
    world.put_records("a", [END, END + timedelta(minutes=1)], kind={"S": "sleep"})
    operation = failed(world, faults)

    shown = redriven(cli, operation, "--table", "sleep")

    assert shown["state"] == "SUCCEEDED"
    assert shown["window"] == {"start": rfc3339(THREE_DAYS_BEFORE), "end": rfc3339(END)}
    (manifest,) = world.manifests("a")
    assert sorted(row["id"] for row in world.rows(manifest)) == sorted(wanted)
    assert {part["table"] for part in manifest["parts"]} == {"sleep"}
    assert world.watermark("a", "by-kind") == THREE_DAYS_BEFORE


def test_its_files_lie_under_redrive_and_it_tells_its_trigger_and_origin(
    world: World, faults: Faults, cli: Commands
) -> None:
    by_kind(world)
    put(world, "sleep", 1)
    operation = failed(world, faults)
    shown = redriven(cli, operation, "--table", "sleep")
    (manifest,) = world.manifests("a")
    assert (shown["trigger"], shown["tag"]) == (Trigger.REDRIVE, "redrive; original: (no tag)")
    assert f"/redrive={shown['operationId']}/" in manifest["parts"][0]["key"]
    assert (manifest["watermark"], manifest["previousManifest"]) == ({"before": None, "after": None}, None)
    params = world.operation(shown["operationId"]).params
    assert params["redriveCount"] == 1
    assert params["origin"]["operationId"] == operation.operation_id


def test_c03_and_c04_the_request_ignores_the_last_export_time_and_gives_the_bytes_of_a_reexport(
    world: World, cli: Commands
) -> None:
    by_kind(world)
    put(world, "sleep", 5, 3, 1)
    (first,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    redriven(cli, first, "--table", "sleep")
    assert first.window is not None
    world.export(
        exportType="DAILY",
        startDateTime=rfc3339(first.window.start),
        endDateTime=rfc3339(first.window.end),
        ignoreLastExportTime=True,
        tableWhitelist=["sleep"],
        export="by-kind",
    )
    stored = [[world.data(part["key"]) for part in manifest["parts"]] for manifest in world.manifests("a")]
    assert len(stored) == 3
    assert stored[0] == stored[1] == stored[2]
    assert cli.sent == []
    (order,) = cli.ordered
    assert order["redrive"]["tables"] == ["sleep"]
    row = world.stack.ledger.requests.read(order["requestId"], world.clock())
    assert row is not None
    assert row.content["request"]["ignoreLastExportTime"] is True
    assert row.content["request"]["tableWhitelist"] == ["sleep"]


def test_the_definition_is_the_one_that_the_operation_had(world: World, cli: Commands) -> None:
    by_kind(world)
    put(world, "sleep", 1)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    newer = {**BY_KIND, "tableBy": ["other"], "format": {"type": "CSV", "compression": "none"}}
    world.stack.service().put_export(newer, "a test", world.clock())
    redriven(cli, operation, "--table", "sleep")
    keys = [part["key"] for manifest in world.manifests("a") for part in manifest["parts"]]
    assert len(keys) == 2
    assert all(key.endswith("/table=sleep/part-00001.jsonl") for key in keys)


def test_an_operation_whose_gap_was_closed_by_a_later_one_still_has_its_own_window(
    world: World, faults: Faults, cli: Commands
) -> None:
    by_kind(world)
    put(world, "sleep", 60)
    operation = failed(world, faults)
    world.export(exportType="DAILY", endDateTime=rfc3339(END + timedelta(minutes=30)), export="by-kind")
    assert redriven(cli, operation, "--table", "sleep")["window"]["start"] == rfc3339(THREE_DAYS_BEFORE)
    assert world.operation(operation.operation_id).window == Window(THREE_DAYS_BEFORE, END)
    assert world.watermark("a", "by-kind") == END + timedelta(minutes=30)


def test_an_order_that_is_delivered_twice_is_carried_out_once(world: World, cli: Commands) -> None:
    by_kind(world)
    put(world, "sleep", 1)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    order = TablesOrder(operation.operation_id, ("sleep",), "cli-order-1").payload()
    assert cli.order(order) == cli.order(order)
    assert len(world.work()) == 1


def test_a_table_that_does_not_occur_gives_no_records_and_the_result_says_so(world: World, cli: Commands) -> None:
    by_kind(world)
    put(world, "sleep", 1)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    shown = redriven(cli, operation, "--table", "nothing")
    assert (shown["progress"]["records"], shown["result"]["absentTables"]) == (0, ["nothing"])


def test_an_operation_without_a_window_is_refused_with_what_to_do(world: World, cli: Commands) -> None:
    by_kind(world)
    (waiting,) = world.submit(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    result = cli("redrive", "tables", "--operation", waiting, "--table", "sleep", "--yes")
    assert result.exit_code == 1
    assert "NO_WINDOW" in result.stderr
    assert "it is NOT_STARTED" in result.stderr
    assert cli.ordered == []


def test_a_dry_run_shows_the_order_and_sends_nothing(world: World, cli: Commands) -> None:
    by_kind(world)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), export="by-kind")
    shown = cli.json("redrive", "tables", "--operation", operation.operation_id, "--table", "sleep", "--dry-run")
    assert (shown["dryRun"], shown["operations"]) == (True, [])
    assert shown["sent"][0]["redrive"]["operationId"] == operation.operation_id
    assert cli.ordered == []
    assert len(world.stack.service().operations()) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"redrive": {"operationId": "x", "tables": []}, "requestId": "r"},
        {"redrive": {"operationId": "x", "tables": "sleep"}, "requestId": "r"},
        {"redrive": {"operationId": "x", "tables": ["a"], "table": "b"}, "requestId": "r"},
        {"redrive": {"operationId": "x", "tables": ["a"]}},
        {"redrive": [], "requestId": "r"},
        {"redrive": {"operationId": "x", "tables": ["a"]}, "requestId": "r", "exportType": "DAILY"},
        {"retry": {"operationId": "x"}},
        {"retry": {"operationId": "x", "dispatch": True}},
        {"retry": {"operationId": "nobody", "dispatch": 1}},
    ],
)
def test_a_wrong_order_is_refused_and_does_nothing(world: World, cli: Commands, payload: dict[str, Any]) -> None:
    with pytest.raises(RejectedError):
        cli.order(payload)
    assert world.stack.service().operations() == []
