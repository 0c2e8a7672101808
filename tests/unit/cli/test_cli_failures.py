from __future__ import annotations

import json
from typing import TYPE_CHECKING

import botocore.exceptions as aws
import pytest

from tidegate.cli.failures import explain
from tidegate.errors import FatalError, RetriableError, UsageError

if TYPE_CHECKING:
    from unit.cli.conftest import Cli


def refused(code: str, message: str = "said no") -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": message}}, "SendMessage")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (aws.NoCredentialsError(), "NO_CREDENTIALS", "There are no AWS credentials. Set AWS_PROFILE"),
        (aws.PartialCredentialsError(provider="env", cred_var="x"), "NO_CREDENTIALS", "Set AWS_PROFILE"),
        (aws.NoRegionError(), "NO_REGION", "Set AWS_REGION"),
        (
            aws.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/2015-03-31/functions/x"),
            "NO_ANSWER",
            "Nothing answers at http://127.0.0.1:4566. A local stack must run: start it with 'tidegate local up'.",
        ),
        (aws.ConnectTimeoutError(endpoint_url="https://sqs"), "NO_ANSWER", "Nothing answers at https://sqs."),
        (aws.ReadTimeoutError(endpoint_url="https://sqs"), "NO_ANSWER", "Nothing answers at https://sqs."),
        (aws.ProfileNotFound(profile="x"), "AWS", "Check AWS_PROFILE"),
        (refused("AccessDenied"), "AccessDenied", "AWS refused SendMessage: AccessDenied: said no. These credentials"),
        (refused("ExpiredToken"), "ExpiredToken", "Log in again"),
        (refused("ResourceNotFoundException"), "ResourceNotFoundException", "The stack may have been deleted"),
        (refused("Odd", ""), "Odd", "AWS refused SendMessage: Odd: no reason given. The credentials, the region"),
        (FatalError("The table is gone.", remedy="Create it."), "FATAL", "error: The table is gone. Create it."),
    ],
)
def test_an_expected_error_is_a_sentence_that_says_what_to_do(cli: Cli, error: Exception, code: str, told: str) -> None:
    cli.stack.error = error
    result = cli("operations", "list")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    as_json = cli("operations", "list", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["error"]["code"] == code


def test_the_service_says_what_was_tried_and_the_command_says_what_a_person_can_do() -> None:
    error = RetriableError("Reading table Operation: AWS answered AccessDenied.", code="ACCESS_DENIED", remedy="Wait.")
    error.__cause__ = refused("AccessDeniedException")
    explained = explain(error)
    assert explained is not None
    assert (explained.code, explained.message) == ("ACCESS_DENIED", error.message)
    assert explained.remedy.startswith("These credentials lack the right")


def test_no_answer_is_told_as_such_however_deep_it_lies() -> None:
    wrapped = RuntimeError("from a library")
    wrapped.__cause__ = aws.EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")
    error = RetriableError("Reading table Operation: no answer from AWS.", remedy="Tidegate tries again by itself.")
    error.__cause__ = wrapped
    explained = explain(error)
    assert explained is not None
    assert explained.code == "NO_ANSWER"


def test_wrong_usage_found_late_exits_with_2(cli: Cli) -> None:
    cli.stack.error = UsageError("The request has 300000 bytes.", remedy="Name fewer studies.")
    assert cli("export", "--type", "INSTANT").exit_code == 2


def test_a_bug_keeps_its_traceback(cli: Cli) -> None:
    cli.stack.error = KeyError("a bug")
    with pytest.raises(KeyError, match="a bug"):
        cli("operations", "list")
