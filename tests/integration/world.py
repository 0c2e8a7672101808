"""A whole stack in this process, on moto: tables, queues, a bucket, the project's own code, the test's own clock."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
from pyarrow import parquet

from integration.resources import INDEX, REGION, create
from tidegate.accept import Origin
from tidegate.bootstrap import AWSClients, Stack
from tidegate.engine import Engine, Verdict
from tidegate.errors import RejectedError
from tidegate.instants import from_millis, to_millis
from tidegate.job import Task
from tidegate.model import Operation, State, Trigger
from tidegate.queues import WorkMessage
from tidegate.request import parse

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DEFAULT: dict[str, Any] = {
    "source": {"table": "", "index": INDEX, "recordKey": "id"},
    "settleSeconds": 60,
    "format": {"type": "JSONL", "compression": "none"},
}


@dataclass
class Clock:
    """A clock that only the test moves."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class World:
    """A stack and what a test does with it."""

    stack: Stack
    clock: Clock
    visibility: list[int] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def put_study(self, study: str, **attributes: Any) -> None:
        item = {"studyId": {"S": study}, **{name: {"BOOL": value} for name, value in attributes.items()}}
        self.stack.clients.dynamodb.put_item(TableName=self.stack.settings.study_table, Item=item)

    def delete_study(self, study: str) -> None:
        self.stack.clients.dynamodb.delete_item(
            TableName=self.stack.settings.study_table, Key={"studyId": {"S": study}}
        )

    def define(self, export: str, **changes: Any) -> None:
        """Store an export like the default one, but for these changes."""
        source = {"type": "dynamodb", **DEFAULT["source"], "table": self.stack.settings.record_table}
        document = {**DEFAULT, "exportId": export, "source": source, **changes}
        self.stack.service().put_export(document, None, self.clock())

    def put_records(self, study: str, times: Iterable[datetime | int], **attributes: Mapping[str, Any]) -> list[str]:
        """One record at each time; their ids."""
        ids = []
        for at in times:
            millis = at if isinstance(at, int) else to_millis(at)
            record_id = f"{study}-{next(self._numbers):06d}"
            item = {"id": {"S": record_id}, "studyId": {"S": study}, "uploadedOn": {"N": str(millis)}, **attributes}
            self.stack.clients.dynamodb.put_item(TableName=self.stack.settings.record_table, Item=item)
            ids.append(record_id)
        return ids

    def watermark(self, study: str, export: str = "default") -> datetime | None:
        item = self.watermark_item(study if export == "default" else f"{export}/{study}")
        return from_millis(int(item["lastExportDateTime"]["N"])) if item else None

    def watermark_item(self, key: str) -> Mapping[str, Any] | None:
        answer = self.stack.clients.dynamodb.get_item(
            TableName=self.stack.settings.export_time_table, Key={"studyId": {"S": key}}, ConsistentRead=True
        )
        return answer.get("Item")

    def set_watermark(self, key: str, at: datetime) -> None:
        self.stack.clients.dynamodb.put_item(
            TableName=self.stack.settings.export_time_table,
            Item={"studyId": {"S": key}, "lastExportDateTime": {"N": str(to_millis(at))}},
        )

    def submit(self, *, trigger: Trigger = Trigger.MESSAGE, message_id: str | None = None, **body: Any) -> list[str]:
        """Accept a request, as intake does; the ids of its operations. Refusals raise."""
        return self.submit_text(json.dumps(body), trigger=trigger, message_id=message_id)

    def submit_text(self, body: str, *, trigger: Trigger = Trigger.MESSAGE, message_id: str | None = None) -> list[str]:
        origin = Origin(message_id or f"message-{next(self._numbers)}", trigger)
        service = self.stack.service()
        try:
            return service.submit(parse(body), origin, self.clock())
        except RejectedError as error:
            service.refuse(body, error, origin, self.clock())
            raise

    def engine(self, **changes: Any) -> Engine:
        return replace(self.stack.engine(), **changes)

    def receive(self) -> tuple[Task, WorkMessage] | None:
        """Receive one work message, as the event source mapping would."""
        settings = self.stack.settings
        answer = self.stack.clients.sqs.receive_message(QueueUrl=settings.work_queue_url, MaxNumberOfMessages=1)
        for message in answer.get("Messages", []):
            task = Task.of_body(json.loads(message["Body"]))
            return task, WorkMessage(self.stack.clients.sqs, settings.work_queue_url, message["ReceiptHandle"])
        return None

    def work_once(
        self, seconds_left: Callable[[], float] = lambda: 300.0, engine: Engine | None = None
    ) -> Verdict | None:
        """One invocation of a worker; None where the queue has nothing that is visible."""
        received = self.receive()
        if received is None:
            return None
        task, message = received
        delivery = Recording(message, self.visibility)
        verdict = (engine or self.engine()).work(task, delivery, seconds_left)
        if verdict.acknowledge:
            message.client.delete_message(QueueUrl=message.url, ReceiptHandle=message.receipt)
        return verdict

    def work(self, most: int = 200, **options: Any) -> list[Verdict]:
        """Invocations until nothing is visible any more."""
        verdicts: list[Verdict] = []
        while len(verdicts) < most:
            verdict = self.work_once(**options)
            if verdict is None:
                return verdicts
            verdicts.append(verdict)
        raise AssertionError(f"the queue is not quiet after {most} invocations: {verdicts[-3:]}")

    def export(self, **body: Any) -> list[Operation]:
        """Accept and work until quiet; the operations as they then are."""
        ids = self.submit(**body)
        self.work()
        return [self.operation(operation_id) for operation_id in ids]

    def operation(self, operation_id: str) -> Operation:
        found = self.stack.ledger.operations.read(operation_id)
        assert found is not None, f"no operation {operation_id}"
        return found

    def keys(self, prefix: str = "exports/") -> list[str]:
        return list(self.stack.objects.keys(prefix))

    def text(self, key: str) -> str:
        return self.data(key).decode()

    def data(self, key: str) -> bytes:
        return b"".join(self.stack.objects.get(key))

    def manifests(self, study: str | None = None) -> list[dict[str, Any]]:
        """All manifests, by key."""
        found = [json.loads(self.text(key)) for key in self.keys() if key.endswith("/manifest.json")]
        return [manifest for manifest in found if study in (None, manifest["study"])]

    def rows(self, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records of a manifest's parts, whatever their format."""
        return list(itertools.chain.from_iterable(self._rows(manifest, part) for part in manifest["parts"]))

    def _rows(self, manifest: Mapping[str, Any], part: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        key = part["key"]
        data = self.data(key)
        if key.endswith(".gz"):
            data = gzip.decompress(data)
        name = key.removesuffix(".gz")
        if name.endswith(".parquet"):
            table: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
            return table
        if name.endswith((".csv", ".tsv")):
            dialect = manifest.get("dialect", {})
            names = [column["name"] for column in manifest["columns"][part["table"]]]
            text = io.StringIO(data.decode("utf-8-sig"), newline="")
            return list(
                csv.DictReader(
                    text, None if dialect.get("header", True) else names, delimiter=dialect.get("delimiter", ",")
                )
            )
        if name.endswith(".jsonl"):
            return [json.loads(text) for text in data.decode().splitlines()]
        found: list[dict[str, Any]] = json.loads(data)
        return found

    def exported_ids(self, study: str) -> list[str]:
        """The record ids in all committed windows of a study, in the order of the windows."""
        return [row["id"] for manifest in self.manifests(study) for row in self.rows(manifest)]

    def dead_requests(self) -> Sequence[Mapping[str, Any]]:
        """The request dead letters with their attributes; looking does not take them away."""
        answer = self.stack.clients.sqs.receive_message(
            QueueUrl=self.stack.settings.request_dlq_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def states(self) -> set[State]:
        return {operation.state for operation in self.stack.service().operations(limit=None)}


@dataclass
class Recording:
    """A message whose changes of visibility the test can read; time does not pass, so waits are cut to nothing."""

    message: WorkMessage
    seen: list[int]

    def hide(self, seconds: int) -> None:
        self.seen.append(seconds)
        self.message.hide(seconds)


def build(clock: Clock, **settings: Any) -> World:
    """Tables, queues and a bucket as template.yaml has them; call it under moto's mock."""
    made = _clients()
    named = create(made, **{"default_export": DEFAULT, **settings})
    return World(Stack.of(named, made, clock), clock)


@cache
def _clients() -> AWSClients:
    """The same for all tests: making them takes longer than most tests. Under each mock they see an empty account."""
    session = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    make = cache(session.client)
    return AWSClients(make("dynamodb"), make("s3"), make("sqs"), make)
