"""What DynamoDB says to the rows of the store, after PynamoDB has wrapped it twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from tidegate.errors import FatalError, RetriableError
from tidegate.model import Pair
from tidegate.store.binding import bind, connect
from tidegate.store.pairs import PairRow

PAIR = Pair("default", "a")


class Raw(BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def pairs(status: int, code: str) -> type[PairRow]:
    """The rows of a table whose every call is answered so, at the last attempt."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client: Any = boto3.Session("a", "b", region_name="us-east-1").client("dynamodb", config=config)
    body = f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"why"}}'.encode()

    def answer(**_: Any) -> Any:
        return AWSResponse("http://aws.example", status, HTTPHeaders(), Raw(body))

    client.meta.events.register("before-send.dynamodb", answer)
    return bind(PairRow, "Pair", connect(client))


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (500, "InternalServerError", "AWS_UNAVAILABLE"),
        (503, "ServiceUnavailable", "AWS_UNAVAILABLE"),
        (502, "SomethingNew", "AWS_UNAVAILABLE"),
        (400, "ThrottlingException", "AWS_THROTTLED"),
        (400, "ProvisionedThroughputExceededException", "AWS_THROTTLED"),
    ],
)
def test_trouble_inside_aws_is_never_final_for_a_row(status: int, code: str, ours: str) -> None:
    rows = pairs(status, code)
    calls: tuple[Callable[[], object], ...] = (
        lambda: rows.standing(PAIR),
        lambda: rows.fence_off(PAIR),
        lambda: list(rows.alive()),
    )
    for call in calls:
        with pytest.raises(RetriableError) as caught:
            call()
        assert caught.value.code == ours


def test_what_aws_refuses_is_final() -> None:
    with pytest.raises(FatalError, match="ValidationException"):
        pairs(400, "ValidationException").lease_until(PAIR)
