"""Only answers that arrived whole count: by their announced length, and DynamoDB's by the CRC32 that comes with each.

botocore does not look at the length of what it parses. So an answer of SQS that broke off is an empty one to it, which
says that nothing was refused. It does compare DynamoDB's CRC32, but only to decide on a retry: it parses the answer
before, so that bytes which are no UTF-8 end in an error of Python's, and when the attempts are used up it hands the
damaged answer on as a good one. The bodies of S3's objects are checked by botocore while they are read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidegate.checksums import crc32

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

TAKEN_BODY = "TidegateBody"
"""Where a parsed answer has its body, if somebody took that before it was parsed."""
_DAMAGED_STATUS = 500


def require_intact(client: DynamoDBClient | S3Client | SQSClient) -> None:
    """Make the client take a damaged answer for a status 500.

    So it asks again as often as after one, and then raises a ClientError that means "may work later".
    """
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-parse.{service}", _doubt)
    client.meta.events.register_first(f"needs-retry.{service}", _retry_what_was_doubted)


def _doubt(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], operation_model: Any, **_: object
) -> None:
    """Before botocore parses an answer: a damaged one is as good as none."""
    if (taken := customized_response_dict.get(TAKEN_BODY)) is not None:
        # Its checksum is for botocore to compare, and for whoever took it; doing it here too costs more than the rest.
        intact = _is_complete(response_dict["headers"], taken)
    else:
        intact = _is_intact(response_dict, operation_model.http.get("method", "POST"))
    if not intact:
        logger.warning("an answer of AWS arrived damaged", extra={"call": operation_model.name})
        response_dict.update(status_code=_DAMAGED_STATUS, body=b"")


def _is_intact(response: dict[str, Any], method: str) -> bool:
    headers, body = response["headers"], response["body"]
    if not isinstance(body, bytes) or method == "HEAD":
        return True
    return _is_complete(headers, body) and has_true_checksum(headers, body)


def _is_complete(headers: Mapping[str, str], body: bytes) -> bool:
    length = headers.get("content-length")
    return length is None or int(length) == len(body)


def has_true_checksum(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer of DynamoDB is what was sent, as far as its checksum tells; one without is taken as it is."""
    checksum = headers.get("x-amz-crc32")
    return checksum is None or int(checksum) == crc32(body)


def _retry_what_was_doubted(response: tuple[Any, dict[str, Any]] | None, **_: object) -> None:
    """Before botocore decides on a retry: it goes by the status that came, as does its client at the end."""
    if response is not None:
        received, parsed = response
        received.status_code = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", received.status_code)
