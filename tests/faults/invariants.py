"""What must hold of a stack, looked at from outside: plain AWS calls, and code that shares nothing with the product.

`readers` are the sentences that hold at every moment, whatever has just died; `at_rest` those that hold once the queues
and the tick have become quiet. What is looked at is a picture (picture.py).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from faults.picture import FINAL, Manifest, Picture, named

GIVEN_UP = {"WATERMARK_CHANGED", "STUDY_DELETED"}
"""Why an operation may end although its manifest is there: SPEC 4 leaves the watermark to whoever moved it."""


def readers(picture: Picture) -> Iterator[str]:
    """What holds at every moment: a manifest is true, and all that it names is there; so is the look-back's memory."""
    for manifest in picture.manifests:
        content, where = manifest.content, manifest.key
        for part in content["parts"]:
            data = picture.objects.get(part["key"])
            if data is None:
                yield f"{where} names {part['key']}, which is not there"
            elif (len(data), hashlib.sha256(data).hexdigest()) != (part["bytes"], part["sha256"]):
                yield f"{part['key']} is not what {where} says of it"
            elif len(picture.rows(part["key"])) != part["records"]:
                yield f"{part['key']} has {len(picture.rows(part['key']))} records, and {where} says {part['records']}"
        if sum(part["records"] for part in content["parts"]) != content["records"]:
            yield f"{where} counts {content['records']} records, and its parts others"
        listed = content["failedRecords"]
        if listed["key"] is not None and listed["key"] not in picture.objects:
            yield f"{where} names {listed['key']}, which is not there"
        elif len(set(picture.failed(manifest))) != listed["count"]:
            yield f"{listed['key']} has not the {listed['count']} records that {where} says"
    yield from _memories(picture)


def _memories(picture: Picture) -> Iterator[str]:
    for row in picture.tables["Pair"]:
        memory = picture.objects.get(row.get("memoryKey", ""), b"")
        if "memoryKey" in row and hashlib.sha256(memory).hexdigest() != row["memorySha256"]:
            yield f"{row['pair']} names {row['memoryKey']}, what its look-back remembers, and it is not there so"


def at_rest(
    picture: Picture, *, refused: int = 0, by_hand: bool = False, letters: int = 0, tidy: bool = True
) -> Iterator[str]:
    """What must hold when all is quiet; each broken sentence is told.

    `refused`: so many refused requests lie in the dead-letter queue at least (one that crashed may be kept twice).
    `by_hand`: somebody moved a watermark or deleted a study, so that a chain may begin anew and a window be given up.
    `letters`: so many work messages were moved to the dead-letter queue by the test.
    `tidy`: no private object is left either; where nobody could remove them, a lifecycle rule does.
    """
    yield from readers(picture)
    yield from _work_has_ended(picture, refused, letters)
    yield from _nothing_is_left(picture, tidy=tidy)
    yield from _receipts(picture, by_hand=by_hand)
    for pair in {manifest.pair for manifest in picture.manifests}:
        yield from _chain(picture, pair, by_hand=by_hand)
    yield from _watermarks(picture, by_hand=by_hand)
    yield from _redrives(picture)


def committed(picture: Picture) -> list[Manifest]:
    """The manifests whose operation says that it ended with them."""
    found = []
    for manifest in picture.manifests:
        operation = picture.operations.get(manifest.operation, {})
        result = json.loads(operation.get("result") or "{}")
        if operation.get("state") == "SUCCEEDED" and result["manifest"] == named(manifest):
            found.append(manifest)
    return found


def segments(picture: Picture, pair: str) -> list[list[Manifest]]:
    """The committed chains of an (export, study), each from its beginning; a new one begins where nothing is named."""
    links = [m for m in committed(picture) if m.pair == pair and m.end is not None]
    followed = {json.dumps(m.content["previousManifest"], sort_keys=True): m for m in links}
    chains = []
    for first in sorted((m for m in links if m.content["previousManifest"] is None), key=lambda m: m.start):
        chain = [first]
        while (after := followed.get(json.dumps(named(chain[-1]), sort_keys=True))) is not None:
            chain.append(after)
        chains.append(chain)
    return chains


def _work_has_ended(picture: Picture, refused: int, letters: int) -> Iterator[str]:
    allowed = {"requests-dead": refused, "work-dead.fifo": letters}
    for queue, count in picture.queues.items():
        if count < allowed.get(queue, 0) or (count and queue not in allowed) or (count and not allowed.get(queue)):
            yield f"{count} messages are in {queue}"
    for row in picture.tables["Operation"]:
        if "outbox" in row:
            yield f"the end of operation {row['operationId']} was announced to nobody"
        if row["state"] not in FINAL:
            yield f"operation {row['operationId']} of {row.get('pair')} is {row['state']}"
        elif row["state"] != "REJECTED" and row.get("pair"):
            ends = [e for e in picture.tables["History"] if e["eventId"].startswith(row["operationId"])]
            states = [event["eventId"].rpartition("#")[2] for event in ends]
            if states.count(row["state"]) != 1:
                yield f"operation {row['operationId']} is {row['state']}, and the history tells {states or 'nothing'}"
    for row in picture.tables["Pair"]:
        left = [name for name in ("leaseOwner", "leaseUntil", "seal", "sealedBy") if name in row]
        if left:
            yield f"{row['pair']} still has {', '.join(left)}"


