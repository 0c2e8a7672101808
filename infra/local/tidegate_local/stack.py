"""The whole application on the embedded AWS: an emulator with template.yaml deployed on it."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from tidegate_local.errors import LocalStackError
from tidegate_local.launcher import ACCESS_KEY, REGION, SECRET_KEY, Emulator
from tidegate_local.mailbox import Mailbox
from tidegate_local.overlay import TEMPLATE_KEY, Deployable, deployable
from tidegate_local.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

PROJECT = Path(__file__).resolve().parents[3]
STACK_NAME = "tidegate"
CODE_BUCKET = "tidegate-local-code"
OUTPUTS_FILE = Path(".tidegate") / "outputs.json"
DEPLOYED_WITHIN_SECONDS = 120.0
# What the template asks for and has no default, because on AWS an alarm without a receiver would be silent.
REQUIRED_PARAMETERS = {"AlarmEmail": "local@example.org"}
IDENTITY = "tidegate.example"
MAIL_PARAMETERS = {
    "EmailIdentity": IDENTITY,
    "EmailFromAddresses": f"exports@{IDENTITY}",
    "AllowedRecipientDomains": "example.com,example.net,example.org",
}
"""What a stack with a mailbox may send: to domains that are nobody's."""
# The failures that only follow from another one say so; the first other one is the cause.
CONSEQUENCES = ("Resource creation cancelled", "The following resource(s) failed")


