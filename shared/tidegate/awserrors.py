"""What AWS and botocore say, as the errors of Tidegate: decided by code and status, in this one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.errors import FatalError, RetriableError, TidegateError

_TRY_LATER_STATUS = frozenset({408, 429})
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "KmsThrottled",
        "KMS.ThrottlingException",
    }
)
_TRY_LATER = frozenset(
    {
        # S3 answers these with status 400 or 409 although the same call may work a moment later.
        "BadDigest",
        "ConditionalRequestConflict",
        # Of an upload that was completed and whose answer got lost; the next attempt begins an upload of its own.
        "NoSuchUpload",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "TransactionConflictException",
        "TransactionInProgressException",
        # A new invocation gets new credentials.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "Forbidden", "403"})
_NOT_FOUND = frozenset(
    {"404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NotFound", "QueueDoesNotExist", "ResourceNotFoundException"}
    | {"AWS.SimpleQueueService.NonExistentQueue"}
)
_CONNECTION = (
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.IncompleteReadError,
    boto.ResponseStreamingError,
    boto.FlexibleChecksumError,
    boto.CredentialRetrievalError,
)


def error_code(error: ClientError) -> str:
    """AWS's own code of an error: `ResourceNotFoundException`, `NoSuchKey`, or the HTTP status of a HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    """The HTTP status of an error, 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def translate(error: BotoCoreError | ClientError, doing: str, *, remedy: str = "") -> TidegateError:
    """Tidegate's error to raise in place of an AWS client's, from it.

    `doing` starts the message, such as "Reading table Records"; `remedy` is taken for what will not mend by itself.
    Throttling, 408, 429, 5xx and broken connections, all after botocore's own retries, are RetriableError (codes
    AWS_THROTTLED, AWS_UNAVAILABLE); everything else is FatalError (ACCESS_DENIED, NOT_FOUND, AWS_REFUSED).
    """
    if not isinstance(error, ClientError):
        return _of_client_side(error, doing, remedy)
    code, text = error_code(error), error.response.get("Error", {}).get("Message", "")
    said = f"{doing}: AWS answered {code or status(error)}{f' ({text})' if text else ''}."
    if code in _THROTTLED:
        return RetriableError(said, code="AWS_THROTTLED", remedy="Tidegate tries again later by itself.")
    if code in _TRY_LATER or status(error) in _TRY_LATER_STATUS or status(error) >= 500:
        return RetriableError(said, code="AWS_UNAVAILABLE", remedy="Tidegate tries again later by itself.")
    if code in _DENIED:
        return FatalError(said, code="ACCESS_DENIED", remedy=remedy or "Give the function's role this right.")
    if code in _NOT_FOUND:
        return FatalError(said, code="NOT_FOUND", remedy=remedy or "Correct the name, or create what it names.")
    return FatalError(said, code="AWS_REFUSED", remedy=remedy or "Correct what AWS names, then ask again.")


@contextmanager
def translated(doing: str, *, remedy: str = "") -> Iterator[None]:
    """Raise every botocore error of the block as `translate` says."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise translate(error, doing, remedy=remedy) from error


def _of_client_side(error: BotoCoreError, doing: str, remedy: str) -> TidegateError:
    kind = type(error).__name__
    if isinstance(error, _CONNECTION):
        return RetriableError(
            f"{doing}: no answer from AWS ({kind}).",
            code="AWS_UNAVAILABLE",
            remedy="Tidegate tries again later by itself.",
        )
    # botocore's own text repeats the parameters, which may be record content: only the kind is passed on.
    return FatalError(f"{doing}: the call could not be made ({kind}).", code="AWS_REFUSED", remedy=remedy)
