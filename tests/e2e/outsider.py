"""Someone outside Tidegate: an AWS client, the names in outputs.json, and the command. Nothing of the package."""

import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tidegate_local.stack import OUTPUTS_FILE, LocalStack
from tidegate_local.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

TIDEGATE = Path(sys.executable).with_name("tidegate")
UNANNOUNCED = ("outbox", "announcements")
"""What an ended operation's row has until its end has been announced."""
FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"}
ENDED_WITHIN_SECONDS = 60.0
Item = dict[str, Any]
Row = dict[str, Any]


def at(text: str) -> datetime:
    """The instant of an RFC 3339 text."""
    return datetime.fromisoformat(text)


def millis(instant: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def text(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(study: str, record_id: str, when: str | datetime, **attributes: Any) -> Item:
    """One item of the record table in wire form; `attributes` are, too."""
    instant = at(when) if isinstance(when, str) else when
    time = {"N": str(millis(instant))}
    return {"id": {"S": f"{study}-{record_id}"}, "studyId": {"S": study}, "uploadedOn": time, **attributes}


@dataclass(frozen=True)
class Outsider:
    """`directory` holds .tidegate/outputs.json; all that is known of the stack is in there."""

    outputs: Mapping[str, str]
    directory: Path
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    functions: "LambdaClient"
    roles: Any
    letters: "list[MessageTypeDef]" = field(default_factory=list)

    @classmethod
    def of(cls, stack: LocalStack, directory: Path) -> Self:
        """Someone who finds the outputs of `stack` in `directory`."""
        stack.write_outputs(directory / OUTPUTS_FILE)
        outputs = json.loads((directory / OUTPUTS_FILE).read_text())
        roles = stack.session.client("iam", endpoint_url=stack.endpoint_url)
        return cls(outputs, directory, stack.dynamodb, stack.s3, stack.sqs, stack.functions, roles)

    def put_study(self, study: str, **attributes: bool) -> None:
        flags = {name: {"BOOL": value} for name, value in attributes.items()}
        self.dynamodb.put_item(TableName=self.outputs["StudyTableName"], Item={"studyId": {"S": study}, **flags})

    def delete_study(self, study: str) -> None:
        self.dynamodb.delete_item(TableName=self.outputs["StudyTableName"], Key={"studyId": {"S": study}})

    def put_records(self, *records: Item, table: str | None = None) -> None:
        name = table or self.outputs["RecordTableName"]
        for start in range(0, len(records), 25):
            batch: Mapping[str, Any] = {
                name: [{"PutRequest": {"Item": item}} for item in records[start : start + 25]],
            }
            while batch:
                batch = self.dynamodb.batch_write_item(RequestItems=batch)["UnprocessedItems"]

    def put_object(self, key: str, body: str, bucket: str | None = None) -> None:
        self.s3.put_object(Bucket=bucket or self.outputs["ExportBucketName"], Key=key, Body=body.encode())

    def send(self, body: Mapping[str, Any] | str) -> str:
        """Send one request; the id of its message, which is its requestId unless it brings one."""
        sent = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=self.outputs["ExportRequestQueueUrl"], MessageBody=sent)["MessageId"]

    def send_together(self, bodies: Sequence[str]) -> list[str]:
        """Send up to ten messages in one call; their ids in the order of the bodies."""
        entries: list[Any] = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        answer = self.sqs.send_message_batch(QueueUrl=self.outputs["ExportRequestQueueUrl"], Entries=entries)
        ids = {sent["Id"]: sent["MessageId"] for sent in answer["Successful"]}
        return [ids[str(n)] for n in range(len(bodies))]

    def operations(self, *request_ids: str) -> list[Row]:
        """The operations of these requests (of all, if none is named), by id, so in the order of their making."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.outputs["OperationTableName"])
        rows = [_plain(item) for page in pages for item in page["Items"]]
        return sorted(
            (row for row in rows if not request_ids or row["requestId"] in request_ids),
            key=lambda row: str(row["operationId"]),
        )

    def ended(self, *request_ids: str, within: float = ENDED_WITHIN_SECONDS) -> list[Row]:
        """Wait until all that was sent is accepted, and the operations of these requests are at their end.

        Whether that was announced already makes no difference to the rows.
        """

        def all_ended() -> list[Row] | None:
            if self.left_in("ExportRequestQueueUrl"):
                return None
            rows = self.operations(*request_ids)
            return rows if all(row["state"] in FINAL for row in rows) else None

        rows = wait_for(all_ended, what=f"the end of {', '.join(request_ids)}", within=within)
        return [{name: value for name, value in row.items() if name not in UNANNOUNCED} for row in rows]

    def export(self, **body: Any) -> list[Row]:
        """Send a request and wait for its end, which has to be a good one."""
        rows = self.ended(self.send(body))
        assert {row["state"] for row in rows} == {"SUCCEEDED"}, rows
        return rows

    def export_daily(self, study: str, end: str, **more: Any) -> Row:
        """The operation of a DAILY request for one study."""
        (row,) = self.export(exportType="DAILY", endDateTime=end, studyWhitelist=[study], **more)
        return row

    def left_in(self, queue: str) -> int:
        """How many messages the queue of that output has, those in flight included."""
        names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def watermark(self, key: str) -> Item | None:
        """The whole item, whatever is in it."""
        answer = self.dynamodb.get_item(
            TableName=self.outputs["ExportTimeTableName"], Key={"studyId": {"S": key}}, ConsistentRead=True
        )
        return answer.get("Item")

    def keys(self, study: str, export: str = "default") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.outputs["ExportBucketName"], Prefix=f"exports/export={export}/study={study}/"
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.outputs["ExportBucketName"], Key=key)["Body"].read()

    def manifest_of(self, operation: Row) -> dict[str, Any]:
        """What an operation exported, after proving that it is what the manifest says."""
        manifest: dict[str, Any] = json.loads(self.read(operation["result"]["manifest"]["key"]))
        for part in manifest["parts"]:
            stored = self.read(part["key"])
            assert (len(stored), hashlib.sha256(stored).hexdigest()) == (part["bytes"], part["sha256"]), part
            assert len(self.rows_of(part["key"])) == part["records"], part
        assert manifest["records"] == sum(part["records"] for part in manifest["parts"])
        return manifest

    def manifests(self, study: str, export: str = "default") -> list[dict[str, Any]]:
        """All of a study's manifests, by key: windows of one day in their order."""
        return [json.loads(self.read(key)) for key in self.keys(study, export) if key.endswith("/manifest.json")]

    def rows(self, operation: Row) -> list[Row]:
        """The records that an operation exported."""
        parts = self.manifest_of(operation)["parts"]
        return list(itertools.chain.from_iterable(self.rows_of(part["key"]) for part in parts))

    def ids(self, operation: Row) -> list[str]:
        """Their ids, without the study that `record` puts before them."""
        return [row["id"].removeprefix(f"{operation['study']}-") for row in self.rows(operation)]

    def text_of(self, key: str) -> str:
        stored = self.read(key)
        return (gzip.decompress(stored) if key.endswith(".gz") else stored).decode()

    def rows_of(self, key: str) -> list[Row]:
        """The records of a part, by the ending of its name."""
        found, kind = self.text_of(key), key.removesuffix(".gz").rpartition(".")[2]
        if kind == "csv":
            return list(csv.DictReader(io.StringIO(found, newline="")))
        if kind == "jsonl":
            return [json.loads(line, parse_float=Decimal) for line in found.splitlines()]
        rows: list[Row] = json.loads(found, parse_float=Decimal)
        return rows

    def dead_letter(self, body: str) -> dict[str, str]:
        """Wait for the dead letter with this very body; its attributes."""

        def arrived() -> "MessageTypeDef | None":
            self.letters.extend(self.take_letters("RequestDeadLetterQueueUrl"))
            return next((letter for letter in self.letters if letter["Body"] == body), None)

        letter = wait_for(arrived, what=f"a dead letter with the body {body[:200]!r}")
        return {name: value["StringValue"] for name, value in letter.get("MessageAttributes", {}).items()}

    def take_letters(self, queue: str) -> "list[MessageTypeDef]":
        """Take up to ten messages out of the queue of that output."""
        url = self.outputs[queue]
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        letters = answer.get("Messages", [])
        for letter in letters:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        return letters

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call the function of that output by hand; its answer."""
        answer = self.functions.invoke(FunctionName=self.outputs[function], Payload=json.dumps(payload).encode())
        read: dict[str, Any] = json.loads(answer["Payload"].read())
        assert not answer.get("FunctionError"), read
        return read

    def tick(self) -> dict[str, Any]:
        """Call the tick by hand, which the stack calls every minute; what it did."""
        answer = self.functions.invoke(FunctionName=self._function("Tick")["FunctionName"], Payload=b"{}")
        read: dict[str, Any] = json.loads(answer["Payload"].read())
        assert not answer.get("FunctionError"), read
        return read

    @contextmanager
    def denied(self, function: str, action: str, resource: str) -> Iterator[None]:
        """Take a right away from a function for a while, as a mistake in an account does."""
        role = self._function(function)["Role"].rpartition("/")[2]
        statement = {"Effect": "Deny", "Action": action, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.roles.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=document)
        try:
            yield
        finally:
            self.roles.delete_role_policy(RoleName=role, PolicyName="denied")

    def _function(self, name: str) -> "FunctionConfigurationTypeDef":
        found = self.functions.list_functions()["Functions"]
        (function,) = [function for function in found if f"-{name}" in function["FunctionName"]]
        return function

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `tidegate` in a directory below that of the outputs, without any AWS configuration of this process."""
        working = self.directory / "somewhere" / "below"
        working.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
        ran = subprocess.run(  # noqa: S603  # our own command
            [TIDEGATE, *arguments],
            check=False,
            cwd=working,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran

    def told(self, *arguments: str, status: int = 0) -> Any:
        """What `tidegate ... --json` prints."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def define(self, export: str, source: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Store a definition with `tidegate exports put`: the record table's, but for what is given."""
        usual = {"type": "dynamodb", "table": self.outputs["RecordTableName"], "index": "study-uploadedOn-index"}
        file = self.directory / f"{export}.json"
        file.write_text(json.dumps({"exportId": export, "source": {**usual, **(source or {})}, **more}))
        self.run("exports", "put", str(file))


JSON_ATTRIBUTES = {"window", "progress", "error", "result"}


def _plain(item: Mapping[str, Any]) -> Row:
    """An operation's item as its JSON has it, as far as an outsider needs it."""
    row: Row = {"window": None, "outcome": None, "error": None, "study": None, "export": None}
    for name, value in item.items():
        ((_kind, raw),) = value.items()
        row[name] = json.loads(raw) if name in JSON_ATTRIBUTES else raw
    return row
