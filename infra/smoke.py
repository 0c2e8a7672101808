"""Smoke test of a deployed stack: `.venv/bin/python infra/smoke.py --stack tidegate`.

Puts a study of its own and records for two windows, asks for two exports through the request queue, checks that each
delivers exactly its window's records and that the watermark moves, and removes what it made. It needs the right to read
the stack's outputs, to write studies and records, to send to the request queue, and to read and delete exported files.
With `--outputs .tidegate/outputs.json` it does the same on the embedded AWS.
"""

import argparse
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

FIRST_RECORDS = 25
SECOND_RECORDS = 3
RECORD_INDEX = "study-uploadedOn-index"
# A deleted study loses its watermark within 5 minutes.
FORGOTTEN_WITHIN_SECONDS = 360


class SmokeError(Exception):
    """The stack did not do what it should, or cannot be tested; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack's outputs by name, and the clients to reach it."""

    outputs: dict[str, str]
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"


def say(text: str) -> None:
    """Print one line of progress."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S}  {text}\n")
    sys.stdout.flush()


def deployed(name: str, region: str | None) -> Stack:
    """Return the stack of that name in the account and region of the AWS credentials in use."""
    session = boto3.Session(region_name=region)
    (stack,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    return Stack(outputs, session.client("dynamodb"), session.client("s3"), session.client("sqs"))


def embedded(path: Path) -> Stack:
    """Return the stack of `tidegate local up` that wrote its outputs to `path`."""
    outputs: dict[str, str] = json.loads(path.read_text())
    session = boto3.Session("test", "test", region_name=outputs["region"])
    endpoint = outputs["endpointUrl"]
    return Stack(
        outputs,
        session.client("dynamodb", endpoint_url=endpoint),
        session.client("s3", endpoint_url=endpoint),
        session.client("sqs", endpoint_url=endpoint),
    )


def require_own_record_table(stack: Stack) -> None:
    """Refuse a stack that reads an existing table: records of this script must not go there."""
    table = stack.dynamodb.describe_table(TableName=stack.outputs["RecordTableName"])["Table"]
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    indexes = [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])]
    if keys != ["id"] or RECORD_INDEX not in indexes:
        raise SmokeError(
            f"{stack.outputs['RecordTableName']} is not a record table that Tidegate made. Deploy a second stack "
            "without ExistingRecordTable and test that one; for existing tables there is 'tidegate check'."
        )


def put_records(stack: Stack, study: str, prefix: str, times: Sequence[datetime]) -> set[str]:
    """Put one record for each time, and return their ids."""
    ids = [f"{study}-{prefix}-{number:03}" for number in range(len(times))]
    for record_id, moment in zip(ids, times, strict=True):
        item = {"id": {"S": record_id}, "studyId": {"S": study}, "uploadedOn": {"N": str(milliseconds(moment))}}
        stack.dynamodb.put_item(TableName=stack.outputs["RecordTableName"], Item={**item, "answer": {"S": "smoke"}})
    return set(ids)


def milliseconds(moment: datetime) -> int:
    """Return the moment as epoch milliseconds."""
    return int(moment.timestamp() * 1000)


def wait_for(what: str, probe: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    """Return the first true answer of `probe`, asked every 3 seconds; raise SmokeError after `seconds`."""
    say(f"waiting for {what}")
    until = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > until:
            raise SmokeError(f"There was no {what} within {seconds:.0f} s. {otherwise}")
        time.sleep(3)
    return answer


def export(stack: Stack, study: str, end: datetime, seconds: float) -> dict[str, Any]:
    """Ask for the study's export up to `end`, and return the manifest once it is there."""
    text = f"{end:%Y-%m-%dT%H:%M:%S}Z"
    request = {"exportType": "DAILY", "endDateTime": text, "studyWhitelist": [study], "tag": "smoke"}
    stack.sqs.send_message(QueueUrl=stack.outputs["ExportRequestQueueUrl"], MessageBody=json.dumps(request))
    ending = f"_{end:%Y%m%dT%H%M%S}.000Z/manifest.json"

    def manifest() -> dict[str, Any] | None:
        for key in exported(stack, study):
            if key.endswith(ending):
                found: dict[str, Any] = json.loads(body(stack, key))
                return found
        return None

    found: dict[str, Any] = wait_for(
        f"manifest of the export up to {text}",
        manifest,
        seconds,
        f"See the request dead-letter queue, 'tidegate operations list --study {study}' and the functions' log groups.",
    )
    return found


