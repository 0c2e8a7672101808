"""Stands in for the worker: keeps each message as an object, in the order in which they came."""

import json
import os
from typing import Any

import boto3


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    s3 = boto3.client("s3")
    bucket = os.environ["TIDEGATE_EXPORT_BUCKET"]
    for record in event["Records"]:
        arrival = len(s3.list_objects_v2(Bucket=bucket, Prefix="work/").get("Contents", []))
        body = json.dumps({"body": record["body"], "of": len(event["Records"])}).encode()
        s3.put_object(Bucket=bucket, Key=f"work/{arrival:05}", Body=body)
    return {"batchItemFailures": []}
