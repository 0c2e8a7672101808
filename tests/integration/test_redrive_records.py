"""`redrive records`: chosen ids, from a file, from S3, or from an operation's list of failed records."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from integration.commands import Commands
from integration.spoiled import tick
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Operation, Outcome, State

END = NOON - timedelta(hours=1)


def exported(world: World, operation_id: str) -> list[str]:
    (manifest,) = [manifest for manifest in world.manifests() if manifest["operationId"] == operation_id]
    return [row["id"] for row in world.rows(manifest)]


def test_t7_redrive_records_exports_exactly_the_ids_of_a_file_and_leaves_the_watermark_alone(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    world.put_study("a")
    world.set_watermark("a", NOON - timedelta(hours=5))
    ids = world.put_records("a", [NOON - timedelta(days=400), NOON - timedelta(hours=7), NOON - timedelta(hours=2)])
    file = tmp_path / "ids.txt"
    file.write_text(f"{ids[2]}\r\n\n{ids[0]}\n{ids[2]}\n")
    answer = cli.json("redrive", "records", "--file", str(file), "--yes", "--wait")
    (shown,) = answer["operations"]
    assert shown["state"] == "SUCCEEDED"
    assert exported(world, shown["operationId"]) == [ids[2], ids[0]]
    assert world.watermark("a") == NOON - timedelta(hours=5)


def test_c05_the_message_is_an_override_request_in_the_export_bucket(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    world.put_study("a")
    (record,) = world.put_records("a", [NOON])
    (tmp_path / "ids.txt").write_text(record)
    shown = cli.json("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes", "--wait")
    (message,) = cli.sent
    assert shown["sent"] == [message]
    assert set(message) == {"requestId", "recordIdS3Override", "tag", "redriveCount"}
    assert message["recordIdS3Override"].startswith("overrides/")
    assert world.text(message["recordIdS3Override"]) == f"{record}\n"
    assert f"/redrive={shown['operations'][0]['operationId']}/" in world.keys()[0]


def test_a_file_that_lies_in_s3_is_named_as_it_is(world: World, cli: Commands) -> None:
    world.put_study("a")
    (record,) = world.put_records("a", [NOON])
    world.stack.objects.put("ids/mine.txt", record.encode())
    options = ("--study", "a", "--table", "_none", "--tag", "ticket 17")
    answer = cli.json("redrive", "records", "--s3", "ids/mine.txt", *options, "--yes", "--wait")
    (message,) = cli.sent
    assert message["recordIdS3Override"] == "ids/mine.txt"
    assert (message["studyWhitelist"], message["tableWhitelist"], message["tag"]) == (["a"], ["_none"], "ticket 17")
    assert world.keys("overrides/") == []
    assert answer["operations"][0]["tag"] == "ticket 17"


def test_the_failed_records_of_an_operation_are_redriven_from_its_list(world: World, cli: Commands) -> None:
    world.put_study("a")
    good, bad = world.put_records("a", [END - timedelta(hours=1), END - timedelta(hours=2)])
    operation_id = with_list(world, [bad], tag="nightly")
    answer = cli.json("redrive", "records", "--operation", operation_id, "--yes", "--wait")
    (shown,) = answer["operations"]
    assert exported(world, shown["operationId"]) == [bad]
    assert good not in exported(world, shown["operationId"])
    assert (shown["export"], shown["tag"]) == ("default", "redrive; original: nightly")
    (order,) = cli.ordered
    assert answer["sent"] == [order]
    assert order["redriveRecords"]["operationId"] == operation_id
    assert world.operation(shown["operationId"]).params["redriveCount"] == 1
    assert cli.sent == []


def test_a_redrive_list_is_a_file_of_ids_too_and_one_odd_id_hinders_no_other(world: World, cli: Commands) -> None:
    world.put_study("a")
    odd = [" lead", "line\nbreak", '["a","b"]', "{", "plain"]
    for name in odd:
        item = {"id": {"S": name}, "studyId": {"S": "a"}, "uploadedOn": {"N": "1"}}
        world.stack.clients.dynamodb.put_item(TableName="Record", Item=item)
    operation_id = with_list(world, odd)
    for source in (("--operation", operation_id), ("--s3", LIST)):
        (shown,) = cli.json("redrive", "records", *source, "--yes", "--wait")["operations"]
        assert exported(world, shown["operationId"]) == odd


def test_ids_that_an_override_did_not_find_stay_listed_until_they_are_found(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    world.put_study("a")
    (known,) = world.put_records("a", [NOON])
    (tmp_path / "ids.txt").write_text(f"{known}\na-000002\nnever\n")
    cli.json("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes", "--wait")
    (missing,) = listed(world)
    assert (missing.study, missing.outcome, missing.failed_records) == (None, Outcome.NOTHING_NEW, 2)
    world.clock.tick(days=400)
    assert tick(world).failed_records_left == 2
    assert [one.operation_id for one in listed(world)] == [missing.operation_id]
    (late,) = world.put_records("a", [NOON])
    assert late == "a-000002"
    answer = cli.json("redrive", "records", "--operation", missing.operation_id, "--yes", "--wait")
    found = next(shown for shown in answer["operations"] if shown["study"] == "a")
    assert exported(world, found["operationId"]) == [late]
    world.clock.tick(minutes=5)
    assert tick(world).failed_records_left == 1
    (again,) = listed(world)
    assert again.operation_id != missing.operation_id
    assert world.stack.recovery().failed_keys(again) == [("never",)]
    assert not world.operation(missing.operation_id).unsettled


def test_a_file_of_ids_that_are_all_nowhere_is_listed_too_until_a_person_settles_it(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("never\n")
    cli("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes", "--wait")
    (missing,) = listed(world)
    assert missing.error is not None
    assert (missing.state, missing.error.code) == (State.FAILED, "OVERRIDE_EMPTY")
    assert tick(world).failed_records_left == 1
    cli.json("redrive", "settle", missing.operation_id, "--reason", "a wrong file", "--yes")
    assert (listed(world), tick(world).failed_records_left) == ([], 0)


def test_ids_of_a_study_that_takes_no_part_keep_the_list_that_they_stand_in(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("a-000001\n")
    cli("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes")
    (missing,) = listed(world)
    world.put_study("a", enabled=False)
    world.put_records("a", [NOON])
    cli.json("redrive", "records", "--operation", missing.operation_id, "--yes", "--wait")
    world.clock.tick(minutes=5)
    assert tick(world).failed_records_left == 1
    assert [one.operation_id for one in listed(world)] == [missing.operation_id]


def test_the_failed_records_of_a_study_that_is_disabled_are_refused(world: World, cli: Commands) -> None:
    world.put_study("a")
    operation_id = with_list(world, world.put_records("a", [NOON]))
    world.put_study("a", enabled=False)
    assert "STUDY_DISABLED" in cli("redrive", "records", "--operation", operation_id, "--yes").stderr


def test_an_operation_has_its_own_export_and_study(cli: Commands) -> None:
    for option in ("--export", "--study"):
        assert cli("redrive", "records", "--operation", "x", option, "y", "--yes").exit_code == 2


LIST = "lists/failed-records.jsonl"


def with_list(world: World, ids: list[str], **request: str) -> str:
    """An operation that could not export these records; its id."""
    lines = "".join(json.dumps({"key": [one], "table": "", "errorCode": "x", "reason": "x"}) + "\n" for one in ids)
    world.stack.objects.put(LIST, lines.encode())
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), **request)
    rows = world.stack.ledger.operations
    failed = {**(operation.result or {}), "failedRecords": {"key": LIST, "count": len(ids)}}
    rows(operation.operation_id).update(actions=[rows.result.set(failed)])
    return operation.operation_id


def listed(world: World) -> list[Operation]:
    return world.stack.service().operations(failed_records=True)


def test_an_operation_without_failed_records_is_an_error_that_says_so(world: World, cli: Commands) -> None:
    world.put_study("a")
    (operation,) = world.export(exportType="INSTANT")
    result = cli("redrive", "records", "--operation", operation.operation_id, "--yes")
    assert result.exit_code == 1
    assert "has no list of failed records" in result.stderr


def test_a_refused_request_is_an_error_with_its_code(cli: Commands) -> None:
    result = cli("redrive", "records", "--s3", "ids/nothing.txt", "--yes")
    assert result.exit_code == 1
    assert "OVERRIDE_NOT_FOUND" in result.stderr


def test_a_dry_run_counts_the_ids_and_neither_stores_nor_sends_them(
    world: World, cli: Commands, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("one\ntwo\ntwo\n")
    result = cli("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--dry-run")
    assert result.exit_code == 0
    assert "Would export 2 records again." in result.stdout
    assert (cli.sent, world.keys("")) == ([], [])


def test_exactly_one_source_of_ids_must_be_given(cli: Commands) -> None:
    assert cli("redrive", "records", "--yes").exit_code == 2
    assert cli("redrive", "records", "--s3", "x", "--operation", "y", "--yes").exit_code == 2
    assert cli("redrive", "records", "--file", "there is no such file", "--yes").exit_code == 2


def test_an_empty_file_is_an_error(cli: Commands, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n \n")
    result = cli("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes")
    assert result.exit_code == 1
    assert "OVERRIDE_EMPTY" in result.stderr
