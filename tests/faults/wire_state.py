"""What a stack looks like from outside once it is quiet, and each way in which that is wrong as a sentence."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from e2e.outsider import FINAL, Outsider, Row, at, millis
from tidegate_local.waiting import wait_for

QUEUES = ("ExportRequestQueueUrl", "WorkQueueUrl", "RequestDeadLetterQueueUrl", "WorkDeadLetterQueueUrl")
Due = Mapping[str, set[str]]


def items(outsider: Outsider, table: str) -> list[dict[str, Any]]:
    """Every item of the table of that output."""
    pages = outsider.dynamodb.get_paginator("scan").paginate(TableName=outsider.outputs[table], ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def held_leases(outsider: Outsider) -> list[str]:
    """Pairs whose lease has not run out."""
    now = time.time() * 1000
    pairs = [item for item in items(outsider, "PairTableName") if int(item.get("leaseUntil", {"N": "0"})["N"]) > now]
    return [item["pair"]["S"] for item in pairs]


def become_quiet(outsider: Outsider, within: float) -> None:
    """Wait until nothing is under way: every operation final, the queues empty, no lease held."""

    def unrest() -> str:
        open_ones = [row["operationId"] for row in outsider.operations() if row["state"] not in FINAL]
        full = [queue for queue in QUEUES[:2] if outsider.left_in(queue)]
        return f"open {open_ones}, not empty {full}, leases {held_leases(outsider)}" if open_ones or full else ""

    def quiet() -> bool:
        return not unrest() and not held_leases(outsider)

    wait_for(quiet, what="the stack to become quiet", within=within, every=0.5)


def flaws(outsider: Outsider, due: Due) -> Iterator[str]:
    """A sentence for each thing that is not as it should be; `due` has the ids of all records by study."""
    for row in outsider.operations():
        if row["state"] != "SUCCEEDED":
            yield f"operation {row['operationId']} of {row['study']} is {row['state']}: {row['error']}"
    for queue in QUEUES:
        if left := outsider.left_in(queue):
            yield f"{left} messages are left in {queue}"
    for item in items(outsider, "PairTableName"):
        if "seal" in item:
            yield f"{item['pair']['S']} has a seal that nobody committed"
    for study, ids in due.items():
        yield from _flaws_of(outsider, study, ids)


def _flaws_of(outsider: Outsider, study: str, due: set[str]) -> Iterator[str]:
    links, found, named = [], Counter[str](), set()
    for key in outsider.keys(study):
        if not key.endswith("/manifest.json"):
            continue
        stored = outsider.read(key)
        manifest = json.loads(stored)
        named |= {key, *(part["key"] for part in manifest["parts"])}
        of_chain = all(mark not in key for mark in ("/reexport=", "/override=", "/redrive="))
        for part in manifest["parts"]:
            yield from _flaws_of_part(outsider, part)
            if of_chain:
                found.update(row["id"] for row in outsider.rows_of(part["key"]))
        if of_chain:
            links.append((key, sha256(stored).hexdigest(), manifest))
    if lost := due - found.keys():
        yield f"{study}: {len(lost)} records are in no part, such as {min(lost)}"
    if twice := [one for one, count in found.items() if count > 1]:
        yield f"{study}: {len(twice)} records are there more than once, such as {min(twice)}"
    if strange := found.keys() - due:
        yield f"{study}: {len(strange)} records that nobody put are in parts, such as {min(strange)}"
    if orphans := set(outsider.keys(study)) - named:
        yield f"{study}: no manifest names {sorted(orphans)}"
    yield from _flaws_of_chain(outsider, study, links)


def _flaws_of_part(outsider: Outsider, part: Row) -> Iterator[str]:
    stored = outsider.read(part["key"])
    if (len(stored), sha256(stored).hexdigest()) != (part["bytes"], part["sha256"]):
        yield f"{part['key']} has other bytes than its manifest says"
    elif len(outsider.rows_of(part["key"])) != part["records"]:
        yield f"{part['key']} has other records than its manifest says"


def _flaws_of_chain(outsider: Outsider, study: str, links: list[tuple[str, str, dict[str, Any]]]) -> Iterator[str]:
    links.sort(key=lambda link: str(link[2]["window"]["start"]))
    if not links:
        yield f"{study} has no manifest"
        return
    if links[0][2]["previousManifest"] is not None:
        yield f"{study}: the first manifest names one before it"
    for (key, digest, one), (_, _, following) in itertools.pairwise(links):
        if following["window"]["start"] != one["window"]["end"]:
            yield f"{study}: {key} ends at {one['window']['end']}, the next starts at {following['window']['start']}"
        if following["previousManifest"] != {"key": key, "sha256": digest}:
            yield f"{study}: {key} is not what the next manifest names before it"
    last = millis(at(links[-1][2]["window"]["end"]))
    expected = {"studyId": {"S": study}, "lastExportDateTime": {"N": str(last)}}
    if (watermark := outsider.watermark(study)) != expected:
        yield f"{study}: the watermark is {watermark}, the last window ends at {last}"
