"""What AWS and botocore say, as something to try later or as something to correct."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import translate, translated
from tidegate.errors import FatalError, RetriableError


def refused(code: str, status: int, text: str = "why") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 400),
        ("SlowDown", 503),
        ("RequestTimeout", 400),
        ("408", 408),
        ("429", 429),
        ("InternalError", 500),
        ("", 502),
        ("ExpiredTokenException", 400),
        ("TransactionConflictException", 400),
    ],
)
def test_throttling_and_faults_of_aws_are_tried_later(code: str, status: int) -> None:
    assert isinstance(translate(refused(code, status), "Doing it"), RetriableError)


@pytest.mark.parametrize(
    ("code", "status", "ours"),
    [
        ("AccessDeniedException", 400, "ACCESS_DENIED"),
        ("AccessDenied", 403, "ACCESS_DENIED"),
        ("ResourceNotFoundException", 400, "NOT_FOUND"),
        ("NoSuchKey", 404, "NOT_FOUND"),
        ("ValidationException", 400, "AWS_REFUSED"),
        ("ConditionalCheckFailedException", 400, "AWS_REFUSED"),
    ],
)
def test_what_will_not_mend_by_itself_is_fatal_and_says_what_to_do(code: str, status: int, ours: str) -> None:
    error = translate(refused(code, status), "Doing it")
    assert (type(error), error.code) == (FatalError, ours)
    assert error.message == f"Doing it: AWS answered {code} (why)."
    assert error.remedy
    assert translate(refused(code, status), "Doing it", remedy="Do this.").remedy == "Do this."


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="u"),
        boto.ReadTimeoutError(endpoint_url="u"),
        boto.ConnectTimeoutError(endpoint_url="u"),
        boto.ConnectionClosedError(endpoint_url="u"),
        boto.ResponseStreamingError(error="reset"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
)
def test_broken_connections_are_tried_later(error: BotoCoreError) -> None:
    assert translate(error, "Doing it").code == "AWS_UNAVAILABLE"


def test_a_wrong_call_is_fatal_and_its_parameters_are_not_repeated() -> None:
    error = translate(boto.ParamValidationError(report="secret value"), "Doing it")
    assert isinstance(error, FatalError)
    assert "secret" not in str(error)


def test_a_block_raises_what_is_translated_and_keeps_the_cause() -> None:
    cause = refused("SlowDown", 503)
    with pytest.raises(RetriableError) as caught, translated("Doing it"):
        raise cause
    assert caught.value.__cause__ is cause
