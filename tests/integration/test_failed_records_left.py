"""Failed records stay listed and counted until a redrive has ended well, or a person has settled them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration.commands import Commands
from integration.spoiled import DAILY, END, cure, ids, left, listed, listed_key, put, redriven, spoil_reads, tick
from integration.world import DEFAULT, World
from tidegate.instants import rfc3339
from tidegate.model import State
from tidegate.orders import RecordsOrder


@pytest.fixture(autouse=True)
def _spoiled(world: World) -> None:
    spoil_reads(world)


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


def test_while_its_redrive_is_under_way_an_operation_is_neither_left_nor_settled(world: World) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    cure(world, bad)
    assert agreed(world) == []
    world.clock.tick(minutes=20)
    tick(world)
    assert world.operation(first.operation_id).unsettled, "it is safe only when its redrive has ended well"
    world.work()
    world.clock.tick(minutes=5)
    assert agreed(world) == []
    settled = world.operation(first.operation_id)
    assert settled.expiry == world.clock() + timedelta(days=14)
    assert f"the redrive by operation {settled.redriven_by} has ended well" in settled.log[-1][1]


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_redrive_that_does_not_succeed_leaves_its_origin_to_a_person_and_the_metric_agrees(
    world: World, state: State
) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    redrive = world.operation(world.operation(first.operation_id).redriven_by or "")
    assert world.stack.ledger.close(redrive, state, world.clock(), "closed by the test")
    world.clock.tick(minutes=21)
    assert agreed(world) == [first.operation_id]
    world.clock.tick(days=400)
    assert agreed(world) == [first.operation_id], "it does not expire before somebody has seen to it"


def test_a_failed_redrive_that_is_retried_and_succeeds_settles_its_origin(world: World, cli: Commands) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    key = listed_key(first)
    kept = world.data(key)
    world.stack.objects.remove([key])
    world.clock.tick(minutes=21)
    tick(world)
    world.work()
    world.clock.tick(minutes=5)
    assert agreed(world) == [first.operation_id]
    world.stack.objects.put(key, kept)
    second = world.operation(first.operation_id).redriven_by or ""
    cli.working = False
    cli.json("redrive", "operation", second, "--yes")
    assert agreed(world) == [], "somebody is at it again"
    world.work()
    world.clock.tick(minutes=5)
    tick(world)
    assert not world.operation(first.operation_id).unsettled
    assert world.operation(second).unsettled, "what still fails is in the list of the redrive"


def test_a_redrive_that_is_not_known_any_more_is_no_reason_to_forget_the_records(world: World) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world)
    rows = world.stack.ledger.operations
    rows(world.operation(first.operation_id).redriven_by or "").delete()
    world.clock.tick(minutes=21)
    assert agreed(world) == [first.operation_id]


def test_records_that_cannot_be_found_by_their_id_are_left_to_a_person_who_exports_their_window(
    world: World, cli: Commands
) -> None:
    source = {**DEFAULT["source"], "type": "dynamodb", "table": "Record", "recordKey": "name"}
    world.define("named", source=source)
    (bad,) = put(world, 2, 1, name={"S": "n"})
    (first,) = world.export(**DAILY, export="named")
    second = redriven(world, first)
    assert second.error is not None
    assert second.error.code == "OVERRIDE_UNSUPPORTED"
    world.clock.tick(minutes=5)
    assert agreed(world) == [first.operation_id]
    assert f"operation {second.operation_id} did not succeed" in world.operation(first.operation_id).log[-1][1]
    cure(world, bad)
    start = rfc3339(END - timedelta(hours=2))
    window = ("--start", start, "--end", rfc3339(END), "--export", "named", "--study", "a")
    cli.json("redrive", "window", *window, "--yes", "--wait")
    assert bad in [row["id"] for manifest in world.manifests("a") for row in world.rows(manifest)]
    cli.json("redrive", "settle", first.operation_id, "--reason", "its window was exported again", "--yes")
    assert agreed(world) == []


def test_what_a_person_has_redriven_keeps_its_origin_and_is_settled_once_it_has_ended_well(
    world: World, cli: Commands
) -> None:
    (bad,) = put(world, 5, 1)
    (first,) = world.export(**DAILY, tag="nightly")
    third = redriven(world, redriven(world, first))
    tick(world)
    assert agreed(world) == [third.operation_id]
    cure(world, bad)
    (shown,) = cli.json("redrive", "records", "--operation", third.operation_id, "--yes", "--wait")["operations"]
    assert (shown["trigger"], shown["tag"]) == ("REDRIVE", "redrive; original: nightly")
    assert shown["result"]["origin"]["operationId"] == first.operation_id
    assert shown["result"]["origin"]["window"] == third.params["origin"]["window"]
    assert agreed(world) == []
    assert world.operation(third.operation_id).unsettled
    world.clock.tick(minutes=5)
    tick(world)
    settled = world.operation(third.operation_id)
    assert (settled.redriven_by, settled.unsettled) == (shown["operationId"], False)


def test_what_still_fails_in_a_persons_redrive_is_in_its_own_list_however_many_they_are(
    world: World, cli: Commands
) -> None:
    bad = put(world, 5, 11)
    world.define("lenient", maxFailedRecords={"percent": 100, "atLeast": 0})
    (first,) = world.export(**DAILY, export="lenient")
    world.define("lenient", maxFailedRecords={"percent": 0, "atLeast": 0})
    tick(world, most_redrives=0)
    cure(world, bad[0])
    (shown,) = cli.json("redrive", "records", "--operation", first.operation_id, "--yes", "--wait")["operations"]
    second = world.operation(shown["operationId"])
    assert (second.state, ids(listed(world, second))) == (State.SUCCEEDED, bad[1:])
    world.clock.tick(minutes=5)
    tick(world, most_redrives=0)
    assert agreed(world) == [second.operation_id]


def test_some_tables_of_a_list_do_not_settle_the_whole(world: World, cli: Commands) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world, most_redrives=0)
    cli.json("redrive", "records", "--operation", first.operation_id, "--table", "x", "--yes", "--wait")
    world.clock.tick(minutes=5)
    assert agreed(world) == [first.operation_id]


def test_an_order_that_comes_twice_redrives_once(world: World) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    order = RecordsOrder(first.operation_id, "cli-order")
    recovery = world.stack.recovery()
    assert recovery.carry_out(order, world.clock()) == recovery.carry_out(order, world.clock())
    assert tick(world).redrives == 0, "the tick does not ask for them a second time"


def test_settled_records_are_off_the_list_with_a_reason_in_the_history(world: World, cli: Commands) -> None:
    put(world, 2, 1)
    (first,) = world.export(**DAILY)
    tick(world, most_redrives=0)
    command = ("redrive", "settle", first.operation_id, "--reason", "deleted on purpose")
    assert cli(*command).exit_code == 2
    assert "Would settle 1 failed records" in cli(*command, "--dry-run").stdout
    assert agreed(world) == [first.operation_id]
    assert cli.json(*command, "--yes")["operations"][0]["expiry"] is not None
    assert agreed(world) == []
    ((_, _, details),) = world.stack.ledger.history.events("audit/default/a", ["FAILED_RECORDS_SETTLED"])
    assert (details["operationId"], details["reason"]) == (first.operation_id, "deleted on purpose")
    assert details["settledBy"]
    assert "NO_FAILED_RECORDS" in cli(*command, "--yes").stderr
    assert cli("redrive", "settle", first.operation_id, "--reason", " ", "--yes").exit_code == 2


def agreed(world: World) -> list[str]:
    """What the list shows; the metric has just counted the same."""
    report, listed = tick(world, most_redrives=2), left(world)
    assert report.failed_records_left == sum(world.operation(operation_id).failed_records for operation_id in listed)
    return listed


def test_without_automatic_redrives_what_failed_is_left_at_once(world: World) -> None:
    put(world, 5, 2)
    (operation,) = world.export(**DAILY)
    report = tick(world, most_redrives=0)
    assert (report.redrives, report.failed_records_left) == (0, 2)
    assert left(world) == [operation.operation_id]


@pytest.mark.parametrize("most_redrives", [0, 2], ids=["left", "redriven"])
def test_a_deleted_study_has_nothing_left_to_see_to(world: World, most_redrives: int) -> None:
    put(world, 2, 1)
    (operation,) = world.export(**DAILY)
    tick(world, most_redrives=most_redrives)
    world.delete_study("a")
    world.clock.tick(minutes=2)
    tick(world)
    assert tick(world).failed_records_left == 0
    assert world.operation(operation.operation_id).expiry is not None
    world.clock.tick(minutes=30)
    assert agreed(world) == []


def test_a_redrive_whose_request_id_is_taken_is_left_to_a_person(world: World) -> None:
    put(world, 4, 1)
    (first,) = world.export(**DAILY)
    world.export(exportType="INSTANT", requestId=f"redrive-{first.operation_id}")
    report = tick(world)
    assert (report.redrives, report.failed_records_left) == (0, 1)
    assert left(world) == [first.operation_id]
