"""Overrides: exactly the records that a file in S3 names, whatever their time (SPEC 2, 6 and 7)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults
from integration.resources import REGION
from integration.world import NOON, World
from tidegate.errors import RejectedError
from tidegate.model import Operation, Outcome, State

KEY = "requests/ids.txt"


def put_file(world: World, *lines: str, ending: str = "\n", key: str = KEY) -> None:
    world.stack.objects.put(key, ending.join(lines).encode())


@pytest.fixture
def ids(world: World) -> dict[str, list[str]]:
    """Two records of each of two studies, by study."""
    for study in "ab":
        world.put_study(study)
    return {study: world.put_records(study, [NOON - timedelta(days=400), NOON + timedelta(days=1)]) for study in "ab"}


def override(world: World, **more: Any) -> list[Operation]:
    return world.export(recordIdS3Override=KEY, **more)


def records(operation: Operation) -> int:
    assert operation.result is not None
    return int(operation.result["counts"]["records"])


def test_each_study_that_owns_an_id_gets_an_operation_and_its_records_in_the_files_order(
    world: World, ids: dict[str, list[str]]
) -> None:
    put_file(world, ids["b"][1], ids["a"][0], ids["b"][0])
    operations = override(world)
    assert [(o.study, o.state, records(o)) for o in operations] == [
        ("a", State.SUCCEEDED, 1),
        ("b", State.SUCCEEDED, 2),
    ]
    assert world.exported_ids("a") == [ids["a"][0]]
    assert world.exported_ids("b") == [ids["b"][1], ids["b"][0]]


def test_its_files_lie_under_the_operation_and_the_day_of_acceptance_and_are_no_link_of_the_chain(
    world: World, ids: dict[str, list[str]]
) -> None:
    put_file(world, ids["a"][0])
    (operation,) = override(world)
    (manifest,) = world.manifests("a")
    directory = f"exports/export=default/study=a/dt=2026-03-10/override={operation.operation_id}/"
    assert manifest["parts"][0]["key"] == f"{directory}part-00001.jsonl"
    assert (manifest["window"], manifest["exportType"], manifest["previousManifest"]) == (None, None, None)
    assert manifest["watermark"] == {"before": None, "after": None}
    assert world.watermark("a") is None


def test_blank_lines_crlf_and_duplicates_do_no_harm(world: World, ids: dict[str, list[str]]) -> None:
    put_file(world, "", ids["a"][0], "   ", f" {ids['a'][1]} ", ids["a"][0], "", ending="\r\n")
    override(world)
    assert world.exported_ids("a") == ids["a"]


def test_with_a_whitelist_the_ids_of_other_studies_are_counted_as_filtered(
    world: World, ids: dict[str, list[str]]
) -> None:
    put_file(world, *ids["a"], *ids["b"])
    (operation,) = override(world, studyWhitelist=["a"])
    (manifest,) = world.manifests()
    assert (operation.study, manifest["study"]) == ("a", "a")
    assert manifest["skipped"]["filtered"] == 2
    assert world.exported_ids("a") == ids["a"]


def test_ids_found_nowhere_are_listed_in_an_operation_without_a_study(world: World, ids: dict[str, list[str]]) -> None:
    put_file(world, "gone-1", ids["a"][0], "gone-2")
    found, missing = override(world)
    assert (found.study, records(found)) == ("a", 1)
    assert (missing.study, missing.state, missing.outcome) == (None, State.SUCCEEDED, Outcome.NOTHING_NEW)
    assert missing.result is not None
    assert missing.result["counts"]["missing"] == 2
    key = missing.result["failedRecords"]["key"]
    assert missing.result["failedRecords"] == {"count": 2, "key": key}
    assert key.startswith("failed/"), "no lifecycle rule removes it while it is listed"
    assert [json.loads(line) for line in world.text(key).splitlines()] == [
        {"key": [record_id], "table": None, "errorCode": "NOT_THERE", "reason": "was found nowhere"}
        for record_id in ("gone-1", "gone-2")
    ]


def test_half_a_surrogate_pair_in_an_id_is_an_id_found_nowhere(world: World, ids: dict[str, list[str]]) -> None:
    put_file(world, json.dumps(["\ud800", "x"]), json.dumps({"key": ["\udfff"]}), ids["a"][0])
    nowhere, found = sorted(override(world), key=lambda operation: operation.study or "")
    assert (found.study, found.state, records(found)) == ("a", State.SUCCEEDED, 1)
    assert nowhere.result is not None
    listed = world.text(nowhere.result["failedRecords"]["key"]).splitlines()
    assert [json.loads(line)["key"] for line in listed] == [["\ud800", "x"], ["\udfff"]]


def test_a_file_none_of_whose_ids_exists_fails(world: World, ids: dict[str, list[str]]) -> None:
    assert ids
    put_file(world, "gone-1")
    (operation,) = override(world)
    assert operation.error is not None
    assert (operation.study, operation.state, operation.error.code) == (None, State.FAILED, "OVERRIDE_EMPTY")
    assert world.manifests() == []


def test_an_empty_file_has_nothing_new(world: World) -> None:
    put_file(world, "")
    (operation,) = override(world)
    assert (operation.study, operation.outcome) == (None, Outcome.NOTHING_NEW)


def test_a_disabled_studys_records_stay_out_and_a_whitelisted_disabled_study_is_refused(world: World) -> None:
    world.put_study("closed", enabled=False)
    put_file(world, *world.put_records("closed", [NOON]))
    (operation,) = override(world)
    assert operation.outcome == Outcome.NOTHING_NEW
    with pytest.raises(RejectedError, match="STUDY_DISABLED"):
        override(world, studyWhitelist=["closed"])


@pytest.mark.parametrize("where", ["other/ids.txt", "s3://elsewhere/ids.txt", "s3://shared/none.txt"])
def test_a_file_that_is_not_there_or_not_allowed_is_refused(world: World, where: str) -> None:
    for bucket in ("elsewhere", "shared"):
        make_bucket(world, bucket)
    world.stack = replace(world.stack, settings=replace(world.stack.settings, override_buckets=("shared",)))
    with pytest.raises(RejectedError, match="OVERRIDE_NOT_FOUND"):
        world.export(recordIdS3Override=where)
    assert world.states() == {State.REJECTED}


def test_a_file_in_a_bucket_that_the_parameter_names_is_taken(world: World, ids: dict[str, list[str]]) -> None:
    make_bucket(world, "shared")
    world.stack.clients.s3.put_object(Bucket="shared", Key="ids.txt", Body=ids["a"][0].encode())
    world.stack = replace(world.stack, settings=replace(world.stack.settings, override_buckets=("shared",)))
    world.export(recordIdS3Override="s3://shared/ids.txt")
    assert world.exported_ids("a") == [ids["a"][0]]


def make_bucket(world: World, bucket: str) -> None:
    """A bucket beside the stack's own, with a file in it."""
    world.stack.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    world.stack.clients.s3.put_object(Bucket=bucket, Key="ids.txt", Body=b"a")


