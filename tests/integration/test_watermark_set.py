"""`watermark set` and `delete`: by one person, with a reason, seen beforehand and written into the history."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.commands import Commands
from integration.faults import Faults, away, refused
from integration.resources import INDEX
from integration.world import NOON, World
from tidegate import commit
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import Pair, State

END = NOON - timedelta(hours=1)
BACK = END - timedelta(hours=5)
PAIR = Pair("default", "a")


def exported(world: World, *hours: int) -> list[str]:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=hour) for hour in hours])
    world.export(exportType="DAILY", endDateTime=rfc3339(END))
    return ids


def set_to(at: Any, *options: str) -> tuple[str, ...]:
    return ("watermark", "set", "a", "--to", rfc3339(at), "--reason", "late upload", *options)


def events(world: World, stream: str = "audit/default/a") -> list[tuple[str, dict[str, Any]]]:
    found = world.stack.ledger.history.query(stream)
    return [(row.event, row.details) for row in found if row.event.startswith("WATERMARK")]


def test_moved_back_the_next_export_exports_the_records_since_then_again(world: World, cli: Commands) -> None:
    ids = exported(world, 7, 3, 1)
    shown = cli.json(*set_to(BACK, "--yes"))
    assert shown["exportedAgain"] == {"start": rfc3339(BACK), "end": rfc3339(END)}
    assert (shown["skipped"], shown["watermarkBefore"]) == (None, rfc3339(END))
    assert world.watermark_item("a") == {
        "studyId": {"S": "a"},
        "lastExportDateTime": {"N": str(int(BACK.timestamp() * 1000))},
    }
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END + timedelta(minutes=30)))
    assert operation.window is not None
    assert operation.window.start == BACK
    again = world.manifests("a")
    assert sorted(
        row["id"] for m in again if m["operationId"] == operation.operation_id for row in world.rows(m)
    ) == sorted(ids[1:])


def test_moved_forwards_the_next_export_skips_what_is_older(world: World, cli: Commands) -> None:
    exported(world, 2)
    forwards = END + timedelta(minutes=30)
    skipped, kept = world.put_records("a", [END + timedelta(minutes=10), END + timedelta(minutes=40)])
    shown = cli.json(*set_to(forwards, "--yes"))
    assert shown["skipped"] == {"start": rfc3339(END), "end": rfc3339(forwards)}
    world.export(exportType="INSTANT")
    assert kept in world.exported_ids("a")
    assert skipped not in world.exported_ids("a")


def test_who_from_to_and_why_stand_in_the_history(world: World, cli: Commands) -> None:
    exported(world, 2)
    cli.json(*set_to(BACK, "--yes"))
    ((event, details),) = events(world)
    assert event == "WATERMARK_SET"
    assert (details["watermarkBefore"], details["watermarkAfter"]) == (rfc3339(END), rfc3339(BACK))
    assert (details["reason"], details["forced"]) == ("late upload", False)
    assert details["actor"]


def test_the_watermark_of_another_export_is_its_own(world: World, cli: Commands) -> None:
    exported(world, 2)
    source = {"type": "dynamodb", "table": "Record", "index": INDEX}
    world.stack.service().put_export({"exportId": "partner", "source": source}, None, world.clock())
    cli.json(*set_to(BACK, "--export", "partner", "--yes"))
    assert (world.watermark("a"), world.watermark("a", "partner")) == (END, BACK)
    assert events(world) == []
    assert len(events(world, "audit/partner/a")) == 1


def test_delete_makes_the_next_export_like_the_first_one(world: World, cli: Commands) -> None:
    exported(world, 2)
    shown = cli.json("watermark", "delete", "a", "--reason", "anew", "--yes")
    assert (shown["watermarkBefore"], shown["lastExportDateTime"]) == (rfc3339(END), None)
    assert world.watermark("a") is None
    assert [event for event, _ in events(world)] == ["WATERMARK_DELETED"]
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END))
    assert operation.window is not None
    assert operation.window.start == END - timedelta(days=1)


def test_while_an_operation_runs_it_is_refused_and_forced_it_stops_the_worker(
    world: World, cli: Commands, faults: Faults
) -> None:
    exported(world, 2)
    late = END + timedelta(minutes=30)
    (operation_id,) = world.submit(exportType="DAILY", endDateTime=rfc3339(late))

    def meanwhile(_number: int, call: Any) -> None:
        if call.name == "Query" and call.names("Record"):
            faults.before = None
            result = cli(*set_to(BACK, "--yes"))
            assert result.exit_code == 1
            assert "PAIR_IN_USE" in result.stderr
            assert f"the operation {operation_id} is RUNNING" in result.stderr
            assert world.watermark("a") == END
            assert cli(*set_to(BACK, "--yes", "--force")).exit_code == 0

    faults.before = meanwhile
    world.work_once()
    assert world.operation(operation_id).state is State.RUNNING, "the worker lost its lease and wrote nothing"
    assert world.watermark("a") == BACK
    assert len(world.manifests("a")) == 1
    world.clock.tick(seconds=100)
    world.work()
    finished = world.operation(operation_id)
    assert finished.state is State.SUCCEEDED
    assert finished.window is not None
    assert finished.window.start == BACK
    assert events(world)[0][1]["forced"] is True


def test_while_a_sealed_window_waits_it_is_refused_and_forced_the_window_fails_instead_of_moving_it(
    world: World, cli: Commands, faults: Faults
) -> None:
    world.put_study("a")
    world.put_records("a", [END - timedelta(hours=2)])
    faults.fail(lambda call: call.name == "CopyObject", refused("AccessDenied", "CopyObject"))
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END))
    result = cli(*set_to(BACK, "--yes"))
    assert result.exit_code == 1
    assert f"the sealed window of operation {operation.operation_id} waits" in result.stderr
    assert cli(*set_to(BACK, "--yes", "--force")).exit_code == 0
    assert world.watermark("a") == BACK
    cli("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    ended = world.operation(operation.operation_id)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.FAILED, "WATERMARK_CHANGED")
    assert world.watermark("a") == BACK


def test_between_the_look_and_the_write_a_commit_wins(world: World, cli: Commands) -> None:
    exported(world, 2)
    change = cli.watermarking.plan(PAIR, BACK, world.clock())
    late = END + timedelta(minutes=30)
    world.export(exportType="DAILY", endDateTime=rfc3339(late))
    with pytest.raises(RejectedError) as caught:
        cli.watermarking.apply(change, reason="x", actor=None, force=True, now=world.clock())
    assert caught.value.code == "WATERMARK_CHANGED"
    assert world.watermark("a") == late
    assert events(world) == []


def test_a_lost_answer_is_recognised(world: World) -> None:
    exported(world, 2)
    options: dict[str, Any] = {"reason": "x", "actor": "me", "force": False, "now": world.clock()}
    assert commit.set_watermark(world.stack.ledger, PAIR, END, BACK, **options)
    assert commit.set_watermark(world.stack.ledger, PAIR, END, BACK, **options), "the same again is the same"
    assert not commit.set_watermark(world.stack.ledger, PAIR, END, BACK, **{**options, "actor": "another"})


def test_nothing_is_written_where_the_history_cannot_be(world: World, cli: Commands, faults: Faults) -> None:
    exported(world, 2)
    faults.fail(lambda call: call.name == "TransactWriteItems", away())
    assert cli(*set_to(BACK, "--yes")).exit_code == 1
    assert world.watermark("a") == END
    assert events(world) == []


def test_a_dry_run_tells_what_would_happen_and_what_stands_in_the_way(world: World, cli: Commands) -> None:
    exported(world, 2)
    world.stack.ledger.pairs.acquire(PAIR, "somebody", world.clock(), world.clock() + timedelta(seconds=90))
    result = cli(*set_to(BACK, "--dry-run"))
    assert result.exit_code == 0
    assert "would export again all records from 2026-03-10 06:00:00Z to 2026-03-10 11:00:00Z" in result.stdout
    assert "It would be refused without --force: a worker holds the lease" in result.stderr
    assert world.watermark("a") == END


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("a", "--to", rfc3339(NOON + timedelta(minutes=1))), "END_IN_FUTURE"),
        (("nobody", "--to", rfc3339(BACK)), "UNKNOWN_STUDY"),
        (("a", "--to", rfc3339(BACK), "--export", "nothing"), "UNKNOWN_EXPORT"),
    ],
)
def test_what_cannot_be_set_is_refused(world: World, cli: Commands, arguments: tuple[str, ...], code: str) -> None:
    exported(world, 2)
    result = cli("watermark", "set", *arguments, "--reason", "x", "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == code


def test_a_watermark_that_is_not_there_cannot_be_deleted(cli: Commands) -> None:
    assert "NO_WATERMARK" in cli("watermark", "delete", "a", "--reason", "x", "--yes").stderr


def test_a_reason_is_required_and_so_is_a_yes(world: World, cli: Commands) -> None:
    exported(world, 2)
    assert cli("watermark", "set", "a", "--to", rfc3339(BACK), "--yes").exit_code == 2
    assert cli("watermark", "set", "a", "--to", rfc3339(BACK), "--reason", " ", "--yes").exit_code == 2
    assert cli(*set_to(BACK)).exit_code == 2
    assert world.watermark("a") == END


def test_set_to_where_it_stands_already_nothing_is_written(world: World, cli: Commands) -> None:
    exported(world, 2)
    result = cli(*set_to(END, "--yes"))
    assert result.exit_code == 0
    assert "It stands there already." in result.stdout
    assert events(world) == []


UNREADABLE = [{"S": "1772020800000"}, {"N": "1772020800000.5"}, {"BOOL": True}, {"L": [{"N": "1"}]}, None]
KINDS = ["text", "fraction", "boolean", "list", "nothing"]


def spoil(world: World, key: str, value: Any) -> None:
    """Put an item into the table of watermarks that holds none."""
    item = {"studyId": {"S": key}, **({} if value is None else {"lastExportDateTime": value})}
    world.stack.clients.dynamodb.put_item(TableName=world.stack.settings.export_time_table, Item=item)


@pytest.mark.parametrize("value", UNREADABLE, ids=KINDS)
def test_an_item_that_holds_no_watermark_is_put_right_and_the_failed_export_goes_on_from_there(
    world: World, cli: Commands, value: Any
) -> None:
    world.put_study("a")
    (record,) = world.put_records("a", [BACK + timedelta(hours=1)])
    spoil(world, "a", value)
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END))
    assert operation.error is not None
    assert operation.error.code == "BAD_WATERMARK"
    assert "tidegate watermark set a --export default" in operation.error.remedy
    assert "default a: unreadable to 2026-03-10 06:00:00Z." in cli(*set_to(BACK, "--dry-run")).stdout
    shown = cli.json(*set_to(BACK, "--yes"))
    assert (shown["unreadable"], shown["watermarkBefore"], shown["lastExportDateTime"]) == (True, None, rfc3339(BACK))
    assert world.watermark("a") == BACK
    ((_, details),) = events(world)
    assert (details["watermarkBefore"], details["watermarkAfter"]) == ("unreadable", rfc3339(BACK))
    cli.json("redrive", "operation", operation.operation_id, "--yes", "--wait")
    assert world.exported_ids("a") == [record]


@pytest.mark.parametrize("value", UNREADABLE, ids=KINDS)
def test_an_item_that_holds_no_watermark_can_be_deleted(world: World, cli: Commands, value: Any) -> None:
    world.put_study("a")
    spoil(world, "a", value)
    assert cli.json("watermark", "delete", "a", "--reason", "anew", "--yes")["unreadable"] is True
    assert world.watermark_item("a") is None


def test_several_items_that_hold_none_are_put_right_one_by_one_and_a_move_meanwhile_wins(
    world: World, cli: Commands
) -> None:
    world.put_study("a")
    world.define("partner")
    for key in ("a", "partner/a"):
        spoil(world, key, {"S": "odd"})
    planned = cli.watermarking.plan(PAIR, BACK, world.clock())
    spoil(world, "a", {"S": "odder"})
    with pytest.raises(RejectedError) as caught:
        cli.watermarking.apply(planned, reason="x", actor=None, force=False, now=world.clock())
    assert caught.value.code == "WATERMARK_CHANGED"
    cli.json(*set_to(BACK, "--yes"))
    cli.json(*set_to(BACK, "--export", "partner", "--yes"))
    assert [world.watermark("a"), world.watermark("a", "partner")] == [BACK, BACK]
