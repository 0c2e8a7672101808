"""DynamoDB's answers as the bytes that came, instead of the objects that botocore would make of them.

Making these objects takes most of the time of reading, and a page that is transcoded never needs them. botocore keeps
all the rest: credentials, signing, retries, throttling, the check of `x-amz-crc32`, and errors. The hook is registered
per client, and it acts only in a context that has asked for a body. Where it did not fire, botocore's result is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from tidegate.errors import RetriableError
from tidegate.intact import TAKEN_BODY, has_true_checksum
from tidegate.model import AttributeValue
from tidegate.sources.dynamodb.answers import answer_of as members_of
from tidegate.sources.dynamodb.answers import pieces_of
from tidegate.sources.dynamodb.firstattempt import attempt_first
from tidegate.sources.dynamodb.signing import sign_in_one_go
from tidegate.sources.dynamodb.transport import read_in_one_piece

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OK: Final = 200
_asking: Final[ContextVar[str | None]] = ContextVar("asking", default=None)


def take_bodies(client: DynamoDBClient) -> None:
    """Let `body_of` have the bodies of this client's answers; registering it again changes nothing."""
    read_in_one_piece(client)
    sign_in_one_go(client)
    attempt_first(client, lambda operation: _asking.get() == operation)
    for operation in ("Query", "Scan", "BatchGetItem"):
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _take, unique_id=f"tidegate-{operation}")


def answer_of(operation: str, call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer of a call of a DynamoDB client, by our own quicker parsing. Raises what `body_of` and `parsed` do."""
    body, answer = body_of(operation, call)
    return answer if body is None else parsed(body)


def body_of(operation: str, call: Callable[[], Mapping[str, Any]]) -> tuple[bytes | None, Mapping[str, Any]]:
    """The answer of this call of a DynamoDB client, such as Query: its body, unparsed, or None and botocore's result.

    Raises what the call raises, and RetriableError where the last attempt brought a damaged answer: botocore compares
    the checksum of each, but hands on the last one whatever it is.
    """
    with _asked(operation):
        answer = call()
    body: bytes | None = answer.get(TAKEN_BODY)
    told = answer.get("ResponseMetadata", {})
    if body is not None and told.get("MaxAttemptsReached") and not has_true_checksum(told["HTTPHeaders"], body):
        raise _unreadable("arrived damaged at each attempt")
    return body, answer


def parsed(body: bytes) -> Mapping[str, Any]:
    """The whole answer with its values in wire form, binary decoded, as botocore gives it.

    Raises RetriableError where this is no JSON: an answer that was cut short, and no checksum came with it.
    """
    try:
        answer: Mapping[str, Any] = members_of(body)
    except ValueError:
        raise _unreadable("is no JSON") from None
    return answer


def parsed_pieces(body: bytes) -> Iterator[tuple[list[dict[str, AttributeValue]], bool]]:
    """The items of an answer some at a time, as `parsed` gives them; with the last ones comes False.

    Raises RetriableError as `parsed` does, which may be after some of them were given.
    """
    try:
        yield from pieces_of(body)
    except ValueError:
        raise _unreadable("is no JSON") from None


def _unreadable(why: str) -> RetriableError:
    return RetriableError(
        f"DynamoDB's answer {why}.", code="AWS_UNAVAILABLE", remedy="Tidegate tries again later by itself."
    )


@contextmanager
def _asked(operation: str) -> Iterator[None]:
    before = _asking.set(operation)
    try:
        yield
    finally:
        _asking.reset(before)


def _take(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], operation_model: Any, **_: object
) -> None:
    if _asking.get() == operation_model.name and response_dict["status_code"] == _OK:
        customized_response_dict[TAKEN_BODY] = response_dict["body"]
        response_dict["body"] = b"{}"
