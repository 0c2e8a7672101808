from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.utils import get_environ_proxies
from moto import mock_aws

from tidegate.cli.failures import AwsError
from tidegate.cli.stack import REQUIRED_OUTPUTS, Stack, connect, is_loopback
from tidegate.errors import RejectedError, UsageError
from tidegate.settings import Settings

OUTPUTS = {name: f"the-{name}" for name in REQUIRED_OUTPUTS.values()}
TABLES = [
    f"{name}_table" for name in ("study", "export_time", "export", "operation", "request", "pair", "history", "record")
]
LOCAL = {"endpointUrl": "http://127.0.0.1:4566", "region": "us-east-1", **OUTPUTS}


def describe(directory: Path, outputs: object) -> None:
    (directory / ".tidegate").mkdir()
    text = outputs if isinstance(outputs, str) else json.dumps(outputs)
    (directory / ".tidegate" / "outputs.json").write_text(text)


def test_the_outputs_of_a_local_stack_are_found_in_the_working_directory_and_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    describe(tmp_path, {**LOCAL, "DefaultExportDefinition": '{"exportId": "default"}'})
    monkeypatch.chdir(below)
    settings = connect(None).settings
    assert settings.operation_table == "the-OperationTableName"
    assert settings.request_queue_url == "the-ExportRequestQueueUrl"
    assert settings.default_export == {"exportId": "default"}
    assert (settings.endpoint_url, settings.region) == ("http://127.0.0.1:4566", "us-east-1")
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")


