"""Whole exports to several destinations: each has its receipt, and only what is missing is sent again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destinations import openssh
from destinations.partners import Partners
from integration.commands import Commands
from integration.faults import Call, Crash, Faults
from integration.sealing import END
from integration.world import World
from tidegate.instants import rfc3339
from tidegate.job import QUEUE_VISIBILITY_SECONDS
from tidegate.model import Operation, State

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": rfc3339(END), "export": "partner"}
WINDOW = "20260309T110000.000Z_20260310T110000.000Z"
PARTS = [f"partner_a_{WINDOW}_part-0000{number}.jsonl" for number in (1, 2)]


def define(world: World, *destinations: dict[str, Any], part: int = 1) -> None:
    world.define("partner", destinations=list(destinations), maxRecordsPerPart=part)


def put(world: World) -> None:
    world.put_study("a")
    world.put_records("a", [END - timedelta(hours=2), END - timedelta(hours=1)])


def run(world: World) -> Operation:
    (operation,) = world.export(**BODY)
    return operation


def receipts(operation: Operation) -> dict[str, Any]:
    assert operation.result is not None
    return {receipt["destination"]: receipt for receipt in operation.result["receipts"]}


def test_every_destination_gets_all_parts_and_has_a_receipt_of_its_own(world: World, partners: Partners) -> None:
    put(world)
    define(world, {"type": "S3"}, partners.bucket(), partners.sftp())
    operation = run(world)
    assert (operation.state, world.watermark("a", "partner")) == (State.SUCCEEDED, END)
    (manifest,) = world.manifests()
    own = {key: world.data(key) for key in world.keys("exports/")}
    assert partners.objects() == own, "the other bucket has the same under the same names, the manifest too"
    parts = [world.data(part["key"]) for part in manifest["parts"]]
    assert partners.files() == dict(zip(PARTS, parts, strict=True))
    assert list(receipts(operation)) == ["S3", "S3-2", "SFTP"]
    sftp = receipts(operation)["SFTP"]
    assert (sftp["outcome"], sftp["files"], sftp["bytes"]) == ("DELIVERED", 2, sum(map(len, parts)))
    assert sftp["where"].startswith(f"sftp://{partners.server.user}@127.0.0.1:")
    assert world.keys("work/") == []


def test_a_strict_row_limit_fails_before_any_destination_has_heard_of_it(
    world: World, partners: Partners, faults: Faults
) -> None:
    put(world)
    world.define("partner", destinations=[partners.bucket(), partners.sftp()], rowLimit=1, maxRecordsPerPart=1)
    operation = run(world)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "ROW_LIMIT")
    assert "at least 2 records, more than its rowLimit of 1." in operation.error.message
    assert "Query" in faults.names(), "the source was asked: it is the records that are too many"
    assert (partners.objects(), partners.files(), world.keys("")) == ({}, {}, [])
    assert world.watermark("a", "partner") is None


@pytest.mark.parametrize(
    "limits",
    [{"rowLimit": 1, "rowLimitPolicy": "split"}, {"maxBytesPerPart": 1}],
    ids=lambda limits: next(iter(limits)),
)
def test_what_is_cut_instead_arrives_as_several_files_everywhere(
    world: World, partners: Partners, limits: dict[str, Any]
) -> None:
    put(world)
    world.define("partner", destinations=[partners.bucket(), partners.sftp()], **limits)
    assert run(world).state is State.SUCCEEDED
    assert sorted(partners.files()) == PARTS
    assert len(partners.objects()) == 3, "two parts and the manifest"


def test_a_destination_that_is_down_holds_up_no_other_and_is_served_when_it_is_back(
    world: World, partners: Partners
) -> None:
    put(world)
    nowhere = openssh.free_port()
    define(world, partners.sftp(port=nowhere, name="down"), partners.bucket(), partners.sftp(name="up"))
    operation = run(world)
    assert operation.state is State.RUNNING
    assert operation.error is not None
    assert operation.error.code == "DESTINATION_UNAVAILABLE"
    assert "1 of 3 further destinations" in operation.error.message
    assert len(partners.files()) == 2
    assert len(partners.objects()) == 3
    assert (world.manifests(), world.watermark("a", "partner")) == ([], None)
    for wait in (1, 2, 4):
        assert world.visibility[-1] == wait
        world.clock.tick(seconds=wait + 1)
        assert world.work_once() is not None
    define(world, partners.sftp(name="down", existing="suffix"), partners.bucket(), partners.sftp(name="up"))
    world.clock.tick(seconds=9)
    world.work()
    done = world.operation(operation.operation_id)
    assert done.state is State.SUCCEEDED
    assert list(receipts(done)) == ["S3", "down", "S3-2", "up"]
    assert len(partners.files()) == 4, "the one server plays both, so the second copy has a suffix"
    assert len(partners.objects()) == 3


def test_after_hours_without_progress_it_fails_and_a_redrive_sends_only_what_has_no_receipt(
    world: World, partners: Partners, faults: Faults, cli: Commands
) -> None:
    put(world)
    define(world, partners.bucket(), partners.sftp(port=openssh.free_port()))
    operation = run(world)
    world.clock.tick(seconds=2)
    faults.clear()
    world.work_once()
    assert "CopyObject" not in faults.names(), "to wait for a destination is not to write the parts anew"
    world.clock.tick(hours=7)
    world.work()
    failed = world.operation(operation.operation_id)
    assert failed.state is State.FAILED
    before = partners.objects()
    define(world, partners.bucket(), partners.sftp())
    faults.clear()
    answer = cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert answer["operations"][0]["state"] == "SUCCEEDED"
    assert not [call for call in faults.calls if call.names("Record")]
    assert partners.objects() == before
    assert sorted(partners.files()) == PARTS
    assert world.watermark("a", "partner") == END


@pytest.mark.parametrize(
    "failing", [{"left", "right"}, {"S3-2", "right"}, {"right"}], ids=lambda names: "-".join(sorted(names))
)
def test_destinations_that_had_all_get_nothing_twice_when_those_that_failed_are_redriven(
    world: World, partners: Partners, cli: Commands, failing: set[str]
) -> None:
    put(world)
    boxes = {name: partners.server.inbox(f"{name}-{len(failing)}-{min(failing)}") for name in ("left", "right")}

    def entries(failing: set[str]) -> list[dict[str, Any]]:
        bucket = partners.bucket(**({"bucket": "not-there"} if "S3-2" in failing else {}))
        keys = {name: [OTHER_KEY] if name in failing else [partners.server.host_key] for name in boxes}
        return [bucket, *(partners.sftp(name=n, directory=str(boxes[n]), hostKeys=keys[n]) for n in boxes)]

    define(world, *entries(failing))
    operation = run(world)
    assert operation.state is State.FAILED
    told = {found["destination"]: found for found in cli.json("destinations", "show", operation.operation_id)}
    assert {name for name, found in told.items() if found["outcome"] == "FAILED"} == failing
    before = {path: path.stat() for box in boxes.values() for path in box.iterdir()}
    assert {path.parent for path in before} == {box for name, box in boxes.items() if name not in failing}
    define(world, *entries(set()))
    cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert world.operation(operation.operation_id).state is State.SUCCEEDED
    assert all(sorted(path.name for path in box.iterdir()) == PARTS for box in boxes.values())
    after = {path: path.stat() for path in before}
    assert {path: (s.st_ino, s.st_mtime_ns) for path, s in after.items()} == {
        path: (s.st_ino, s.st_mtime_ns) for path, s in before.items()
    }
    assert len(partners.objects()) == 3, "two parts and the manifest, each written once"


def test_a_wrong_host_key_fails_the_operation_at_once_but_after_the_others_are_served(
    world: World, partners: Partners, cli: Commands
) -> None:
    put(world)
    define(world, partners.sftp(hostKeys=[OTHER_KEY]), partners.bucket())
    operation = run(world)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "HOST_KEY_MISMATCH")
    assert (len(partners.objects()), partners.files(), world.manifests()) == (3, {}, [])
    define(world, partners.sftp(hostKeys=[OTHER_KEY, partners.server.host_key]), partners.bucket())
    cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert sorted(partners.files()) == PARTS
    assert len(partners.objects()) == 3
    assert world.operation(operation.operation_id).state is State.SUCCEEDED


def test_the_next_request_of_the_study_completes_the_delivery_first(world: World, partners: Partners) -> None:
    put(world)
    define(world, partners.sftp(hostKeys=[OTHER_KEY]), partners.bucket())
    first = run(world)
    define(world, partners.sftp(), partners.bucket())
    (second,) = world.export(exportType="INSTANT", export="partner")
    assert world.operation(first.operation_id).state is State.SUCCEEDED
    assert second.state is State.SUCCEEDED
    assert sorted(partners.files()) == PARTS, "the second window has no records"


def test_a_worker_that_dies_after_any_note_of_a_delivery_leaves_nothing_to_be_sent_twice(
    world: World, partners: Partners, faults: Faults
) -> None:
    put(world)
    notes = 0
    for number in range(1, 40):
        define(world, partners.bucket(prefix=f"n{number}/{{study}}/{{window}}"), partners.sftp(), part=2)
        (operation_id,) = world.submit(**BODY, ignoreLastExportTime=True, tag=str(number))
        left = iter(range(1, number + 1))

        def die(_number: int, call: Call, left: Any = left, number: int = number) -> None:
            if "deliveries" in json.dumps(call.params, default=str) and next(left, 0) == number:
                raise Crash(call.name)

        faults.after = die
        try:
            world.work_once()
        except Crash:
            notes += 1
        else:
            break
        finally:
            faults.clear()
        inodes = {path.name: path.stat().st_ino for path in partners.inbox.iterdir() if path.suffix == ".jsonl"}
        world.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
        world.work()
        assert world.operation(operation_id).state is State.SUCCEEDED
        partners.objects()
        now = {path.name: path.stat().st_ino for path in partners.inbox.iterdir()}
        assert inodes.items() <= now.items(), "what was there is still the same file"
        assert len([name for name in now if operation_id in name]) == 1
    told = "seal, parts, two objects and their receipt, a file in two steps and its receipt, commit"
    assert notes == 9, told


def test_an_empty_window_needs_no_connection(world: World, partners: Partners) -> None:
    world.put_study("a")
    define(world, partners.sftp(port=openssh.free_port()))
    operation = run(world)
    assert operation.state is State.SUCCEEDED
    assert receipts(operation)["SFTP"]["files"] == 0


@pytest.mark.parametrize("manifest", [True, False])
def test_a_manifest_is_sent_last_where_it_is_wanted(world: World, partners: Partners, *, manifest: bool) -> None:
    put(world)
    define(world, partners.sftp(manifest=manifest))
    run(world)
    (own,) = [world.data(key) for key in world.keys("exports/") if key.endswith("manifest.json")]
    assert partners.files().get(f"partner_a_{WINDOW}_manifest.json") == (own if manifest else None)


def test_tables_have_their_names_in_the_names_of_files(world: World, partners: Partners) -> None:
    world.put_study("a")
    for table in ("x", "y/.."):
        world.put_records("a", [END - timedelta(hours=1)], kind={"S": table})
    world.define("partner", destinations=[partners.sftp()], tableBy=["kind"])
    run(world)
    assert sorted(partners.files()) == [f"partner_a_{WINDOW}_{table}_part-00001.jsonl" for table in ("x", "y%2F..")]


def test_names_have_the_local_date_the_tag_and_a_number_over_all_tables(world: World, partners: Partners) -> None:
    end = datetime(2025, 7, 1, 23, 30, tzinfo=UTC)
    world.put_study("a")
    for table in ("x", "y"):
        world.put_records("a", [end - timedelta(hours=1)] * 2, kind={"S": table})
    name = "{study}_{date:YYYY-MM-DD}_{tag}_{operationId}_{sequence}.{extension}"
    places = [partners.sftp(fileName=name), partners.bucket(prefix="{end:YYYY/MM/DD}/{study}/{window}", timeZone="UTC")]
    world.define("partner", destinations=places, tableBy=["kind"], maxRecordsPerPart=1, timeZone="Europe/London")
    (operation,) = world.export(exportType="DAILY", endDateTime=rfc3339(end), export="partner", tag="month end")
    assert operation.state is State.SUCCEEDED
    begin = f"a_2025-07-02_month%20end_{operation.operation_id}_"
    assert sorted(partners.files()) == [f"{begin}0000{number}.jsonl" for number in (1, 2, 3, 4)]
    assert all(key.startswith("2025/07/01/a/2025") for key in partners.objects())


def test_an_override_is_named_by_the_local_day_of_its_acceptance(world: World, partners: Partners) -> None:
    world.put_study("a")
    (record,) = world.put_records("a", [END])
    world.stack.objects.put("ids.txt", record.encode())
    name = "{study}_{date:YYYYMMDD_HHmm}_{start}_{window}_{sequence}"
    world.define("partner", destinations=[partners.sftp(fileName=name, timeZone="Asia/Tokyo")])
    (operation,) = world.export(recordIdS3Override="ids.txt", export="partner")
    assert operation.state is State.SUCCEEDED
    assert list(partners.files()) == [f"a_20260310_2100_none_override-{operation.operation_id}_00001"]


def test_how_far_each_destination_is_can_be_seen_before_the_end_and_after(
    world: World, partners: Partners, cli: Commands
) -> None:
    put(world)
    define(world, partners.sftp(hostKeys=[OTHER_KEY]), partners.bucket(), partners.sftp(name="gone", port=1))
    operation = run(world)
    told = {found["destination"]: found for found in cli.json("destinations", "show", operation.operation_id)}
    assert {name: found["outcome"] for name, found in told.items()} == {
        "SFTP": "FAILED",
        "S3-2": "DELIVERED",
        "gone": "WAITING",
    }
    assert told["SFTP"]["error"]["code"] == "HOST_KEY_MISMATCH"
    assert (
        "gone  WAITING, 0 of 2 parts: DESTINATION_UNAVAILABLE"
        in cli("destinations", "show", operation.operation_id).stdout
    )
    define(world, partners.sftp(existing="suffix"), partners.bucket(), partners.sftp(name="gone"))
    world.clock.tick(hours=7)
    world.work()
    (later,) = world.export(exportType="INSTANT", export="partner")
    assert later.state is State.SUCCEEDED
    told = {found["destination"]: found for found in cli.json("destinations", "show", operation.operation_id)}
    assert {found["outcome"] for found in told.values()} == {"DELIVERED"}
    assert list(told) == ["S3", "SFTP", "S3-2", "gone"]
