"""Find the stack that a command is about: its outputs, from CloudFormation or from .tidegate/outputs.json."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tidegate.cli.failures import AwsError
from tidegate.errors import RejectedError, UsageError
from tidegate.json_text import LIMIT_BYTES
from tidegate.settings import Settings, listed

if TYPE_CHECKING:
    from tidegate import bootstrap
    from tidegate.deadletters import DeadLetterQueue
    from tidegate.recovery import Recovery
    from tidegate.redrive import DeadQueue
    from tidegate.service import Service
    from tidegate.studies import Studies
    from tidegate.verify import Verification
    from tidegate.watermarking import Watermarking

DEFAULT_EXPORT_VARIABLE = "TIDEGATE_DEFAULT_EXPORT"
LONGEST_INVOCATION_SECONDS = 300
"""The worker's timeout in template.yaml."""
OUTPUTS_FILE = Path(".tidegate") / "outputs.json"

REQUIRED_OUTPUTS = {
    "study_table": "StudyTableName",
    "export_time_table": "ExportTimeTableName",
    "export_table": "ExportTableName",
    "operation_table": "OperationTableName",
    "request_table": "RequestTableName",
    "pair_table": "PairTableName",
    "history_table": "HistoryTableName",
    "record_table": "RecordTableName",
    "export_bucket": "ExportBucketName",
    "request_queue_url": "ExportRequestQueueUrl",
    "request_dlq_url": "RequestDeadLetterQueueUrl",
    "work_queue_url": "WorkQueueUrl",
    "work_dlq_url": "WorkDeadLetterQueueUrl",
    "intake_function": "IntakeFunctionName",
    "worker_function": "WorkerFunctionName",
}
"""The settings that the commands need, and the outputs of template.yaml that they come from."""


@dataclass(frozen=True)
class Stack:
    """One stack, deployed or local. Nothing is called before a command asks for something."""

    settings: Settings

    @cached_property
    def service(self) -> Service:
        """What may be asked of the stack."""
        return self._parts.service()

    @cached_property
    def recovery(self) -> Recovery:
        """What shows a redrive or a retry before it is sent."""
        return self._parts.recovery()

    @cached_property
    def watermarking(self) -> Watermarking:
        """What moves watermarks by hand."""
        return self._parts.watermarking()

    @cached_property
    def studies(self) -> Studies:
        """What changes the study table."""
        return self._parts.studies()

    @cached_property
    def verification(self) -> Verification:
        """What proves that nothing that was exported is missing."""
        return self._parts.verification()

    def dead_letters(self, name: DeadQueue) -> DeadLetterQueue:
        """One of the two dead-letter queues."""
        return self._parts.dead_letters(name)

    @cached_property
    def _parts(self) -> bootstrap.Stack:
        """The stack's own parts. The AWS libraries are loaded here, not when the program starts."""
        from tidegate import bootstrap  # noqa: PLC0415  # a second of imports that --help does not need

        return bootstrap.Stack.of(replace(self.settings, default_export=self._default_export()))

    def _default_export(self) -> Mapping[str, Any]:
        """The template's definition of `default`: in an output, or else in the intake function's environment."""
        if self.settings.default_export:
            return self.settings.default_export
        import boto3  # noqa: PLC0415  # as above

        functions = boto3.client("lambda", region_name=self.settings.region, endpoint_url=self.settings.endpoint_url)
        intake = functions.get_function_configuration(FunctionName=self.settings.intake_function)
        definition = json.loads(intake.get("Environment", {}).get("Variables", {}).get(DEFAULT_EXPORT_VARIABLE, "{}"))
        if not definition:
            raise UsageError(
                f"The function {self.settings.intake_function} does not tell the definition of the export default.",
                remedy="Deploy template.yaml of this version again.",
            )
        return dict(definition)

    def send(self, body: Mapping[str, Any]) -> None:
        """Put one request into the stack's request queue. Raises UsageError where it is larger than SPEC 2's limit."""
        from tidegate import bootstrap  # noqa: PLC0415  # as above

        text = json.dumps(body)
        if len(text.encode()) > LIMIT_BYTES:
            raise UsageError(
                f"The request has {len(text.encode())} bytes, and a request may have {LIMIT_BYTES}.",
                remedy="Name fewer studies or tables at a time.",
            )
        queue = bootstrap.clients(self.settings).sqs
        queue.send_message(QueueUrl=self.settings.request_queue_url, MessageBody=text)

    def order(self, payload: Mapping[str, Any]) -> list[str]:
        """Have the intake function carry an order out (see redrive.py); the ids of the operations that do it.

        Raises RejectedError where it was refused, AwsError where the function itself failed.
        """
        answer = self._call(self.settings.intake_function, payload, "INTAKE_FAILED")
        return [str(operation_id) for operation_id in answer["operations"]]

    def probe(self, export: str) -> list[dict[str, Any]]:
        """Have the worker function try an export's destinations; probe.py has the shape of the answer.

        Raises RejectedError where there is no such export, AwsError where the function itself failed.
        """
        answer = self._call(self.settings.worker_function, {"probe": export}, "WORKER_FAILED")
        return list(answer["destinations"])

    def _call(self, function: str, payload: Mapping[str, Any], code: str) -> dict[str, Any]:
        import boto3  # noqa: PLC0415  # as above
        from botocore.config import Config  # noqa: PLC0415

        functions = boto3.client(
            "lambda",
            region_name=self.settings.region,
            endpoint_url=self.settings.endpoint_url,
            config=Config(read_timeout=LONGEST_INVOCATION_SECONDS),
        )
        invoked = functions.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        answer = json.loads(invoked["Payload"].read() or b"null")
        if invoked.get("FunctionError") or not isinstance(answer, dict):
            told = answer.get("errorMessage") if isinstance(answer, dict) else None
            raise AwsError(
                f"The function {function} failed: {told or invoked.get('FunctionError')}.",
                code=code,
                remedy="Its log has the whole error. Give the command again: what was done already is not done twice.",
            )
        if "error" in answer:
            error = answer["error"]
            raise RejectedError(error["message"], code=error["code"], remedy=error["remedy"])
        return answer