def test_a_local_stack_is_reached_past_any_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(tmp_path, LOCAL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example.com")
    connect(None)
    assert get_environ_proxies("http://127.0.0.1:4566") == {}
    assert get_environ_proxies("http://intranet.example.com") == {}
    assert get_environ_proxies("http://example.com") != {}


def test_credentials_that_are_there_are_used_for_a_local_stack_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(tmp_path, LOCAL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    connect(None)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ


def test_outputs_without_an_endpoint_are_those_of_a_deployed_stack_and_need_real_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(tmp_path, {"region": "eu-west-1", **OUTPUTS})
    monkeypatch.chdir(tmp_path)
    assert connect(None).settings.endpoint_url is None
    assert "AWS_ACCESS_KEY_ID" not in os.environ


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (None, "No stack: there is no .tidegate"),
        ("{", "cannot be read"),
        ("[]", "does not hold one JSON object"),
        ({**LOCAL, "WorkQueueUrl": ""}, "has no output WorkQueueUrl"),
        ({**LOCAL, "endpointUrl": "http://sqs.example.com"}, "which is not on this machine"),
        ({**LOCAL, "endpointUrl": 4566}, "which is not on this machine"),
    ],
)
def test_a_stack_that_cannot_be_used_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: Any, told: str
) -> None:
    if outputs is not None:
        describe(tmp_path, outputs)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        connect(None)
    assert told in raised.value.message
    assert raised.value.remedy
    assert "AWS_ACCESS_KEY_ID" not in os.environ


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:80", True),
        ("http://localhost:4566", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@example.com", False),
        ("http://0.0.0.0:4566", False),
        ("http://10.0.0.1", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_only_this_machine_counts_as_local(url: str, local: bool) -> None:
    assert is_loopback(url) is local


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


@pytest.fixture
def cloudformation(account: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  # it comes first
    """CloudFormation with one stack, `exports`, as botocore shows it; moto's would need half of AWS installed."""

    def call(client: BaseClient, operation: str, parameters: dict[str, str]) -> dict[str, Any]:
        assert (client.meta.service_model.service_name, operation) == ("cloudformation", "DescribeStacks")
        name = parameters["StackName"]
        if name != "exports":
            message = f"Stack with id {name} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]}]}

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.mark.usefixtures("cloudformation")
def test_a_deployed_stack_is_found_by_its_name() -> None:
    settings = connect("exports").settings
    assert settings.pair_table == "the-PairTableName"
    assert (settings.stack, settings.region, settings.endpoint_url) == ("exports", "eu-west-1", None)


@pytest.mark.usefixtures("cloudformation")
def test_a_deployed_stack_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="There is no stack nope in the region eu-west-1"):
        connect("nope")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("variables", [{"TIDEGATE_DEFAULT_EXPORT": '{"exportId": "default"}'}, {}])
def test_the_default_exports_definition_is_the_intake_functions_where_no_output_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    asked: list[object] = []

    def call(client: BaseClient, operation: str, parameters: dict[str, str]) -> dict[str, Any]:
        asked.append((client.meta.service_model.service_name, operation, parameters))
        return {"Environment": {"Variables": variables}}

    describe(tmp_path, {"region": "eu-west-1", **OUTPUTS})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    if variables:
        assert connect(None).service.ledger.settings.default_export == {"exportId": "default"}
    else:
        with pytest.raises(UsageError, match="does not tell the definition"):
            _ = connect(None).service
    assert asked == [("lambda", "GetFunctionConfiguration", {"FunctionName": "the-IntakeFunctionName"})]


@pytest.mark.usefixtures("account")
def test_a_request_is_sent_as_one_json_object_to_the_request_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        queues = boto3.client("sqs")
        url = queues.create_queue(QueueName="requests")["QueueUrl"]
        describe(tmp_path, {"region": "eu-west-1", **OUTPUTS, "ExportRequestQueueUrl": url})
        connect(None).send({"requestId": "cli-1", "tag": "caf\u00e9"})
        (message,) = queues.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"]) == {"requestId": "cli-1", "tag": "caf\u00e9"}
    assert "MessageAttributes" not in message


def test_a_request_that_is_too_large_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    describe(tmp_path, LOCAL)
    stack: Stack = connect(None)
    with pytest.raises(UsageError, match="262144"):
        stack.send({"studyWhitelist": ["x" * 300_000]})


class Lambda:
    """Answers one invocation as Lambda does."""

    def __init__(self, answer: object, error: str | None = None) -> None:
        self.answer, self.error = answer, error
        self.asked: list[dict[str, Any]] = []

    def client(self, *_: object, **__: object) -> Lambda:
        return self

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        found: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return {**found, "FunctionError": self.error} if self.error else found


def ordered(monkeypatch: pytest.MonkeyPatch, answer: object, error: str | None = None) -> list[str]:
    made = Lambda(answer, error)
    monkeypatch.setattr("boto3.client", made.client)
    settings = Settings(**dict.fromkeys(TABLES, "x"), export_bucket="b", intake_function="the-intake")  # type: ignore[arg-type]  # all are texts
    ids = Stack(settings).order({"retry": {"operationId": "1", "dispatch": 1}})
    assert made.asked[-1]["FunctionName"] == "the-intake"
    assert json.loads(made.asked[-1]["Payload"]) == {"retry": {"operationId": "1", "dispatch": 1}}
    return ids


def test_an_order_goes_to_the_intake_function_and_gives_the_ids_of_its_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ordered(monkeypatch, {"operations": ["1"]}) == ["1"]


def test_an_order_that_is_refused_is_an_error_with_its_code_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RejectedError) as caught:
        ordered(monkeypatch, {"error": {"code": "NOT_FAILED", "message": "It is RUNNING.", "remedy": "Wait."}})
    assert (caught.value.code, caught.value.message, caught.value.remedy) == ("NOT_FAILED", "It is RUNNING.", "Wait.")


@pytest.mark.parametrize("answer", [{"errorMessage": "out of memory"}, None])
def test_an_intake_function_that_fails_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    with pytest.raises(AwsError) as caught:
        ordered(monkeypatch, answer, "Unhandled")
    assert caught.value.code == "INTAKE_FAILED"
    assert "not done twice" in caught.value.remedy
