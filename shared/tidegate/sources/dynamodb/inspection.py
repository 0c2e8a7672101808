"""What `tidegate check` looks at in a record table: key, index, types, rights, sample times, how much would match."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tidegate.awserrors import translated
from tidegate.errors import TidegateError
from tidegate.instants import rfc3339, to_millis
from tidegate.model import AttributeValue, Definition, FailedRecord, Finding, Window
from tidegate.sources.dynamodb.keys import wire_value
from tidegate.sources.dynamodb.schema import Plan, describe, plan, remedy_of
from tidegate.sources.dynamodb.sieve import Sieve

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SAMPLES = 25
_COUNT_PAGES = 20
"""Per study: about 20 MB of records; more are reported as "more than"."""


def inspect(
    client: DynamoDBClient, definition: Definition, studies: Sequence[str], window: Window
) -> Sequence[Finding]:
    """One finding for each thing that an export of these studies and this window depends on.

    Writes nothing. Stops where going on makes no sense, so what fails is always the last finding or an independent one.
    """
    remedy, table = remedy_of(definition.export), definition.source.table
    try:
        schema = describe(client, table, remedy=remedy)
        chosen = plan(schema, definition)
        sieve = Sieve(chosen, definition)
    except TidegateError as error:
        return [Finding(ok=False, what=error.message, remedy=error.remedy)]
    found = [
        Finding(ok=True, what=f"Table {table} exists; its key is ({', '.join(schema.key)})."),
        Finding(ok=True, what=_way(chosen)),
    ]
    found += _guarded(partial(_samples, client, chosen, sieve, remedy))
    found += _guarded(partial(_rights, client, chosen, remedy))
    if not chosen.scan and not window.empty:
        for study in studies:
            found += _guarded(partial(_count, client, chosen, study, window, remedy))
    return found


def _guarded(look: Callable[[], Sequence[Finding]]) -> Sequence[Finding]:
    try:
        return look()
    except TidegateError as error:
        return [Finding(ok=False, what=error.message, remedy=error.remedy)]


def _way(chosen: Plan) -> str:
    spec = chosen.spec
    if chosen.scan:
        return (
            f"No index is named and the key is not ({spec.partition_key}, {spec.time_key}): the whole table is scanned."
        )
    by = f"index {chosen.index.name}" if chosen.index else "the table's own key"
    second = ", and by a second read of the table for what the index lacks" if chosen.second_read else ""
    return f"Records are found by {by} ({spec.partition_key}, {spec.time_key}){second}."


def _samples(client: DynamoDBClient, chosen: Plan, sieve: Sieve, remedy: str) -> Sequence[Finding]:
    """Whether up to 25 items have a study, a time in this notation, and an identity."""
    table, time_key = chosen.schema.table, chosen.spec.time_key
    arguments: dict[str, Any] = {"TableName": table, "Limit": _SAMPLES}
    if chosen.index is not None:
        arguments["IndexName"] = chosen.index.name
    with translated(f"Scanning {_SAMPLES} sample items of table {table}", remedy=remedy):
        answer: Mapping[str, Any] = client.scan(**arguments)
    items: list[Mapping[str, AttributeValue]] = answer["Items"]
    if not items:
        return [Finding(ok=True, what=f"Table {table} has no sample items to look at.")]
    findings = []
    timed = [item for item in items if time_key in item]
    if not timed:
        findings.append(
            Finding(ok=False, what=f"None of {len(items)} sample items has the attribute {time_key}.", remedy=remedy)
        )
    if not any(sieve.study(item) for item in items):
        what = f"None of {len(items)} sample items has the attribute {chosen.spec.partition_key}."
        findings.append(Finding(ok=False, what=what, remedy=remedy))
    for item in timed:
        found = _sample(sieve, item, whole=not chosen.second_read)
        if found is not None:
            what = f"Sample record {json.dumps(found.key, ensure_ascii=False)} cannot be exported: it {found.reason}."
            findings.append(Finding(ok=False, what=what, remedy=remedy))
            break
    if not findings:
        what = f"{len(timed)} of {len(items)} sample items have a time that reads as {chosen.spec.time_type}."
        findings.append(Finding(ok=True, what=f"{what}{_digits(chosen, timed)}"))
    return findings


def _sample(sieve: Sieve, item: Mapping[str, AttributeValue], *, whole: bool) -> FailedRecord | None:
    """What is wrong with an item, if anything is; only one that is `whole` can be asked for its identity."""
    millis = sieve.millis(item)
    if millis is None:
        return sieve.bad_time(item)
    found = sieve.record(item, millis) if whole else None
    return found if isinstance(found, FailedRecord) else None


def _digits(chosen: Plan, timed: Sequence[Mapping[str, AttributeValue]]) -> str:
    """What follows from times with another number of fraction digits than timeFraction says."""
    if chosen.time.attribute_type != "S":
        return ""
    texts = [item[chosen.spec.time_key]["S"] for item in timed]
    digits = [len(re.sub(r"^[^.]*\.?(\d*).*$", r"\1", text)) for text in texts]
    others = sum(count != chosen.spec.time_fraction for count in digits)
    if not others:
        return ""
    return (
        f" {others} of them do not have timeFraction's {chosen.spec.time_fraction} fraction digits: they are exported "
        "all the same, but those of one second may not be in the order of time."
    )


def _rights(client: DynamoDBClient, chosen: Plan, remedy: str) -> Sequence[Finding]:
    """The calls that an export makes, each with next to nothing to read."""
    table = chosen.schema.table
    called = []
    if chosen.scan:
        with translated(f"Scanning table {table}", remedy=remedy):
            client.scan(TableName=table, Limit=1, ConsistentRead=True)
        called.append("Scan")
    else:
        # One that surely has no records is as good as any to see whether the right is there.
        nobody = wire_value(chosen.schema.types[chosen.spec.partition_key], "0") or {"S": "0"}
        with translated(f"Querying table {table}", remedy=remedy):
            client.query(**_query(chosen, nobody, (0, 1)), Limit=1)
        called.append("Query")
    key = {name: wire_value(chosen.schema.types[name], "0") or {"B": b"0"} for name in chosen.schema.key}
    with translated(f"Reading items of table {table}", remedy=remedy):
        client.batch_get_item(RequestItems={table: {"Keys": [key], "ConsistentRead": True}})
    called.append("BatchGetItem")
    return [Finding(ok=True, what=f"{' and '.join(called)} on table {table} are allowed.")]


def _count(client: DynamoDBClient, chosen: Plan, study: str, window: Window, remedy: str) -> Sequence[Finding]:
    """How many records the window has before the filter, counted over a bounded number of pages.

    Of iso8601, an end within a second is counted up to the end of that second.
    """
    span = f"[{rfc3339(window.start)}, {rfc3339(window.end)})"
    partition = wire_value(chosen.schema.types[chosen.spec.partition_key], study)
    if partition is None:
        what = f"Study {study} cannot have records: attribute {chosen.spec.partition_key} is not text."
        return [Finding(ok=False, what=what, remedy=remedy)]
    start, end = to_millis(window.start), to_millis(window.end)
    with translated(f"Counting records of study {study} in table {chosen.schema.table}", remedy=remedy):
        counts = list(_counts(client, _query(chosen, partition, (start, end))))
        total, more = sum(count for count, _ in counts), counts[-1][1]
        if not more and chosen.time.attribute_type == "N":
            # BETWEEN takes the end in, the window does not.
            total -= sum(count for count, _ in _counts(client, _query(chosen, partition, (end, end))))
    return [Finding(ok=True, what=f"Study {study} has {'more than ' if more else ''}{total} records in {span}.")]


def _counts(client: DynamoDBClient, arguments: dict[str, Any]) -> Iterator[tuple[int, bool]]:
    for _ in range(_COUNT_PAGES):
        answer: Mapping[str, Any] = client.query(**arguments, Select="COUNT")
        more = bool(answer.get("LastEvaluatedKey"))
        yield int(answer["Count"]), more
        if not more:
            return
        arguments = {**arguments, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _query(chosen: Plan, partition: AttributeValue, span: tuple[int, int]) -> dict[str, Any]:
    low, high = chosen.time.bounds(*span)
    arguments: dict[str, Any] = {
        "TableName": chosen.schema.table,
        "KeyConditionExpression": "#partition = :partition AND #time BETWEEN :low AND :high",
        "ExpressionAttributeNames": {"#partition": chosen.spec.partition_key, "#time": chosen.spec.time_key},
        "ExpressionAttributeValues": {":partition": partition, ":low": low, ":high": high},
    }
    return arguments if chosen.index is None else {**arguments, "IndexName": chosen.index.name}