def test_the_file_is_read_once_at_acceptance_so_a_later_change_does_not_count(
    world: World, ids: dict[str, list[str]]
) -> None:
    put_file(world, ids["a"][0])
    first = world.submit(recordIdS3Override=KEY, requestId="r")
    put_file(world, ids["a"][1])
    assert world.submit(recordIdS3Override=KEY, requestId="r") == first
    world.work()
    assert world.exported_ids("a") == [ids["a"][0]]


def test_an_override_leaves_nothing_of_its_own_behind_but_the_lists_of_the_request(
    world: World, ids: dict[str, list[str]]
) -> None:
    put_file(world, *ids["a"])
    override(world)
    assert {key.split("/")[1] for key in world.keys("work/")} == {"requests"}


def test_neither_acceptance_nor_work_touches_the_table_of_watermarks(
    world: World, faults: Faults, ids: dict[str, list[str]]
) -> None:
    world.set_watermark("a", NOON)
    put_file(world, *ids["a"])
    faults.clear()
    override(world)
    assert not [call.name for call in faults.calls if call.names(world.stack.settings.export_time_table)]


def test_more_ids_than_one_call_takes_all_come(world: World) -> None:
    world.put_study("a")
    many = world.put_records("a", [NOON + timedelta(seconds=n) for n in range(230)])
    put_file(world, *reversed(many))
    (operation,) = override(world)
    assert records(operation) == 230
    assert world.exported_ids("a") == list(reversed(many))


def test_a_redriven_request_is_written_under_redrive(world: World, ids: dict[str, list[str]]) -> None:
    put_file(world, ids["a"][0])
    (operation,) = override(world, redriveCount=1)
    (manifest,) = world.manifests("a")
    assert f"/redrive={operation.operation_id}/" in manifest["parts"][0]["key"]
