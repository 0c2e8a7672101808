"""Stands in for intake where a test is about the embedded AWS itself: does what the message says, and notes it down."""

import json
import os
from typing import Any

import boto3


class ProbeError(Exception):
    """Raised on purpose; its name must reach the caller."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    dynamodb = boto3.client("dynamodb")
    if event.get("do") == "raise":
        raise ProbeError("on purpose")
    if event.get("do") == "rewrite history":
        key = {"stream": {"S": "audit"}, "eventId": {"S": "1"}}
        dynamodb.delete_item(TableName=os.environ["TIDEGATE_HISTORY_TABLE"], Key=key)
    if "scheduledTime" in event:
        note(dynamodb, context.aws_request_id, event)
        return {}
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        if body.get("do") == "fail":
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            note(dynamodb, record["messageId"], {**body, "batch": len(event["Records"])})
    return {"batchItemFailures": failed}


def note(dynamodb: Any, request_id: str, what: dict[str, Any]) -> None:
    item = {"requestId": {"S": request_id}, "what": {"S": json.dumps(what)}}
    dynamodb.put_item(TableName=os.environ["TIDEGATE_REQUEST_TABLE"], Item=item)
