"""`redrive operation` and `redrive delivery`: a failed operation under its own id, and a sealed window completed."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from datetime import timedelta

import pytest

from integration.commands import Commands
from integration.faults import Faults, away, refused
from integration.world import NOON, World
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import Operation, Outcome, State, Window
from tidegate.orders import RetryOrder

END = NOON - timedelta(hours=2)
DENIED = refused("AccessDeniedException", "Query")


def failed(world: World, faults: Faults) -> Operation:
    world.put_study("a")
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), DENIED)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), tag="nightly", requestId="r-1")
    assert operation.state is State.FAILED
    return operation


def sealed(world: World, faults: Faults) -> Operation:
    """An operation that has sealed its window, and then failed because the destination did not answer."""
    world.put_study("a")
    faults.fail(lambda call: call.name == "CopyObject", refused("AccessDenied", "CopyObject"))
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END))
    assert operation.state is State.FAILED
    assert operation.pair is not None
    assert world.stack.ledger.pairs.sealed_by(operation.pair)[1] == operation.operation_id
    return operation


def test_a_failed_operation_is_done_again_under_its_own_id_end_and_tag(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    ids = world.put_records("a", [END - timedelta(hours=3)])
    world.clock.tick(hours=8)
    answer = cli.json("redrive", "operation", operation.operation_id, "--yes", "--wait")
    (shown,) = answer["operations"]
    assert (shown["operationId"], shown["state"], shown["tag"]) == (operation.operation_id, "SUCCEEDED", "nightly")
    assert world.operation(operation.operation_id).window == Window(END - timedelta(days=1), END)
    assert world.exported_ids("a") == ids
    assert world.watermark("a") == END
    assert any("tried again by" in message for _, message in world.operation(operation.operation_id).log)


def test_c08_retried_after_a_later_one_it_exports_nothing(world: World, faults: Faults, cli: Commands) -> None:
    operation = failed(world, faults)
    ids = world.put_records("a", [END - timedelta(hours=3), END + timedelta(minutes=20)])
    world.export(exportType="INSTANT")
    cli.json("redrive", "operation", operation.operation_id, "--yes", "--wait")
    retried = world.operation(operation.operation_id)
    assert (retried.state, retried.outcome, retried.progress.records) == (State.SUCCEEDED, Outcome.NOTHING_NEW, 0)
    assert world.exported_ids("a") == ids


def test_c09_retried_before_the_next_it_does_its_work_and_the_next_only_the_rest(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    ids = world.put_records("a", [END - timedelta(hours=3), END + timedelta(minutes=20)])
    cli.json("redrive", "operation", operation.operation_id, "--yes", "--wait")
    world.export(exportType="INSTANT")
    assert [[row["id"] for row in world.rows(manifest)] for manifest in world.manifests("a")] == [[ids[0]], [ids[1]]]


def test_its_counters_begin_anew_and_it_no_longer_expires(world: World, faults: Faults, cli: Commands) -> None:
    operation = failed(world, faults)
    world.clock.tick(days=13)
    cli.working = False
    cli.json("redrive", "operation", operation.operation_id, "--yes")
    retried = world.operation(operation.operation_id)
    assert (retried.state, retried.attempts, retried.retries, retried.returns) == (State.NOT_STARTED, 0, 0, 0)
    assert (retried.error, retried.expiry, retried.window, retried.started_at) == (None, None, None, None)
    assert retried.dispatch == operation.dispatch + 1
    row = world.stack.ledger.requests.read("r-1", world.clock() + timedelta(days=89))
    assert row is not None, "its request is remembered for as long as it may live"


def test_a_retry_that_meets_throttling_is_not_given_up_because_its_first_try_was_long_ago(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    world.clock.tick(days=2)
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), away())
    cli.working = False
    cli.json("redrive", "operation", operation.operation_id, "--yes")
    world.work()
    assert world.operation(operation.operation_id).state is State.RUNNING
    world.clock.tick(seconds=5)
    world.work()
    assert world.operation(operation.operation_id).state is State.SUCCEEDED


@pytest.mark.parametrize("state", ["SUCCEEDED", "NOT_STARTED"])
def test_an_operation_that_has_not_failed_is_refused_with_what_to_do(world: World, cli: Commands, state: str) -> None:
    world.put_study("a")
    (operation_id,) = world.submit(exportType="INSTANT")
    if state == "SUCCEEDED":
        world.work()
    result = cli("redrive", "operation", operation_id, "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "NOT_FAILED"
    assert state in result.stderr
    assert cli.ordered == []


def test_an_order_that_comes_twice_or_too_late_changes_nothing_more(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    order = RetryOrder(operation.operation_id, operation.dispatch).payload()
    assert cli.order(order) == cli.order(order) == [operation.operation_id]
    assert world.operation(operation.operation_id).dispatch == operation.dispatch + 1
    assert len(world.work()) == 1
    events = world.stack.ledger.history.query("audit/default/a")
    assert [event.event for event in events].count("OPERATION_RETRIED") == 1
    result = cli("redrive", "operation", operation.operation_id, "--yes")
    assert result.exit_code == 1


def test_a_crash_before_the_message_is_sent_is_made_good_by_the_tick(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    faults.fail(lambda call: call.name == "SendMessageBatch", away())
    assert cli("redrive", "operation", operation.operation_id, "--yes").exit_code == 1
    assert world.work() == []
    world.clock.tick(minutes=6)
    world.stack.upkeep().run(world.clock())
    world.work()
    assert world.operation(operation.operation_id).state is State.SUCCEEDED


def test_delivery_completes_a_sealed_window_from_its_stored_parts_without_reading_the_source(
    world: World, faults: Faults, cli: Commands
) -> None:
    ids = world.put_records("a", [END - timedelta(hours=3)])
    operation = sealed(world, faults)
    late = world.put_records("a", [END - timedelta(hours=2)])
    faults.clear()
    answer = cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert answer["operations"][0]["state"] == "SUCCEEDED"
    assert not [call for call in faults.calls if call.names("Record")]
    assert world.exported_ids("a") == ids
    assert late
    assert world.watermark("a") == END


def test_delivery_of_what_has_all_its_receipts_says_so_and_sends_nothing(world: World, cli: Commands) -> None:
    world.put_study("a")
    (operation,) = world.export(exportType="INSTANT")
    result = cli("redrive", "delivery", operation.operation_id, "--yes")
    assert result.exit_code == 0
    assert "Every destination has its receipt; nothing was sent." in result.stdout
    assert cli.ordered == []


def test_delivery_of_what_failed_before_its_seal_is_refused_and_names_the_right_command(
    world: World, faults: Faults, cli: Commands
) -> None:
    operation = failed(world, faults)
    result = cli("redrive", "delivery", operation.operation_id, "--yes")
    assert result.exit_code == 1
    assert f"'tidegate redrive operation {operation.operation_id}'" in result.stderr
    assert cli.ordered == []


@pytest.mark.parametrize("command", ["operation", "delivery"])
def test_a_dry_run_shows_what_failed_and_sends_nothing(
    world: World, faults: Faults, cli: Commands, command: str
) -> None:
    world.put_records("a", [END - timedelta(hours=3)])
    operation = sealed(world, faults)
    result = cli("redrive", command, operation.operation_id, "--dry-run")
    assert result.exit_code == 0
    assert "Would try again" in result.stdout
    assert "Nothing was sent or written." in result.stderr
    assert world.operation(operation.operation_id) == operation


def test_without_a_terminal_and_without_yes_nothing_is_done(world: World, faults: Faults, cli: Commands) -> None:
    operation = failed(world, faults)
    result = cli("redrive", "operation", operation.operation_id)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    cli.somebody = True
    assert cli("redrive", "operation", operation.operation_id, typed="n\n").exit_code == 1
    assert cli.ordered == []
    assert cli("redrive", "operation", operation.operation_id, typed="y\n").exit_code == 0
    assert len(cli.ordered) == 1


def test_intake_may_die_after_any_call_of_a_retry_and_the_operation_is_done_exactly_once(
    world: World, faults: Faults, cli: Commands
) -> None:
    for number in itertools.count(1):
        study = f"s{number}"
        world.put_study(study)
        ids = world.put_records(study, [END - timedelta(hours=3)])
        faults.fail(lambda call: call.name == "Query" and call.names("Record"), DENIED)
        (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), studyWhitelist=[study])
        assert operation.state is State.FAILED
        order = RetryOrder(operation.operation_id, operation.dispatch).payload()
        with faults.crash_after(number) as died:
            cli.order(order)
        with suppress(RejectedError):
            cli.order(order)
        world.work()
        at = f"dead after call {number}, {died}"
        assert world.operation(operation.operation_id).state is State.SUCCEEDED, at
        assert world.exported_ids(study) == ids, at
        if not died:
            break
    assert number > 4
