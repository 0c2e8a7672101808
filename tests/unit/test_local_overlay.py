"""What the embedded AWS gets in place of template.yaml: only what it cannot do is changed."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tidegate_local.errors import LocalStackError
from tidegate_local.overlay import TEMPLATE_KEY, Deployable, deployable, load_template

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Conditions:
  HasList: !Not [!Equals [!Join ["", !Ref List], ""]]
Resources:
  IntakeFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {CodeUri: functions/, Handler: app.handler, Runtime: python3.13, Architectures: [arm64], Timeout: 120}
  Source:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref IntakeFunction, BatchSize: 10, ScalingConfig: {MaximumConcurrency: 999}}
  Daily:
    Type: AWS::Scheduler::Schedule
    Condition: HasList
    Properties:
      ScheduleExpression: cron(0 2 * * ? *)
      ScheduleExpressionTimezone: Europe/London
      State: ENABLED
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: !GetAtt IntakeFunction.Arn
        RoleArn: role
        Input: !Sub '{"schedule":"<aws.scheduler.schedule-arn>","scheduledTime":"<aws.scheduler.scheduled-time>","in":"${Zone}"}'
  OnlyPlainHttp:
    Type: AWS::SQS::QueuePolicy
    Properties: {Queues: [q], PolicyDocument: {Statement: [{Effect: Deny, Condition: {Bool: {"aws:SecureTransport": "false"}}}]}}
  More:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: b
      PolicyDocument: {Statement: [{Effect: Deny, Condition: {Bool: {"aws:SecureTransport": "false"}}}, {Sid: Kept}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies: [{PolicyDocument: {Statement: [{Action: [sqs:SendMessage, s3:GetObject]}, {Action: sqs:ReceiveMessage}]}}]
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 720}
  Nested:
    Type: AWS::Serverless::Application
    Properties: {Location: infra/alarms.yaml, Parameters: {Queue: !GetAtt Queue.QueueName}}
"""  # noqa: E501


@pytest.fixture
def local(tmp_path: Path) -> Deployable:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "alarms.yaml").write_text("AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n")
    (tmp_path / "functions" / "intake").mkdir(parents=True)
    (tmp_path / "functions" / "intake" / "app.py").touch()
    return made_of(tmp_path)


def made_of(folder: Path) -> Deployable:
    return deployable(
        folder / "template.yaml",
        functions=folder / "functions",
        project=folder,
        endpoint_url="http://127.0.0.1:1",
        bucket="code",
        function_log=folder / "it's.log",
    )


def resource(local: Deployable, name: str) -> dict[str, Any]:
    found: dict[str, Any] = local.template["Resources"][name]
    return found


def test_a_function_runs_the_runtime_client_with_this_python_and_its_own_folder(
    local: Deployable, tmp_path: Path
) -> None:
    function = resource(local, "IntakeFunction")
    assert function["Properties"] == {
        "CodeUri": {"Bucket": "code", "Key": "IntakeFunction.zip"},
        "Handler": "app.handler",
        "Runtime": "provided.al2023",
        "Timeout": 120,
    }
    with zipfile.ZipFile(io.BytesIO(local.objects["IntakeFunction.zip"])) as archive:
        assert archive.getinfo("bootstrap").external_attr >> 16 == 0o755
        bootstrap = archive.read("bootstrap").decode()
    assert f"exec {sys.executable} -m tidegate_local.runtime" in bootstrap
    assert f"{tmp_path}/functions/intake:{tmp_path}/shared:{tmp_path}/infra/local" in bootstrap
    assert f"'{tmp_path}/it'\"'\"'s.log'" in bootstrap


def test_a_schedule_becomes_a_rule_with_the_same_payload(local: Deployable) -> None:
    assert resource(local, "Daily") == {
        "Type": "AWS::Events::Rule",
        "Condition": "HasList",
        "Properties": {
            "ScheduleExpression": "cron(0 2 * * ? *)",
            "State": "ENABLED",
            "Targets": [
                {
                    "Id": "target",
                    "Arn": {"Fn::GetAtt": ["IntakeFunction", "Arn"]},
                    "InputTransformer": {
                        "InputPathsMap": {"time": "$.time"},
                        "InputTemplate": {
                            "Fn::Sub": '{"schedule":"<aws.events.rule-arn>","scheduledTime":"<time>","in":"${Zone}"}'
                        },
                    },
                }
            ],
        },
    }


def test_statements_that_refuse_plain_http_are_left_out_and_no_others(local: Deployable) -> None:
    assert "OnlyPlainHttp" not in local.template["Resources"]
    assert resource(local, "More")["Properties"] == {"Bucket": "b", "PolicyDocument": {"Statement": [{"Sid": "Kept"}]}}


def test_the_right_to_one_sqs_message_covers_batches_and_nothing_else_is_allowed(local: Deployable) -> None:
    (policy,) = resource(local, "Role")["Properties"]["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Action": ["sqs:SendMessage", "s3:GetObject", "sqs:SendMessageBatch"]},
        {"Action": ["sqs:ReceiveMessage"]},
    ]


def test_a_join_in_a_condition_becomes_the_list_itself(local: Deployable) -> None:
    assert local.template["Conditions"] == {"HasList": {"Fn::Not": [{"Fn::Equals": [{"Ref": "List"}, ""]}]}}


def test_an_event_source_starts_few_functions_at_a_time(local: Deployable) -> None:
    properties = resource(local, "Source")["Properties"]
    assert 2 <= properties.pop("ScalingConfig")["MaximumConcurrency"] < 999
    assert properties == {"FunctionName": {"Ref": "IntakeFunction"}, "BatchSize": 10}


def test_a_nested_template_is_handed_over_as_an_object(local: Deployable) -> None:
    assert resource(local, "Nested")["Properties"]["Location"] == "http://127.0.0.1:1/code/Nested.json"
    assert json.loads(local.objects["Nested.json"]) == {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}


def test_everything_else_stays_as_it_is(local: Deployable, tmp_path: Path) -> None:
    assert resource(local, "Queue") == load_template(tmp_path / "template.yaml")["Resources"]["Queue"]
    assert json.loads(local.objects[TEMPLATE_KEY]) == local.template


@pytest.mark.usefixtures("local")
def test_a_missing_handler_is_named(tmp_path: Path) -> None:
    (tmp_path / "functions" / "intake" / "app.py").unlink()
    with pytest.raises(LocalStackError, match=r"IntakeFunction has no handler: .*intake/app\.py is missing"):
        made_of(tmp_path)


def test_a_missing_template_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="clone of the project"):
        made_of(tmp_path)


@pytest.mark.parametrize(("text", "reason"), [("a: [", "not valid YAML"), ("- a", "not a CloudFormation template")])
def test_a_broken_template_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "template.yaml").write_text(text)
    with pytest.raises(LocalStackError, match=reason):
        made_of(tmp_path)
