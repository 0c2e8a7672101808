"""What a person is told when something fails: every expected error as one TidegateError, told in one way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tidegate.errors import RejectedError, TidegateError, UsageError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

WRONG_USAGE = 2
NOT_DONE = 1
INTERRUPTED = 130


class NotFoundError(TidegateError):
    """What was asked about is not there."""

    default_code = "NOT_FOUND"


class NotDoneError(TidegateError):
    """What was asked for did not happen."""

    default_code = "NOT_DONE"


class TimedOutError(TidegateError):
    """Waiting has ended, the work has not."""

    default_code = "TIMED_OUT"


class AwsError(TidegateError):
    """AWS could not be reached, or said no."""

    default_code = "AWS"


def exit_code(error: TidegateError) -> int:
    """2 where the command was wrong, 1 where it was right and what it asked for did not happen."""
    return WRONG_USAGE if isinstance(error, UsageError) else NOT_DONE


def sentence(error: TidegateError) -> str:
    """The error as people read it: what happened, to what, what to do. A refusal starts with its code from SPEC 2."""
    code = f"{error.code}: " if isinstance(error, RejectedError) else ""
    return " ".join(filter(None, (f"{code}{error.message}", error.remedy)))


def explain(error: BaseException | None) -> TidegateError | None:
    """The TidegateError that tells what happened, or None for a bug, whose traceback is what is wanted.

    Libraries and the service wrap botocore's errors, so the causes are looked through as well. The service says what
    was tried, but its remedies are for functions: where AWS is the cause, the remedy for a person takes their place.
    """
    told: TidegateError | None = None
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, TidegateError):
            told = told or error
        elif "botocore" in sys.modules:
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # loaded already

            if isinstance(error, BotoCoreError):
                return _explain_no_answer(error)
            if isinstance(error, ClientError):
                refusal = _explain_refusal(error)
                return AwsError(told.message, code=told.code, remedy=refusal.remedy) if told else refusal
        error = error.__cause__ or getattr(error, "cause", None)
    return told


def _explain_no_answer(error: BotoCoreError) -> TidegateError:
    from botocore import exceptions  # noqa: PLC0415  # loaded already

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return AwsError(
            "There are no AWS credentials.",
            code="NO_CREDENTIALS",
            remedy="Set AWS_PROFILE, or run 'aws configure' or 'aws sso login'.",
        )
    if isinstance(error, exceptions.NoRegionError):
        return AwsError("No AWS region is chosen.", code="NO_REGION", remedy="Set AWS_REGION, e.g. eu-west-1.")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        url = urlsplit(str(error.kwargs.get("endpoint_url") or ""))
        endpoint = f"{url.scheme}://{url.netloc}" if url.netloc else "AWS's address"
        return AwsError(
            f"Nothing answers at {endpoint}.",
            code="NO_ANSWER",
            remedy="A local stack must run: start it with 'tidegate local up'. For a deployed one, use --stack NAME "
            "and check the network.",
        )
    return AwsError(f"{error}.".replace("..", "."), remedy="Check AWS_PROFILE and AWS_REGION.")


def _explain_refusal(error: ClientError) -> TidegateError:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", "unknown"), answer.get("Message") or "no reason given"
    return AwsError(
        f"AWS refused {error.operation_name}: {code}: {message}".rstrip(".") + ".",
        code=code,
        remedy=_REMEDIES.get(code, "The credentials, the region and the stack must belong together."),
    )


_LOG_IN_AGAIN = "Log in again, e.g. with 'aws sso login'."
_ALLOW = "These credentials lack the right: ask whoever keeps the AWS account, or use others (AWS_PROFILE)."
_GONE = "The stack may have been deleted or deployed anew: check --stack, or start the local one again."
_SLOWER = "Wait a moment and try again."
_REMEDIES = {
    "AccessDenied": _ALLOW,
    "AccessDeniedException": _ALLOW,
    "UnauthorizedOperation": _ALLOW,
    "ExpiredToken": _LOG_IN_AGAIN,
    "ExpiredTokenException": _LOG_IN_AGAIN,
    "InvalidClientTokenId": _LOG_IN_AGAIN,
    "UnrecognizedClientException": _LOG_IN_AGAIN,
    "ResourceNotFoundException": _GONE,
    "NoSuchBucket": _GONE,
    "AWS.SimpleQueueService.NonExistentQueue": _GONE,
    "QueueDoesNotExist": _GONE,
    "ThrottlingException": _SLOWER,
    "ProvisionedThroughputExceededException": _SLOWER,
}