def _nothing_is_left(picture: Picture, *, tidy: bool) -> Iterator[str]:
    named = {m.key for m in picture.manifests}
    named |= {part["key"] for m in picture.manifests for part in m.content["parts"]}
    named |= {m.content["failedRecords"]["key"] for m in picture.manifests}
    named |= {row["memoryKey"] for row in picture.tables["Pair"] if "memoryKey" in row}
    for key in picture.objects:
        if key.startswith(("exports/", "lookback/")) and key not in named:
            yield f"nothing names {key}"
        if tidy and key.startswith("work/") and not key.startswith("work/requests/"):
            yield f"the private object {key} was left behind"


def _receipts(picture: Picture, *, by_hand: bool) -> Iterator[str]:
    by_key = {manifest.key: manifest for manifest in picture.manifests}
    told = {manifest.key for manifest in committed(picture)}
    for row in picture.tables["Operation"]:
        result = json.loads(row.get("result") or "{}")
        if row["state"] != "SUCCEEDED" or not result.get("manifest"):
            continue
        manifest = by_key.get(result["manifest"]["key"])
        if manifest is None or manifest.sha256 != result["manifest"]["sha256"]:
            yield f"operation {row['operationId']} has a receipt for {result['manifest']['key']}, which is not there so"
            continue
        if any(receipt.get("manifest", manifest.key) not in by_key for receipt in result["receipts"]):
            yield f"operation {row['operationId']} has a receipt for what is not there: {result['receipts']}"
        counted = (result["counts"]["records"], result["counts"]["parts"], result["failedRecords"]["count"])
        content = manifest.content
        if counted != (content["records"], len(content["parts"]), content["failedRecords"]["count"]):
            yield f"operation {row['operationId']} counts {counted}, and its manifest otherwise"
    for key in by_key.keys() - told:
        operation = picture.operations.get(by_key[key].operation, {})
        code = json.loads(operation.get("error") or "{}").get("code")
        if not by_hand or not (operation.get("state") == "CANCELLED" or code in GIVEN_UP):
            yield f"readers see {key}, and its operation did not end with it ({operation.get('state')})"


def _chain(picture: Picture, pair: str, *, by_hand: bool) -> Iterator[str]:
    """Within each chain windows abut, and each record of its span is in it once, in a part or in a redrive list."""
    study = pair.partition("/")[2]
    times = {row["id"]: int(row["uploadedOn"]) for row in picture.tables["Record"] if row["studyId"] == study}
    chains = segments(picture, pair)
    linked = [manifest for chain in chains for manifest in chain]
    for manifest in committed(picture):
        if manifest.pair == pair and manifest.end is not None and linked.count(manifest) != 1:
            yield f"{manifest.key} is in {linked.count(manifest)} chains"
    if len(chains) > 1 and not by_hand:
        yield f"{pair} has {len(chains)} chains: {[chain[0].key for chain in chains]}"
    for chain in chains:
        for before, after in pairwise(chain):
            if before.end != after.start or after.content["watermark"]["before"] != after.content["window"]["start"]:
                yield f"{after.key} does not begin where {before.key} ends"
        end = chain[-1].end or 0
        wanted = Counter(i for i, at in times.items() if chain[0].start <= at < end)
        found = Counter(i for manifest in chain for i in picture.records(manifest) + picture.failed(manifest))
        if lost := wanted - found:
            yield f"lost from {pair}: {sorted(lost)}"
        if more := found - wanted:
            yield f"twice or out of place in {pair}: {sorted(more)}"


def _watermarks(picture: Picture, *, by_hand: bool) -> Iterator[str]:
    heads = {row["pair"]: row for row in picture.tables["Pair"]}
    stored = {}
    for row in picture.tables["ExportTime"]:
        key = row["studyId"]
        stored[key if "/" in key else f"default/{key}"] = int(row["lastExportDateTime"])
        if set(row) != {"studyId", "lastExportDateTime"} or row["lastExportDateTime"] % 1:
            yield f"the watermark of {key} is not two attributes with whole milliseconds: {row}"
    for pair in {manifest.pair for manifest in picture.manifests}:
        last = [chain[-1] for chain in segments(picture, pair)]
        head = heads.get(pair, {})
        at_head = [m for m in last if named(m) == {"key": head.get("headKey"), "sha256": head.get("headSha256")}]
        if last and not at_head and not by_hand:
            yield f"the chain head of {pair} is {head.get('headKey')}, not {last[-1].key}"
        ends = {m.end for m in at_head}
        if ends and stored.get(pair) not in ends and not by_hand:
            yield f"the watermark of {pair} is {stored.get(pair)}, and its chain ends at {ends}"


def _redrives(picture: Picture) -> Iterator[str]:
    """What a redrive list names is, by its redrive, exported or listed again, each record once."""
    by_operation = {manifest.operation: manifest for manifest in committed(picture)}
    by_request = {row.get("requestId"): row["operationId"] for row in picture.tables["Operation"]}
    for manifest in by_operation.values():
        listed = Counter(picture.failed(manifest))
        redrive = by_operation.get(by_request.get(f"redrive-{manifest.operation}", ""))
        if redrive is None:
            if listed and picture.operations[manifest.operation].get("due") != "left":
                yield f"nobody sees to the failed records of {manifest.key}"
            continue
        found = Counter(picture.records(redrive) + picture.failed(redrive))
        if found != listed:
            yield f"{redrive.key} has {sorted(found.elements())}, and was to have {sorted(listed.elements())}"