def connect(name: str | None) -> Stack:
    """The deployed stack of that name, or the one whose outputs lie in this directory or above it.

    Raises UsageError where there is none, where it is no stack of Tidegate's, or where its file cannot be read.
    """
    return _deployed(name) if name else _described_here(Path.cwd())


def _deployed(name: str) -> Stack:
    import boto3  # noqa: PLC0415  # a second of imports that --help does not need
    from botocore.exceptions import ClientError  # noqa: PLC0415

    session = boto3.Session()
    try:
        stacks = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        raise UsageError(
            f"There is no stack {name} in the region {session.region_name}.",
            remedy="Check the name, AWS_PROFILE and AWS_REGION; 'aws cloudformation list-stacks' shows what there is.",
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    return Stack(_settings(outputs, f"The stack {name}", stack=name, region=session.region_name, endpoint_url=None))


def _described_here(directory: Path) -> Stack:
    path = next((f for d in (directory, *directory.parents) if (f := d / OUTPUTS_FILE).is_file()), None)
    if path is None:
        raise UsageError(
            f"No stack: there is no {OUTPUTS_FILE} in {directory} or above it.",
            remedy="Name a deployed stack with --stack NAME, or start a local one here with 'tidegate local up'.",
        )
    try:
        outputs = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}.", remedy="Remove it, and start the stack again with 'tidegate local up'."
        ) from error
    if not isinstance(outputs, dict):
        raise UsageError(
            f"{path} does not hold one JSON object.", remedy="Remove it, and run 'tidegate local up' again."
        )
    endpoint_url = outputs.get("endpointUrl")
    settings = _settings(outputs, str(path), stack="tidegate", region=outputs.get("region"), endpoint_url=endpoint_url)
    if endpoint_url is not None:
        _allow_local_endpoint(str(endpoint_url), path)
    return Stack(settings)


def _allow_local_endpoint(endpoint_url: str, path: Path) -> None:
    """Let an emulator on this machine be used without an AWS account and past any proxy; refuse one that is elsewhere.

    The file lies in a directory that others may have filled: it must not lead requests that are signed with real
    credentials to their machine.
    """
    if not is_loopback(endpoint_url):
        raise UsageError(
            f"{path} names the endpoint {endpoint_url}, which is not on this machine.",
            remedy="Start a stack here with 'tidegate local up', or name a deployed one with --stack NAME.",
        )
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        os.environ["AWS_ACCESS_KEY_ID"] = "test"
        os.environ["AWS_SECRET_ACCESS_KEY"] = "test"  # noqa: S105  # what every emulator takes
        os.environ.pop("AWS_SESSION_TOKEN", None)
    # A proxy is for the world outside, not for this machine's own address.
    around = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, (around, urlsplit(endpoint_url).hostname)))


def is_loopback(url: str) -> bool:
    """True where the URL's host is this machine and no other: 127.0.0.0/8, ::1 or localhost."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _settings(
    outputs: Mapping[str, Any], where: str, *, stack: str, region: str | None, endpoint_url: str | None
) -> Settings:
    missing = sorted(name for name in REQUIRED_OUTPUTS.values() if not outputs.get(name))
    if missing:
        raise UsageError(
            f"{where} has no output {', '.join(missing)}.",
            remedy="Is it a stack of Tidegate's, and of this version? Deploy template.yaml again, or restart it.",
        )
    names = {setting: str(outputs[name]) for setting, name in REQUIRED_OUTPUTS.items()}
    named = Settings(**names)  # type: ignore[arg-type]  # each of them is a text
    default_export = json.loads(outputs.get("DefaultExportDefinition") or "{}")
    return replace(
        named,
        default_export=default_export,
        stack=stack,
        region=region,
        endpoint_url=endpoint_url,
        email_senders=listed(outputs.get("EmailFromAddresses") or ""),
        email_domains=listed(outputs.get("AllowedRecipientDomains") or ""),
    )
