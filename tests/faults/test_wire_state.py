"""What the run on the wire looks at in the end finds each thing that can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from e2e.outsider import Outsider
from faults.wire import ATTEMPTS, excess
from faults.wire_calls import Call
from faults.wire_proxy import Traffic
from faults.wire_state import flaws
from integration.world import NOON, Clock, World, build

DAYS = ("2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z")
Due = dict[str, set[str]]
Seen = tuple[World, Outsider, Due]


@pytest.fixture
def exported() -> Iterator[Seen]:
    """Two days of one study, exported, and who looks at them from outside."""
    with mock_aws():
        world = build(Clock())
        world.put_study("a")
        world.define("default", firstExportFrom="2026-03-07T00:00:00Z")
        ids = world.put_records("a", [NOON.replace(day=day, hour=hour) for day in (7, 8) for hour in (3, 5, 7)])
        for end in DAYS:
            world.export(exportType="DAILY", endDateTime=end)
        used, clients = world.stack.settings, world.stack.clients
        outputs = {
            "OperationTableName": used.operation_table,
            "PairTableName": used.pair_table,
            "ExportTimeTableName": used.export_time_table,
            "ExportBucketName": used.export_bucket,
            "ExportRequestQueueUrl": used.request_queue_url,
            "WorkQueueUrl": used.work_queue_url,
            "RequestDeadLetterQueueUrl": used.request_dlq_url,
            "WorkDeadLetterQueueUrl": used.work_dlq_url,
        }
        functions: Any = None  # nothing is invoked, and no right is taken away
        outsider = Outsider(outputs, Path(), clients.dynamodb, clients.s3, clients.sqs, functions, roles=None)
        yield world, outsider, {"a": set(ids)}


def of(outsider: Outsider, ending: str, number: int = 0) -> str:
    return sorted(key for key in outsider.keys("a") if key.endswith(ending))[number]


def rewrite(outsider: Outsider, key: str, change: Callable[[bytes], bytes]) -> None:
    bucket = outsider.outputs["ExportBucketName"]
    outsider.s3.put_object(Bucket=bucket, Key=key, Body=change(outsider.read(key)))


def lose_a_record(seen: Seen) -> None:
    seen[2]["a"].add("a-lost")


def repeat_a_record(seen: Seen) -> None:
    def with_the_first_days_parts(stored: bytes) -> bytes:
        first = json.loads(seen[1].read(of(seen[1], "/manifest.json")))
        manifest = json.loads(stored)
        return json.dumps({**manifest, "parts": [*manifest["parts"], *first["parts"]]}).encode()

    rewrite(seen[1], of(seen[1], "/manifest.json", 1), with_the_first_days_parts)


def invent_a_record(seen: Seen) -> None:
    seen[2]["a"].remove(min(seen[2]["a"]))


def flip_a_byte(seen: Seen) -> None:
    rewrite(seen[1], of(seen[1], ".jsonl"), lambda stored: stored.replace(b"a-", b"b-", 1))


def leave_an_orphan(seen: Seen) -> None:
    key = of(seen[1], ".jsonl")
    seen[1].s3.put_object(
        Bucket=seen[1].outputs["ExportBucketName"], Key=key.replace("part-00001", "part-00009"), Body=b""
    )


def change_the_first_manifest(seen: Seen) -> None:
    rewrite(seen[1], of(seen[1], "/manifest.json"), lambda stored: stored + b"\n")


def move_the_watermark(seen: Seen) -> None:
    seen[0].set_watermark("a", NOON)


def leave_a_seal(seen: Seen) -> None:
    outputs, client = seen[1].outputs, seen[1].dynamodb
    client.update_item(
        TableName=outputs["PairTableName"],
        Key={"pair": {"S": "default/a"}},
        UpdateExpression="SET seal = :seal",
        ExpressionAttributeValues={":seal": {"B": b"x"}},
    )


def leave_a_dead_letter(seen: Seen) -> None:
    seen[1].sqs.send_message(QueueUrl=seen[1].outputs["RequestDeadLetterQueueUrl"], MessageBody="{}")


def leave_an_operation_open(seen: Seen) -> None:
    seen[0].put_study("b")
    seen[0].submit(exportType="DAILY", endDateTime=DAYS[0], studyWhitelist=["b"])


WRONG: dict[Callable[[Seen], None], str] = {
    lose_a_record: "1 records are in no part, such as a-lost",
    repeat_a_record: "3 records are there more than once",
    invent_a_record: "1 records that nobody put",
    flip_a_byte: "other bytes than its manifest says",
    leave_an_orphan: "no manifest names",
    change_the_first_manifest: "is not what the next manifest names before it",
    move_the_watermark: "the watermark is",
    leave_a_seal: "has a seal that nobody committed",
    leave_a_dead_letter: "1 messages are left in RequestDeadLetterQueueUrl",
    leave_an_operation_open: "is NOT_STARTED",
}


def test_a_sound_stack_has_no_flaws(exported: Seen) -> None:
    assert list(flaws(exported[1], exported[2])) == []


@pytest.mark.parametrize("harm", WRONG, ids=lambda harm: harm.__name__)
def test_each_harm_is_found(exported: Seen, harm: Callable[[Seen], None]) -> None:
    harm(exported)
    found = list(flaws(exported[1], exported[2]))
    assert [flaw for flaw in found if WRONG[harm] in flaw], found


def test_more_attempts_than_the_bound_are_a_flaw() -> None:
    traffic = Traffic()
    for attempt in range(1, ATTEMPTS + 1):
        traffic.note(Call("S3", "GetObject", "one", attempt, None), trouble=True)
    assert list(excess(traffic)) == []
    traffic.note(Call("S3", "GetObject", "one", ATTEMPTS + 1, None), trouble=True)
    assert len(list(excess(traffic))) == 2
