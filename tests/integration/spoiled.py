"""Records that cannot be exported, made and cured, and the ticks that see to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from integration.faults import Call
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Operation
from tidegate.upkeep import Report

END = NOON - timedelta(hours=1)
DAILY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": rfc3339(END)}
SPOILED = "spoiled"
BAD = {"note": {"S": SPOILED}}
HALF_A_PAIR = "\ud800"
"""What a spoiled note is when it is read; the emulator itself cannot keep it."""


def spoil_reads(world: World) -> None:
    """Let every spoiled note be read as text that no format can hold."""
    read_instead(world, {"S": SPOILED}, {"S": HALF_A_PAIR})


def read_instead(world: World, stored: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Let one value be read as another, which the emulator cannot keep."""
    before, after = (json.dumps(value).encode() for value in (stored, found))

    def change(response_dict: dict[str, Any], **_: Any) -> None:
        response_dict["body"] = response_dict["body"].replace(before, after)
        # Those that told length and checksum of what was sent would make it a damaged answer.
        response_dict["headers"] = {}

    for call in ("Query", "BatchGetItem"):
        world.stack.clients.dynamodb.meta.events.register_first(f"before-parse.dynamodb.{call}", change)


def put(world: World, good: int, bad: int, study: str = "a", **attributes: Any) -> list[str]:
    """So many good and bad records, an hour before the end; the ids of the bad ones."""
    if not world.stack.ledger.studies.is_there(study):
        world.put_study(study)
    first = END - timedelta(hours=1)
    world.put_records(study, [first + timedelta(seconds=n) for n in range(good)], **attributes)
    return world.put_records(study, [first + timedelta(seconds=n) for n in range(bad)], **BAD, **attributes)


def cure(world: World, *record_ids: str) -> None:
    for record_id in record_ids:
        world.stack.clients.dynamodb.update_item(
            TableName="Record",
            Key={"id": {"S": record_id}},
            UpdateExpression="SET note = :fine",
            ExpressionAttributeValues={":fine": {"S": "fine"}},
        )


def limit(world: World, percent: float, at_least: int) -> str:
    world.define("limited", maxFailedRecords={"percent": percent, "atLeast": at_least})
    return "limited"


def tick(world: World, **settings: Any) -> Report:
    ledger = world.stack.ledger
    changed = replace(ledger, settings=replace(ledger.settings, **settings))
    return replace(world.stack.upkeep(), ledger=changed).run(world.clock())


def listed(world: World, operation: Operation) -> list[dict[str, Any]]:
    assert operation.result is not None
    key = operation.result["failedRecords"]["key"]
    return [json.loads(text) for text in world.text(key).splitlines()]


def ids(lines: list[dict[str, Any]]) -> list[str]:
    return sorted(line["key"][0] for line in lines)


def redriven(world: World, operation: Operation) -> Operation:
    """The redrive of an operation: asked for, slept, worked on."""
    tick(world)
    world.clock.tick(minutes=16)
    tick(world)
    world.work()
    by = world.operation(operation.operation_id).redriven_by
    assert by is not None
    return world.operation(by)


def left(world: World) -> list[str]:
    return [operation.operation_id for operation in world.stack.service().operations(failed_records=True)]


def commits(call: Call) -> bool:
    """Whether a call moves a watermark."""
    writes = [item.get("Update") or item.get("Put") or {} for item in call.params.get("TransactItems", ())]
    return any(write.get("TableName") == "ExportTime" for write in writes)


def listed_key(operation: Operation) -> str:
    assert operation.result is not None
    return str(operation.result["failedRecords"]["key"])