def exported(stack: Stack, study: str) -> list[str]:
    """Return the keys of all files that were exported for the study."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.outputs["ExportBucketName"], Prefix=f"exports/export=default/study={study}/"
    )
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def body(stack: Stack, key: str) -> bytes:
    """Return the bytes of one exported file."""
    return stack.s3.get_object(Bucket=stack.outputs["ExportBucketName"], Key=key)["Body"].read()


def watermark(stack: Stack, study: str) -> int | None:
    """Return the study's watermark in epoch milliseconds, or None if there is none."""
    answer = stack.dynamodb.get_item(
        TableName=stack.outputs["ExportTimeTableName"], Key={"studyId": {"S": study}}, ConsistentRead=True
    )
    item = answer.get("Item")
    return int(item["lastExportDateTime"]["N"]) if item else None


def check(stack: Stack, study: str, manifest: dict[str, Any], records: int, end: datetime) -> None:
    """Raise SmokeError unless manifest, files and watermark say that exactly `records` records were exported."""
    if manifest["records"] != records:
        raise SmokeError(f"{records} records were expected up to {end}, the manifest has {manifest['records']}.")
    for part in manifest["parts"]:
        content = body(stack, part["key"])
        if (len(content), hashlib.sha256(content).hexdigest()) != (part["bytes"], part["sha256"]):
            raise SmokeError(f"{part['key']} is not what its manifest says: size or sha256 differ.")
        say(f"{part['key']}: {part['records']} records, {part['bytes']} bytes")
    wait_for(
        f"watermark at {end:%H:%M:%S}",
        lambda: watermark(stack, study) == milliseconds(end),
        60,
        f"It is {watermark(stack, study)}; the manifest was written, so the commit failed: see the worker's log group.",
    )


def remove(stack: Stack, study: str, records: set[str]) -> None:
    """Delete the study, its records and every version of its files."""
    stack.dynamodb.delete_item(TableName=stack.outputs["StudyTableName"], Key={"studyId": {"S": study}})
    for record_id in records:
        stack.dynamodb.delete_item(TableName=stack.outputs["RecordTableName"], Key={"id": {"S": record_id}})
    bucket = stack.outputs["ExportBucketName"]
    pages = stack.s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=f"exports/export=default/study={study}/"
    )
    for page in pages:
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            stack.s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])


def run(stack: Stack, seconds: float) -> None:
    """Export two windows of a new study, check both, clean up, and see the watermark go. Raises SmokeError."""
    require_own_record_table(stack)
    study = f"smoke-{uuid.uuid4().hex[:12]}"
    second_end = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=90)
    first_end = second_end - timedelta(minutes=10)
    records: set[str] = set()
    try:
        stack.dynamodb.put_item(TableName=stack.outputs["StudyTableName"], Item={"studyId": {"S": study}})
        first = [first_end - timedelta(seconds=30 * number + 1) for number in range(FIRST_RECORDS)]
        second = [first_end + timedelta(seconds=30 * number) for number in range(SECOND_RECORDS)]
        records |= put_records(stack, study, "first", first)
        records |= put_records(stack, study, "second", second)
        say(f"study {study}: {len(first)} records before {first_end:%H:%M:%S}, {len(second)} at or after it")
        check(stack, study, export(stack, study, first_end, seconds), FIRST_RECORDS, first_end)
        check(stack, study, export(stack, study, second_end, seconds), SECOND_RECORDS, second_end)
    finally:
        say("removing the study, its records and its files")
        remove(stack, study, records)
    wait_for(
        "end of the deleted study's watermark",
        lambda: watermark(stack, study) is None,
        FORGOTTEN_WITHIN_SECONDS,
        "The tick removes it: see the tick's log group.",
    )
    say("all as it should be; the operations and audit events of this test stay and expire by themselves")


def main() -> int:
    """Run the command; 0 if all was as it should be, 1 if not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(description="Try a deployed Tidegate stack with a study of its own.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", help="name of the deployed stack")
    where.add_argument("--outputs", type=Path, help="outputs.json of 'tidegate local up'")
    parser.add_argument("--region", help="AWS region; default: that of the AWS configuration")
    parser.add_argument("--timeout", type=float, default=300, help="seconds to wait for each export (default: 300)")
    given = parser.parse_args()
    try:
        run(embedded(given.outputs) if given.outputs else deployed(given.stack, given.region), given.timeout)
    except (SmokeError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
