"""`studies`: list, put, enable, disable, and delete with all that belongs to a study."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integration.commands import Commands
from integration.damage import verify
from integration.faults import Faults, refused
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Pair, State

END = NOON - timedelta(hours=1)


def daily(world: World, study: str, **more: Any) -> None:
    world.export(exportType="DAILY", endDateTime=rfc3339(END), studyWhitelist=[study], **more)


def test_put_makes_a_study_that_takes_part_at_once(world: World, cli: Commands) -> None:
    made = cli.json("studies", "put", "a", "--yes")
    study = {"studyId": "a", "enabled": True, "usesCustomExportSchedule": False}
    assert made == {"dryRun": False, **study}
    assert cli.json("studies", "list") == [study]
    (operation,) = world.export(exportType="INSTANT")
    assert operation.study == "a"


def test_put_changes_only_what_is_given_and_leaves_other_attributes_alone(world: World, cli: Commands) -> None:
    table = world.stack.settings.study_table
    world.stack.clients.dynamodb.put_item(TableName=table, Item={"studyId": {"S": "a"}, "owner": {"S": "x"}})
    cli.json("studies", "put", "a", "--custom-schedule", "--yes")
    assert cli.json("studies", "put", "a", "--disabled", "--yes") == {
        "dryRun": False,
        "studyId": "a",
        "enabled": False,
        "usesCustomExportSchedule": True,
    }
    item = world.stack.clients.dynamodb.get_item(TableName=table, Key={"studyId": {"S": "a"}})["Item"]
    assert item["owner"] == {"S": "x"}


def test_disable_and_enable(world: World, cli: Commands) -> None:
    world.put_study("a")
    daily(world, "a")
    assert cli.json("studies", "disable", "a", "--yes")["enabled"] is False
    (nothing,) = world.export(exportType="INSTANT")
    assert nothing.study is None
    assert world.watermark("a") == END, "its watermark stays"
    assert cli.json("studies", "enable", "a", "--yes")["enabled"] is True
    assert "nobody" in cli("studies", "enable", "nobody", "--yes").stderr
    assert cli("studies", "disable", "nobody", "--yes").exit_code == 1


def test_a_dry_run_shows_the_study_as_it_would_be_and_without_a_yes_nothing_is_changed(
    world: World, cli: Commands
) -> None:
    for command in (("put", "new", "--custom-schedule"), ("put", "a", "--disabled"), ("disable", "a")):
        world.put_study("a")
        dry = cli.json("studies", *command, "--dry-run")
        assert (dry["dryRun"], dry["studyId"]) == (True, command[1])
        assert "--yes" in cli("studies", *command).stderr
        assert cli("studies", *command).exit_code == 2
        assert [study["studyId"] for study in cli.json("studies", "list")] == ["a"]
        assert cli.json("studies", "list")[0]["enabled"] is True
    world.put_study("a", enabled=False)
    assert "a would be enabled." in cli("studies", "enable", "a", "--dry-run").stdout
    cli.somebody = True
    assert cli("studies", "enable", "a", typed="n\n").exit_code == 1
    assert cli.json("studies", "list")[0]["enabled"] is False
    assert cli("studies", "enable", "a", typed="y\n").exit_code == 0
    assert cli.json("studies", "list")[0]["enabled"] is True
    assert [row.event for row in world.stack.ledger.history.query("config/studies/a")] == ["STUDY_PUT"]


def test_an_id_that_cannot_be_one_is_refused(cli: Commands) -> None:
    result = cli("studies", "put", "a/b", "--yes")
    assert result.exit_code == 1
    assert "must not hold a slash" in result.stderr


def test_each_change_stands_in_the_history(world: World, cli: Commands) -> None:
    cli.json("studies", "put", "a", "--yes")
    world.clock.tick(seconds=1)
    cli.json("studies", "disable", "a", "--yes")
    world.clock.tick(seconds=1)
    cli.json("studies", "delete", "a", "--yes")
    events = [row.event for row in world.stack.ledger.history.query("config/studies/a")]
    assert events == ["STUDY_PUT", "STUDY_PUT", "STUDY_DELETED"]


def test_c14_delete_removes_all_watermarks_of_the_study_and_cancels_its_waiting_work(
    world: World, cli: Commands
) -> None:
    world.put_study("a")
    world.put_study("b")
    daily(world, "a")
    daily(world, "b")
    world.set_watermark("partner/a", END)
    (waiting,) = world.submit(exportType="INSTANT", studyWhitelist=["a"])
    (sleeping,) = world.submit(exportType="DAILY", endDateTime=rfc3339(NOON), studyWhitelist=["a"])
    shown = cli.json("studies", "delete", "a", "--yes")
    assert {mark["export"] for mark in shown["watermarks"]} == {"default", "partner"}
    assert (shown["cancelledOperations"], shown["leftToTick"]) == (2, None)
    assert (world.watermark("a"), world.watermark("a", "partner"), world.watermark("b")) == (None, None, END)
    assert {world.operation(i).state for i in (waiting, sleeping)} == {State.CANCELLED}
    assert [study["studyId"] for study in cli.json("studies", "list")] == ["b"]


def test_an_export_that_runs_at_that_moment_cannot_bring_the_watermark_back(
    world: World, cli: Commands, faults: Faults
) -> None:
    world.put_study("a")
    daily(world, "a")
    (running,) = world.submit(exportType="INSTANT")

    def delete(_number: int, call: Any) -> None:
        if call.name == "Query" and call.names("Record"):
            faults.before = None
            assert cli("studies", "delete", "a", "--yes").exit_code == 0

    faults.before = delete
    world.work_once()
    world.clock.tick(seconds=100)
    world.work()
    assert world.watermark("a") is None
    assert world.operation(running).state is State.CANCELLED
    assert len(world.manifests("a")) == 1


def test_an_export_that_commits_just_before_the_study_goes_is_explained_by_its_deletion(
    world: World, cli: Commands, faults: Faults
) -> None:
    world.put_study("a")
    world.submit(exportType="DAILY", endDateTime=rfc3339(END), studyWhitelist=["a"])

    def commit(_number: int, call: Any) -> None:
        if call.name == "DeleteItem" and call.names("Study"):
            faults.before = None
            world.clock.tick(seconds=1)
            world.work()

    faults.before = commit
    assert cli("studies", "delete", "a", "--yes").exit_code == 0
    assert (len(world.manifests("a")), world.watermark("a")) == (1, None)
    report = verify(world, Pair("default", "a"))
    assert (report.ok, [remark.code for remark in report.remarks]) == (True, ["CHAIN_CLOSED"])


def test_a_study_that_is_made_again_starts_as_new(world: World, cli: Commands) -> None:
    world.put_study("a")
    ids = world.put_records("a", [END - timedelta(hours=2)])
    daily(world, "a")
    cli.json("studies", "delete", "a", "--yes")
    cli.json("studies", "put", "a", "--yes")
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END + timedelta(minutes=30)))
    assert operation.watermark_before is None
    assert operation.progress.records == len(ids)


def test_what_cannot_be_removed_now_is_left_to_the_tick_which_does_it(
    world: World, cli: Commands, faults: Faults
) -> None:
    world.put_study("a")
    daily(world, "a")
    denied = refused("AccessDeniedException", "DeleteItem")
    faults.fail(lambda call: call.name == "DeleteItem" and call.names("ExportTime"), denied)
    result = cli("studies", "delete", "a", "--yes")
    assert result.exit_code == 0
    assert "The tick does the rest within 5 minutes" in result.stderr
    world.clock.tick(minutes=2)
    world.stack.upkeep().run(world.clock())
    assert world.watermark("a") is None


def test_a_deletion_that_broke_off_can_be_repeated(world: World, cli: Commands) -> None:
    world.put_study("a")
    world.set_watermark("a", END)
    world.delete_study("a")
    assert cli.json("studies", "delete", "a", "--yes")["watermarks"][0]["study"] == "a"
    assert world.watermark("a") is None
    assert "UNKNOWN_STUDY" in cli("studies", "delete", "a", "--yes").stderr


def test_a_dry_run_shows_what_would_go_and_without_a_yes_nothing_goes(world: World, cli: Commands) -> None:
    world.put_study("a")
    daily(world, "a")
    result = cli("studies", "delete", "a", "--dry-run")
    assert result.exit_code == 0
    assert "Would delete the study a. Watermarks: default 2026-03-10 11:00:00Z." in result.stdout
    assert cli("studies", "delete", "a").exit_code == 2
    assert world.watermark("a") == END
