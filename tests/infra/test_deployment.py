"""`sam deploy` of what `sam build` made, nothing changed, against the embedded AWS."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tidegate_local.launcher import ACCESS_KEY, REGION, SECRET_KEY, Emulator

PARAMETERS = (
    "AlarmEmail=ops@example.org OverrideBuckets=ids-one,ids-two TableBy=schemaId EmailIdentity=example.org"
    " EmailFromAddresses=a@example.org AllowedRecipientDomains=example.org"
)
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def session(project: Path, sam: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[boto3.Session]:
    """Yield a session of the account in which the stack `tidegate` was deployed."""
    with Emulator() as emulator, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
        aws = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
            "HOME": str(tmp_path_factory.mktemp("home")),
        }
        run = subprocess.run(  # noqa: S603
            [sam, "deploy", "--template-file", built / "template.yaml", "--config-file", project / "samconfig.toml",
             "--no-confirm-changeset", "--no-progressbar",
             "--parameter-overrides", PARAMETERS],
            cwd=project, capture_output=True, text=True, check=False, env={**os.environ, **aws},
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        yield boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)


def test_every_output_of_the_template_has_a_value(session: boto3.Session) -> None:
    (stack,) = session.client("cloudformation").describe_stacks(StackName="tidegate")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    assert len(outputs) == 19
    assert all(outputs.values())


def test_the_functions_know_the_default_export_as_json(session: boto3.Session) -> None:
    for function in session.client("lambda").list_functions()["Functions"]:
        variables = function["Environment"]["Variables"]
        if "Worker" in function["FunctionName"]:
            assert (variables["TIDEGATE_EMAIL_SENDERS"], variables["TIDEGATE_DEFAULT_EXPORT"]) == ("a@example.org", "")
            continue
        definition = json.loads(variables["TIDEGATE_DEFAULT_EXPORT"])
        assert definition["source"]["table"] == variables["TIDEGATE_RECORD_TABLE"]
        assert definition["tableBy"] == ["schemaId"]
        assert "columns" not in definition
        assert variables["TIDEGATE_OVERRIDE_BUCKETS"] == "ids-one,ids-two"


def test_every_alarm_of_the_nested_stack_has_an_action(session: boto3.Session) -> None:
    alarms = session.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 14
    assert all(alarm["AlarmActions"] for alarm in alarms)
