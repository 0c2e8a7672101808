"""Which AWS call a request is, how often it was sent, and what its service answers when it is in trouble."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from dataclasses import dataclass
from random import Random
from typing import Self

from faults.wire_http import Message, query_names

DYNAMODB, S3, SQS = "DynamoDB", "S3", "SQS"
JSON_SERVICES = {"DynamoDB_20120810": DYNAMODB, "AmazonSQS": SQS}
READS = {
    *("BatchGetItem", "DescribeTable", "GetItem", "Query", "Scan", "TransactGetItems"),
    *("GetObject", "HeadObject", "ListMultipartUploads", "ListObjectsV2", "ListParts"),
    *("GetQueueAttributes", "GetQueueUrl", "ReceiveMessage"),
}
SENDER = re.compile(r"app/(\w+)-(\d+)")
ATTEMPT = re.compile(r"attempt=(\d+)")


@dataclass(frozen=True)
class Call:
    """One attempt of one AWS call. `invocation` is the same in all attempts; `pid` is the sender's process."""

    service: str
    operation: str
    invocation: str
    attempt: int
    pid: int | None

    @classmethod
    def of(cls, request: Message) -> Self:
        prefix, _, target = request.header("x-amz-target").partition(".")
        service = JSON_SERVICES.get(prefix, S3)
        sender = SENDER.search(request.header("user-agent"))
        attempt = ATTEMPT.search(request.header("amz-sdk-request"))
        return cls(
            service,
            target if service != S3 else _s3_operation(request),
            request.header("amz-sdk-invocation-id"),
            int(attempt[1]) if attempt else 1,
            int(sender[2]) if sender else None,
        )

    @property
    def kind(self) -> str:
        """As in the tables: `DynamoDB.Query`."""
        return f"{self.service}.{self.operation}"

    @property
    def writes(self) -> bool:
        """Whether the call changes anything."""
        return self.operation not in READS


def _s3_operation(request: Message) -> str:
    names = set(query_names(request.target))
    copies = bool(request.header("x-amz-copy-source"))
    table = {
        "PUT": ("UploadPart" if "partNumber" in names else "PutObject") if not copies else "",
        "POST": "CreateMultipartUpload" if "uploads" in names else "CompleteMultipartUpload",
        "GET": "ListObjectsV2" if "list-type" in names else "GetObject",
        "HEAD": "HeadObject",
        "DELETE": "AbortMultipartUpload" if "uploadId" in names else "DeleteObject",
    }
    if "delete" in names:
        return "DeleteObjects"
    if copies:
        return "UploadPartCopy" if "partNumber" in names else "CopyObject"
    return table[request.method]


def throttled(call: Call, chance: Random) -> Message:
    """What the service says to one who asks too often."""
    if call.service == S3:
        return _xml("503 Slow Down", "SlowDown", "Please reduce your request rate.")
    if call.service == SQS:
        answer = _json(SQS, "400 Bad Request", "com.amazonaws.sqs#RequestThrottled", "Request is throttled.")
        return answer.with_header("x-amzn-query-error", "RequestThrottled;Sender")
    if call.operation == "TransactWriteItems" and chance.random() < 0.5:
        return _cancelled(chance.choice(("ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded")))
    name = chance.choice(
        (
            "com.amazon.coral.availability#ThrottlingException",
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "com.amazonaws.dynamodb.v20120810#RequestLimitExceeded",
        )
    )
    return _json(DYNAMODB, "400 Bad Request", name, "Rate of requests exceeds the allowed throughput.")


def broken(call: Call) -> Message:
    """What the service says when something inside it went wrong."""
    if call.service == S3:
        return _xml("500 Internal Server Error", "InternalError", "We encountered an internal error.")
    space = "com.amazonaws.sqs#InternalError" if call.service == SQS else "com.amazonaws.dynamodb.v20120810#"
    name = space if call.service == SQS else f"{space}InternalServerError"
    return _json(call.service, "500 Internal Server Error", name, "The request processing has failed.")


def with_checksum(request: Message, answer: Message) -> Message:
    """An object's answer with the CRC32 that S3 sends to who asks for it; the emulator has it for some objects only."""
    if not answer.header("x-amz-checksum-crc32") and request.header("x-amz-checksum-mode").upper() == "ENABLED":
        return answer.with_header("x-amz-checksum-crc32", crc32_text(answer.body))
    return answer


def crc32_text(body: bytes) -> str:
    """The CRC32 in S3's notation."""
    return base64.b64encode(struct.pack(">I", zlib.crc32(body))).decode()


def _cancelled(reason: str) -> Message:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [None, {reason}]",
        "CancellationReasons": [{"Code": "None"}, {"Code": reason, "Message": "Try again."}],
    }
    return _with_crc32(_answer("400 Bad Request", "application/x-amz-json-1.0", json.dumps(body).encode()))


def _json(service: str, status: str, name: str, message: str) -> Message:
    body = json.dumps({"__type": name, "message": message}).encode()
    answer = _answer(status, "application/x-amz-json-1.0", body)
    return _with_crc32(answer) if service == DYNAMODB else answer


def _with_crc32(answer: Message) -> Message:
    return answer.with_header("x-amz-crc32", str(zlib.crc32(answer.body)))


def _xml(status: str, code: str, message: str) -> Message:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return _answer(status, "application/xml", body.encode())


def _answer(status: str, kind: str, body: bytes) -> Message:
    return Message(f"HTTP/1.1 {status}", (("Content-Type", kind), ("x-amzn-RequestId", "faults-on-the-wire")), body)
