"""A picture of a stack from outside, by plain AWS calls, read by code that shares nothing with the product."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

TABLES = ("Study", "ExportTime", "Operation", "Pair", "History", "Record")
QUEUES = ("requests", "requests-dead", "work.fifo", "work-dead.fifo")
FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """A manifest and where it is."""

    key: str
    sha256: str
    content: Row

    @property
    def pair(self) -> str:
        return f"{self.content['export']}/{self.content['study']}"

    @property
    def operation(self) -> str:
        return str(self.content["operationId"])

    @property
    def end(self) -> int | None:
        """The watermark's new value in epoch milliseconds; None where the manifest is no link of a chain."""
        after = self.content["watermark"]["after"]
        return None if after is None else millis(after)

    @property
    def start(self) -> int:
        return millis(self.content["window"]["start"])


@dataclass
class Picture:
    """Everything that can be seen of a stack. `objects` are those of the export bucket, by key."""

    objects: Mapping[str, bytes]
    tables: Mapping[str, Sequence[Row]]
    queues: Mapping[str, int]
    _rows: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def manifests(self) -> list[Manifest]:
        found = []
        for key, data in self.objects.items():
            if key.startswith("exports/") and key.endswith("/manifest.json"):
                found.append(Manifest(key, hashlib.sha256(data).hexdigest(), json.loads(data)))
        return found

    @property
    def operations(self) -> dict[str, Row]:
        return {row["operationId"]: row for row in self.tables["Operation"]}

    def records(self, manifest: Manifest) -> list[str]:
        """The ids in the manifest's parts, in their order."""
        return [str(row["id"]) for part in manifest.content["parts"] for row in self.rows(part["key"])]

    def failed(self, manifest: Manifest) -> list[str]:
        """The ids in the manifest's redrive list."""
        key = manifest.content["failedRecords"]["key"]
        if key is None:
            return []
        return [json.loads(line)["key"][0] for line in self.objects[key].decode().splitlines()]

    def rows(self, key: str) -> list[Row]:
        """The records of a part, whatever its format."""
        if key not in self._rows:
            self._rows[key] = list(_rows(key, self.objects[key]))
        return self._rows[key]


def look(dynamodb: Any, s3: Any, sqs: Any, bucket: str) -> Picture:
    """A picture of the stack whose tables and queues have the names of integration/resources.py."""
    deserialize = TypeDeserializer().deserialize
    tables = {}
    for table in TABLES:
        items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        tables[table] = [{name: deserialize(value) for name, value in item.items()} for item in items]
    listed = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    objects = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in listed}
    return Picture(objects, tables, {queue: _messages(sqs, queue) for queue in QUEUES})


def quiet(dynamodb: Any, sqs: Any) -> bool:
    """Whether nothing is on its way any more: no message, no open operation, nothing that the tick has to look at."""
    if any(_messages(sqs, queue) for queue in ("requests", "work.fifo")):
        return False
    rows = dynamodb.scan(TableName="Operation", ConsistentRead=True)["Items"]
    waiting = [
        row for row in rows if row["state"]["S"] not in FINAL or row.get("due") == {"S": "due"} or "outbox" in row
    ]
    return not waiting


def millis(instant: str) -> int:
    """Epoch milliseconds of an RFC 3339 instant."""
    at = datetime.fromisoformat(instant).astimezone(UTC)
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def named(manifest: Manifest) -> Row:
    """A manifest as the next one and its operation name it."""
    return {"key": manifest.key, "sha256": manifest.sha256}


def _rows(key: str, data: bytes) -> Iterator[Row]:
    if key.endswith(".gz"):
        data = gzip.decompress(data)
    name = key.removesuffix(".gz")
    if name.endswith(".csv"):
        yield from csv.DictReader(io.StringIO(data.decode(), newline=""))
    elif name.endswith(".jsonl"):
        yield from (json.loads(line) for line in data.decode().splitlines())
    else:
        yield from json.loads(data)


def _messages(sqs: Any, queue: str) -> int:
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(map(int, counts.values()))
