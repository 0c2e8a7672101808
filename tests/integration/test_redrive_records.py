"""`redrive records`: chosen ids, from a file, from S3, or from an operation's list of failed records."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from integration.commands import Commands
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Outcome

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
    world.stack.objects.put("lists/failed.jsonl", f'{{"key": ["{bad}"], "table": "", "reason": "x"}}\n'.encode())
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(END), tag="nightly")
    rows = world.stack.ledger.operations
    rows(operation.operation_id).update(
        actions=[
            rows.result.set({**(operation.result or {}), "failedRecords": {"key": "lists/failed.jsonl", "count": 1}})
        ]
    )
    answer = cli.json("redrive", "records", "--operation", operation.operation_id, "--yes", "--wait")
    (shown,) = answer["operations"]
    assert exported(world, shown["operationId"]) == [bad]
    assert good not in exported(world, shown["operationId"])
    assert (shown["export"], shown["tag"]) == ("default", "redrive; original: nightly")
    assert cli.sent[0]["redriveCount"] == 1


def test_a_redrive_list_is_a_file_of_ids_too_and_one_odd_id_hinders_no_other(world: World, cli: Commands) -> None:
    world.put_study("a")
    odd = [" lead", "line\nbreak", '["a","b"]', "{", "plain"]
    for name in odd:
        item = {"id": {"S": name}, "studyId": {"S": "a"}, "uploadedOn": {"N": "1"}}
        world.stack.clients.dynamodb.put_item(TableName="Record", Item=item)
    lines = "".join(json.dumps({"key": [name], "table": "", "reason": "x"}) + "\n" for name in odd)
    world.stack.objects.put("lists/failed-records.jsonl", lines.encode())
    (operation,) = world.export(exportType="INSTANT")
    rows = world.stack.ledger.operations
    failed = {"failedRecords": {"key": "lists/failed-records.jsonl", "count": len(odd)}}
    rows(operation.operation_id).update(actions=[rows.result.set({**(operation.result or {}), **failed})])
    for source in (("--operation", operation.operation_id), ("--s3", "lists/failed-records.jsonl")):
        (shown,) = cli.json("redrive", "records", *source, "--yes", "--wait")["operations"]
        assert exported(world, shown["operationId"]) == odd


def test_ids_that_an_override_did_not_find_can_be_asked_for_again(world: World, cli: Commands, tmp_path: Path) -> None:
    world.put_study("a")
    (known,) = world.put_records("a", [NOON])
    (tmp_path / "ids.txt").write_text(f"{known}\na-000002\n")
    cli.json("redrive", "records", "--file", str(tmp_path / "ids.txt"), "--yes", "--wait")
    (missing,) = [o for o in world.stack.service().operations() if o.study is None]
    assert missing.outcome == Outcome.NOTHING_NEW
    (late,) = world.put_records("a", [NOON])
    assert late == "a-000002"
    answer = cli.json("redrive", "records", "--operation", missing.operation_id, "--yes", "--wait")
    assert exported(world, answer["operations"][0]["operationId"]) == [late]


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
