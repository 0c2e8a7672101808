"""Peak memory of an export does not grow with its records: 1,000,000 take at most a fifth more than 100,000."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memory.canned import CannedRecords, serving
from tidegate_local.launcher import ACCESS_KEY, REGION, SECRET_KEY
from tidegate_local.stack import LocalStack
from tidegate_local.waiting import wait_for

SCRIPT = Path(__file__).with_name("export_once.py")
END = datetime(2025, 3, 2, tzinfo=UTC)
START = END - timedelta(days=1)
DAY_MILLIS = 86_400_000
FEW, MANY = 100_000, 1_000_000
MOST_GROWTH = 1.2
RUNS_OF_FEW = 4
"""The peak is that of the moment when most pages wait at once, which a busy machine decides: the more pages, the
more chances. So the few are exported several times, and the highest peak counts."""


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose own worker takes no messages."""
    with LocalStack(logs=tmp_path_factory.mktemp("idle")) as stack:
        mappings = stack.functions.list_event_source_mappings(FunctionName=stack.outputs["WorkerFunctionName"])
        for mapping in mappings["EventSourceMappings"]:
            stack.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        yield stack


def test_the_peak_of_a_million_records_is_that_of_a_hundred_thousand(
    idle: LocalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [export(idle, f"few-{number}", FEW) for number in range(RUNS_OF_FEW)]
    few, many = max(several, key=lambda ran: ran["peak"]), export(idle, "many", MANY)
    growth = many["peak"] / few["peak"]
    with capsys.disabled():
        for count, ran in ((FEW, few), (MANY, many)):
            sys.stdout.write(f"\n{count:>9,} records: peak {ran['peak'] / 2**20:.1f} MiB, {ran['seconds']} s")
        sys.stdout.write(f"\ngrowth {growth:.3f}\n")
    assert growth <= MOST_GROWTH


def export(stack: LocalStack, study: str, count: int) -> dict[str, Any]:
    """Export `count` records in a process of its own, prove the parts, and return what the process said of itself."""
    step = DAY_MILLIS // count
    records = CannedRecords(stack.outputs["RecordTableName"], study, count, int(START.timestamp() * 1000), step)
    stack.dynamodb.put_item(TableName=stack.outputs["StudyTableName"], Item={"studyId": {"S": study}})
    body = {"exportType": "DAILY", "endDateTime": "2025-03-02T00:00:00Z", "studyWhitelist": [study]}
    stack.sqs.send_message(QueueUrl=stack.outputs["ExportRequestQueueUrl"], MessageBody=json.dumps(body))
    message = wait_for(lambda: work_message(stack), what="the operation's message")
    with serving(records, stack.endpoint_url) as dynamodb:
        ran = subprocess.run(  # noqa: S603  # our own script
            [sys.executable, str(SCRIPT), message],
            check=True,
            env=worker_environment(stack, dynamodb),
            stdout=subprocess.PIPE,
            timeout=250,
        )
    told: dict[str, Any] = json.loads(ran.stdout)
    assert told["ended"] == "SUCCEEDED", told
    prove(stack, study, count)
    return told


def worker_environment(stack: LocalStack, dynamodb: str) -> dict[str, str]:
    """What the worker function has, with the canned pages in front of DynamoDB."""
    worker = stack.functions.get_function_configuration(FunctionName=stack.outputs["WorkerFunctionName"])
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SCRIPT.parents[1]),
        **worker["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "no_proxy": "127.0.0.1",
    }


def work_message(stack: LocalStack) -> str | None:
    messages = stack.sqs.receive_message(QueueUrl=stack.outputs["WorkQueueUrl"]).get("Messages", [])
    for message in messages:
        stack.sqs.delete_message(QueueUrl=stack.outputs["WorkQueueUrl"], ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]
    return None


def prove(stack: LocalStack, study: str, count: int) -> None:
    """The manifest's counts and hashes are those of the parts, and every record is there once, in order."""
    bucket = stack.outputs["ExportBucketName"]
    prefix = f"exports/export=default/study={study}/dt=2025-03-02/20250301T000000.000Z_20250302T000000.000Z/"
    manifest = json.loads(stack.s3.get_object(Bucket=bucket, Key=f"{prefix}manifest.json")["Body"].read())
    assert (manifest["records"], sum(part["records"] for part in manifest["parts"])) == (count, count)
    expected = 0
    for part in manifest["parts"]:
        stored = stack.s3.get_object(Bucket=bucket, Key=part["key"])["Body"].read()
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (part["bytes"], part["sha256"])
        rows = gzip.decompress(stored).splitlines()
        assert len(rows) - 1 == part["records"]
        for row in rows[1:]:
            assert row.startswith(b"%010d," % expected)
            expected += 1
    assert expected == count
