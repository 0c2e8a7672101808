"""`redrive window`: one operation per day and study, a few at a time; the same command again goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integration.commands import Commands
from integration.faults import Faults, refused
from integration.world import World
from tidegate.instants import rfc3339
from tidegate.model import State, Trigger, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=3)
RANGE = ("redrive", "window", "--start", rfc3339(START), "--end", rfc3339(END), "--yes")


def fill(world: World, *studies: str) -> dict[str, list[str]]:
    """Two records a day, from the day before the range to the day after it; the ids of those within it."""
    within = {}
    for study in studies:
        world.put_study(study)
        world.put_records(study, [START - timedelta(milliseconds=1), END])
        within[study] = world.put_records(study, [START + timedelta(hours=hours) for hours in (0, 12, 24, 36, 48, 71)])
    return within


def test_each_day_of_each_study_is_an_operation_and_together_they_are_the_whole(world: World, cli: Commands) -> None:
    ids = fill(world, "a", "b")
    world.set_watermark("a", START)
    answer = cli.json(*RANGE, "--wait")
    assert len(answer["operations"]) == 6
    assert {(o["state"], o["trigger"]) for o in answer["operations"]} == {("SUCCEEDED", Trigger.COMMAND)}
    for study in ("a", "b"):
        assert sorted(world.exported_ids(study)) == sorted(ids[study])
    windows = [(o["study"], o["window"]["start"]) for o in answer["operations"]]
    assert windows == [(s, rfc3339(START + timedelta(days=day))) for day in range(3) for s in ("a", "b")]
    assert (world.watermark("a"), world.watermark("b")) == (START, None)
    keys = world.keys()
    assert all("/redrive=" in key for key in keys)


def test_the_same_command_again_goes_on_instead_of_starting_over(world: World, cli: Commands, faults: Faults) -> None:
    fill(world, "a")
    faults.fail(lambda call: call.name == "Query" and call.names("Record"), refused("AccessDeniedException", "Query"))
    first = cli(*RANGE, "--wait", "--parallel", "1")
    assert first.exit_code == 1
    assert "3 of 3 ended, 2 succeeded, 1 did not" in first.stdout
    before = {o.operation_id: o for o in world.stack.service().operations()}
    sent = len(cli.sent)

    again = cli.json(*RANGE, "--wait")

    assert {o["state"] for o in again["operations"]} == {"SUCCEEDED"}
    assert {o["operationId"] for o in again["operations"]} == set(before)
    assert len(cli.sent) == sent, "no request is sent a second time"
    done = [o for o in before.values() if o.state is State.SUCCEEDED]
    assert [world.operation(o.operation_id) for o in done] == done
    assert cli.json(*RANGE, "--wait")["operations"] == again["operations"]


def test_never_more_than_the_given_number_are_at_work(world: World, cli: Commands) -> None:
    fill(world, "a", "b")
    most = 0

    def count() -> None:
        nonlocal most
        cli.intake()
        open_ones = [o for o in world.stack.service().operations(limit=None) if not o.state.final]
        most = max(most, len(open_ones))

    cli.while_asleep = count
    cli.json(*RANGE, "--wait", "--parallel", "2")
    assert most == 2


def test_without_wait_it_stays_until_the_last_is_sent(world: World, cli: Commands) -> None:
    fill(world, "a")
    cli.json(*RANGE, "--parallel", "2")
    assert len(cli.sent) == 3
    cli.intake()
    world.work()
    assert len(world.manifests("a")) == 3


def test_days_are_those_of_the_exports_time_zone(world: World, cli: Commands) -> None:
    world.put_study("a")
    document = {
        "exportId": "london",
        "source": {"type": "dynamodb", "table": "Record", "index": "study-uploadedOn-index"},
        "timeZone": "Europe/London",
    }
    world.stack.service().put_export(document, None, world.clock())
    world.clock.now = datetime(2026, 4, 10, tzinfo=UTC)
    range_ = ("--start", "2026-03-28T12:00:00Z", "--end", "2026-03-30T12:00:00Z")
    answer = cli.json("redrive", "window", *range_, "--export", "london", "--yes", "--wait")
    starts = [o["window"]["start"] for o in answer["operations"]]
    assert starts == ["2026-03-28T12:00:00.000Z", "2026-03-29T00:00:00.000Z", "2026-03-29T23:00:00.000Z"]


def test_as_one_it_is_one_request_for_all(world: World, cli: Commands) -> None:
    ids = fill(world, "a", "b")
    answer = cli.json(*RANGE, "--as-one", "--wait")
    assert len(cli.sent) == 1
    assert [o["study"] for o in answer["operations"]] == ["a", "b"]
    assert world.exported_ids("a") == ids["a"]
    windows = {world.operation(o["operationId"]).window for o in answer["operations"]}
    assert windows == {Window(START, END)}


def test_a_dry_run_shows_each_request_and_sends_none(world: World, cli: Commands) -> None:
    fill(world, "a")
    shown = cli.json(*RANGE, "--dry-run")
    assert [message["studyWhitelist"] for message in shown["sent"]] == [["a"]] * 3
    assert "2026-03-03T00:00:00.000Z to 2026-03-04T00:00:00.000Z  a" in cli(*RANGE, "--dry-run").stdout
    assert cli.sent == []


def test_an_unknown_study_is_refused_before_anything_is_sent(world: World, cli: Commands) -> None:
    fill(world, "a")
    result = cli(*RANGE, "--study", "a", "--study", "nobody")
    assert result.exit_code == 1
    assert "UNKNOWN_STUDY" in result.stderr
    assert cli.sent == []


def test_another_tag_makes_it_another_redrive(world: World, cli: Commands) -> None:
    fill(world, "a")
    cli.json(*RANGE, "--wait")
    cli.json(*RANGE, "--wait", "--tag", "once more")
    assert len(world.manifests("a")) == 6


def test_a_new_definition_starts_over_because_the_files_of_the_old_one_are_not_what_was_asked_for(
    world: World, cli: Commands
) -> None:
    fill(world, "a")
    world.define("default", columns=["id"])
    first = cli.json(*RANGE, "--wait")["operations"]
    world.define("default", columns=["id", "studyId"])
    second = cli.json(*RANGE, "--wait")["operations"]
    assert {o["operationId"] for o in first}.isdisjoint(o["operationId"] for o in second)
    assert sorted({len(row) for manifest in world.manifests("a") for row in world.rows(manifest)}) == [1, 2]


def test_what_is_remembered_but_has_expired_is_said_to_be_done(world: World, cli: Commands) -> None:
    fill(world, "a")
    answer = cli.json(*RANGE, "--wait")
    for operation in answer["operations"]:
        world.stack.ledger.operations(operation["operationId"]).delete()
    world.clock.tick(days=20)
    result = cli(*RANGE, "--wait")
    assert result.exit_code == 0
    assert "3 were done so long ago that they have expired" in result.stdout
    assert len(world.manifests("a")) == 3


def test_one_that_was_refused_is_sent_again_by_the_next_command(world: World, cli: Commands) -> None:
    fill(world, "a")
    cli.while_asleep = lambda: world.put_study("a", enabled=False)
    refused_ones = cli(*RANGE, "--wait")
    assert refused_ones.exit_code == 1
    assert "STUDY_DISABLED" in refused_ones.stderr
    cli.while_asleep = None
    world.put_study("a")
    assert {o["state"] for o in cli.json(*RANGE, "--wait")["operations"]} == {"SUCCEEDED"}


def test_wrong_usage(cli: Commands) -> None:
    backwards = ("redrive", "window", "--start", rfc3339(END), "--end", rfc3339(START), "--yes")
    assert cli(*backwards).exit_code == 2
    long = ("redrive", "window", "--start", "1900-01-01T00:00:00Z", "--end", "2026-01-01T00:00:00Z", "--yes")
    cli.world.put_study("a")
    assert cli(*long).exit_code == 2
    assert "--as-one" in cli(*long).stderr


def test_at_a_terminal_one_bar_shows_how_far_the_whole_is(
    world: World, cli: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, "a")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    result = cli(*RANGE, "--wait")
    assert result.exit_code == 0
    assert "all" in result.stderr
    assert "100%" in result.stderr


def test_ctrl_c_leaves_the_work_and_says_that_the_same_command_goes_on(world: World, cli: Commands) -> None:
    ids = fill(world, "a")

    def interrupt() -> None:
        raise KeyboardInterrupt

    cli.while_asleep = interrupt
    result = cli(*RANGE, "--wait", "--parallel", "1")
    assert result.exit_code == 130
    assert "The same command again goes on from here." in result.stderr
    cli.while_asleep = None
    cli.json(*RANGE, "--wait")
    assert sorted(world.exported_ids("a")) == sorted(ids["a"])