class LocalStack:
    """One running stack: every queue, table, bucket, rule and function of the template, with the real handlers.

    Use it as a context manager. `parameters` are the template's (all have defaults here). `logs` is the folder that
    gets `emulator.log` and `functions.log`, by default the emulator's own directory, which goes when the stack goes.
    With `auth`, each function may do what its role allows and no more. With a `mailbox`, which must be running, e-mails
    may be sent and arrive there. `template`, `functions` and `venv` are for
    tests.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        auth: bool = False,
        parameters: Mapping[str, str] | None = None,
        logs: Path | None = None,
        mailbox: Mailbox | None = None,
        template: Path = PROJECT / "template.yaml",
        functions: Path = PROJECT / "functions",
        venv: Path | None = None,
    ) -> None:
        self.mailbox = mailbox
        self._parameters = {**(MAIL_PARAMETERS if mailbox else {}), **(parameters or {})}
        if mailbox:
            mailbox.verified[IDENTITY] = True
        self._logs = logs.resolve() if logs else None
        self._template = template
        self._functions = functions
        self.emulator = Emulator(port=port, auth=auth, log=self._logs and self._logs / "emulator.log", venv=venv)
        self.outputs: Mapping[str, str] = {}
        self.region = REGION

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service answers."""
        return self.emulator.endpoint_url

    @property
    def function_log(self) -> Path:
        """The file with all that the functions printed, in the order in which they did."""
        return (self._logs or self.emulator.directory) / "functions.log"

    @cached_property
    def session(self) -> boto3.Session:
        """A session with the credentials of the emulator's root user. Its clients need `endpoint_url`."""
        return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """A CloudFormation client of this stack's emulator."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint_url, config=_DIRECT)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """A DynamoDB client of this stack's emulator."""
        return self.session.client("dynamodb", endpoint_url=self.endpoint_url, config=_DIRECT)

    @cached_property
    def functions(self) -> "LambdaClient":
        """A Lambda client of this stack's emulator."""
        return self.session.client("lambda", endpoint_url=self.endpoint_url, config=_DIRECT)

    @cached_property
    def s3(self) -> "S3Client":
        """An S3 client of this stack's emulator."""
        return self.session.client("s3", endpoint_url=self.endpoint_url, config=_DIRECT)

    @cached_property
    def sqs(self) -> "SQSClient":
        """An SQS client of this stack's emulator."""
        return self.session.client("sqs", endpoint_url=self.endpoint_url, config=_DIRECT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the emulator, deploy the template, return when all of it stands.

        Raises LocalStackError, with the resource and the reason if the deployment failed; nothing is left running then.
        """
        if self._logs:
            self._logs.mkdir(parents=True, exist_ok=True)
        self.emulator.start()
        try:
            self.function_log.write_bytes(b"")
            self._deploy()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything. Safe to call again."""
        self.emulator.stop()

    def description(self) -> dict[str, str]:
        """Return what outputs.json holds: `endpointUrl`, `region`, and each output of the template by name."""
        return {"endpointUrl": self.endpoint_url, "region": self.region, **self.outputs}

    def write_outputs(self, path: Path) -> None:
        """Write `description()` to the file `path` in one step; a reader sees the old file or the whole new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.description(), indent=2) + "\n")
        Path(written).replace(path)

    def remove_outputs(self, path: Path) -> None:
        """Remove the file `path` if it still describes this stack: it would send commands to an AWS that has gone."""
        with suppress(OSError, ValueError):
            if json.loads(path.read_text("utf-8")).get("endpointUrl") == self.endpoint_url:
                path.unlink()

    def _deploy(self) -> None:
        local = deployable(
            self._template,
            functions=self._functions,
            project=PROJECT,
            endpoint_url=self.endpoint_url,
            bucket=CODE_BUCKET,
            function_log=self.function_log,
            mail_url=self.mailbox.endpoint_url if self.mailbox else None,
        )
        self.s3.create_bucket(Bucket=CODE_BUCKET)
        for key, body in local.objects.items():
            self.s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=body)
        self._create_stack(local)
        self.outputs = self._wait_until_deployed()

    def _create_stack(self, local: Deployable) -> None:
        known = local.template.get("Parameters", {})
        required = {name: value for name, value in REQUIRED_PARAMETERS.items() if name in known}
        parameters = {**required, **self._parameters}
        if unknown := sorted(set(self._parameters) - set(known)):
            raise LocalStackError(
                f"The template has no parameter {', '.join(unknown)}.",
                remedy=f"It has: {', '.join(sorted(known)) or 'none'}.",
            )
        try:
            self.cloudformation.create_stack(
                StackName=STACK_NAME,
                TemplateURL=f"{self.endpoint_url}/{local.bucket}/{TEMPLATE_KEY}",
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except self.cloudformation.exceptions.ClientError as error:
            raise LocalStackError(f"The embedded AWS refused the template {self._template}: {error}") from error

    def _wait_until_deployed(self) -> dict[str, str]:
        def deployed() -> Mapping[str, Any] | None:
            stack: Mapping[str, Any] = self.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
            status = stack["StackStatus"]
            if status == "CREATE_COMPLETE":
                return stack
            if status.endswith("_IN_PROGRESS"):
                return None
            raise LocalStackError(f"The template {self._template} could not be deployed. {self._first_failure()}")

        stack = wait_for(
            deployed,
            what=f"the deployment of {self._template}",
            within=DEPLOYED_WITHIN_SECONDS,
            remedy=f"The emulator's own log may tell why: {self.emulator.log}",
        )
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _first_failure(self) -> str:
        """Tell which resource failed first, and why. What was found before anything was made comes before the rest."""
        for found in self.cloudformation.describe_events(StackName=STACK_NAME)["OperationEvents"]:
            if found.get("EventType") == "VALIDATION_ERROR":
                reason = found.get("ValidationStatusReason")
                return f"{found.get('LogicalResourceId')} ({found.get('ResourceType')}): {reason}"
        events = self.cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        for event in reversed(events):
            reason = event.get("ResourceStatusReason", "")
            if event.get("ResourceStatus", "").endswith("FAILED") and not reason.startswith(CONSEQUENCES):
                return f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {reason}"
        return "No resource says why."


# A proxy that the user has set is for the world outside, not for this machine's own address.
_DIRECT = Config(proxies={}, retries={"mode": "standard", "max_attempts": 3})
