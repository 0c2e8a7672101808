"""The table of docs/errors.md is what awserrors.py does, and its numbers are those of the code and the template."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from tidegate import awserrors
from tidegate.awserrors import translate
from tidegate.bootstrap import CONFIG
from tidegate.engine import LONGEST_BACKOFF_SECONDS, MOST_ATTEMPTS, MOST_RETURNS
from tidegate.errors import FatalError, RetriableError
from tidegate.settings import Settings
from tidegate.sources.dynamodb import items
from tidegate.store import binding

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "errors.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+) \| `([A-Z_]+)` \| (tried again|final) \|$", TEXT, re.MULTILINE)
GROUPS = {"tried again": RetriableError, "final": FatalError}


def answer(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetItem")  # type: ignore[typeddict-item]  # no more of it counts


def codes(said: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", said)


@pytest.mark.parametrize(
    ("code", "ours", "group"),
    [(code, ours, group) for said, ours, group in ROWS if re.match("`", said) for code in codes(said)],
)
def test_a_code_of_aws_is_what_its_row_says(code: str, ours: str, group: str) -> None:
    error = translate(answer(code), "reading")
    assert (error.code, type(error)) == (ours, GROUPS[group])


def test_every_code_that_is_told_apart_is_in_the_table() -> None:
    told = {code for said, _, _ in ROWS for code in codes(said)}
    known = awserrors._THROTTLED | awserrors._TRY_LATER | awserrors._DENIED | awserrors._NOT_FOUND
    assert known <= told
    assert {kind.__name__ for kind in awserrors._CONNECTION} <= told
    assert told >= binding._CONFLICTS


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_throttling_timeouts_and_server_errors_are_never_final(status: int) -> None:
    for code in ("", "SomethingNew", "AccessDenied" if status >= 500 else "Other"):
        assert type(translate(answer(code, status), "reading")) is RetriableError


def test_everything_else_is_refused_for_good() -> None:
    assert translate(answer("ValidationException"), "reading").code == "AWS_REFUSED"


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="https://aws.example"),
        boto.ReadTimeoutError(endpoint_url="https://aws.example"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
)
def test_a_broken_connection_is_tried_again(error: BotoCoreError) -> None:
    assert translate(error, "reading").code == "AWS_UNAVAILABLE"


def test_the_numbers_are_those_of_the_code_and_the_template() -> None:
    template = (PROJECT / "template.yaml").read_text("utf-8")
    defaults: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
    client = boto3.client("s3", region_name="eu-west-2", config=CONFIG)
    used = client.meta.config.retries  # type: ignore[attr-defined]  # the stubs leave it out
    assert f"| {used['total_max_attempts']} attempts by the AWS client, in its {used['mode']} mode" in TEXT
    assert f"| {items._ATTEMPTS} attempts without progress, from {items._FIRST_WAIT:g} s doubling to 5 s |" in TEXT
    assert items._LONGEST_WAIT == 5
    assert f"unprocessed, {items._ATTEMPTS} times in a row" in TEXT
    assert f"from 1 s doubling to {LONGEST_BACKOFF_SECONDS} s;" in TEXT
    assert f"FAILED after {defaults['give_up_after_seconds'] // 3600} hours without progress" in TEXT
    assert f"| {MOST_ATTEMPTS} attempts without progress, from 2 s doubling |" in TEXT
    assert f"head of its study's queue, {MOST_RETURNS} times" in TEXT
    assert (
        f"| {defaults['redrive_after_seconds'] // 60} minutes after its window (`RedriveAfterSeconds`), at most" in TEXT
    )
    assert f"at most {defaults['most_redrives']} times (`MaxAutomaticRedrives`)" in TEXT
    assert re.search(r"VisibilityTimeout: 720$", template, re.MULTILINE)
    assert "| 5 times, every 720 s |" in TEXT
    assert re.search(r"MaximumRetryAttempts: 2$", template, re.MULTILINE)
    assert "2 more times, after" in TEXT
    assert re.search(r"deadLetterTargetArn: !GetAtt RequestDeadLetterQueue.Arn.*?maxReceiveCount: 5\b", template, re.S)
