"""What template.yaml promises about queues, functions, data and schedules."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
Resolve = Callable[..., Any]

OUTPUTS = {
    "ExportRequestQueueUrl", "RequestDeadLetterQueueUrl", "WorkQueueUrl", "WorkDeadLetterQueueUrl", "StudyTableName",
    "ExportTimeTableName", "ExportTableName", "OperationTableName", "HistoryTableName", "RecordTableName",
    "ExportBucketName", "IntakeFunctionName", "RequestTableName", "PairTableName", "WorkerFunctionName",
    "TickFunctionName",
}  # fmt: skip


def of_type(template: Json, kind: str) -> Json:
    """Return the properties of each resource of that type, by logical id."""
    return {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == kind}


def source_queues(template: Json) -> Json:
    return {name: queue for name, queue in of_type(template, "AWS::SQS::Queue").items() if "RedrivePolicy" in queue}


def dead_letter_queue(queue: Json) -> str:
    return str(queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])


def lint(path: Path) -> None:
    checked = subprocess.run(  # noqa: S603
        [Path(sys.executable).parent / "cfn-lint", "-t", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["template.yaml", "infra/observability.yaml"])
def test_each_template_passes_cfn_lint_as_written(project: Path, name: str) -> None:
    lint(project / name)


def test_the_template_passes_cfn_lint_after_the_sam_transform(project: Path, tmp_path: Path) -> None:
    sam_python = Path(sys.prefix) / "sam/bin/python"
    assert sam_python.exists(), "The SAM CLI is not installed; run 'make test', which installs it."
    transformed = subprocess.run(  # noqa: S603
        [sam_python, Path(__file__).with_name("transformed.py"), project / "template.yaml"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"},
    )  # fmt: skip
    assert transformed.returncode == 0, transformed.stderr
    output = tmp_path / "transformed.json"
    output.write_text(transformed.stdout)
    lint(output)


def test_no_yaml_alias_is_used_because_cloudformation_has_none(project: Path) -> None:
    for name in ("template.yaml", "infra/observability.yaml"):
        assert not re.search(r"^\s*(?:- |[\w:]+: )[&*][A-Za-z]+\s*$", (project / name).read_text(), re.MULTILINE), name


def test_the_visibility_of_each_queue_is_at_least_six_times_its_functions_timeout(template: Json) -> None:
    functions = of_type(template, "AWS::Serverless::Function")
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    assert len(mappings) == 2
    for mapping in mappings:
        queue = source_queues(template)[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
        assert queue["VisibilityTimeout"] >= 6 * functions[mapping["FunctionName"]["Ref"]]["Timeout"]


def test_a_message_reaches_its_dead_letter_queue_before_it_expires(template: Json) -> None:
    for queue in source_queues(template).values():
        receives = queue["RedrivePolicy"]["maxReceiveCount"]
        assert receives * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"]


def test_each_queue_has_one_dead_letter_queue_of_its_own_kind(template: Json) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    sources = source_queues(template)
    targets = [dead_letter_queue(queue) for queue in sources.values()]
    assert sorted([*sources, *targets]) == sorted(queues)
    for queue in sources.values():
        target = queues[dead_letter_queue(queue)]
        assert target.get("FifoQueue", False) == queue.get("FifoQueue", False)
        assert target["MessageRetentionPeriod"] == 1_209_600


def test_work_is_not_deduplicated_by_content_and_its_groups_are_limited_apart(template: Json) -> None:
    work = of_type(template, "AWS::SQS::Queue")["WorkQueue"]
    assert work["ContentBasedDeduplication"] is False
    assert work["FifoThroughputLimit"] == "perMessageGroupId"


def test_event_sources_report_partial_failures_and_bound_their_concurrency(template: Json) -> None:
    for mapping in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"]
    assert of_type(template, "AWS::Lambda::EventSourceMapping")["WorkerFromWorkQueue"]["BatchSize"] == 1


def test_a_refused_request_of_full_size_fits_into_the_dead_letter_queue(template: Json) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    assert queues["RequestQueue"]["MaximumMessageSize"] == 262_144
    assert queues["RequestDeadLetterQueue"]["MaximumMessageSize"] > 262_144


def test_every_queue_is_encrypted_and_refuses_plain_http(template: Json) -> None:
    policies = of_type(template, "AWS::SQS::QueuePolicy").values()
    for name, queue in of_type(template, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True
        (policy,) = [policy for policy in policies if policy["Queues"] == [{"Ref": name}]]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Resource"] == {"Fn::GetAtt": [name, "Arn"]}
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_table_can_be_restored_is_encrypted_and_outlives_the_stack(template: Json, resolve: Resolve) -> None:
    tables = {key: item for key, item in template["Resources"].items() if item["Type"] == "AWS::DynamoDB::Table"}
    assert len(tables) == 8
    for table in tables.values():
        properties = table["Properties"]
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["SSESpecification"] == {"SSEEnabled": True}
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert resolve(template, properties["DeletionProtectionEnabled"]) is True
        assert resolve(template, properties["DeletionProtectionEnabled"], ProtectTables="false") is False


def test_the_bucket_is_versioned_private_tidied_and_outlives_the_stack(template: Json) -> None:
    bucket = template["Resources"]["ExportBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    properties = bucket["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["abort-incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rules["expire-noncurrent-versions"]["NoncurrentVersionExpiration"]
    assert (rules["expire-work"]["Prefix"], rules["expire-work"]["ExpirationInDays"]) == ("work/", 90)
    assert (rules["expire-overrides"]["Prefix"], rules["expire-overrides"]["ExpirationInDays"]) == ("overrides/", 90)
    assert not [rule for rule in rules.values() if rule.get("Prefix") == "failed/"], "lists stay while they are listed"
    (statement,) = of_type(template, "AWS::S3::BucketPolicy")["ExportBucketPolicy"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_each_function_writes_to_a_log_group_of_its_own_with_retention(template: Json) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    functions = of_type(template, "AWS::Serverless::Function").values()
    assert sorted(function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions) == sorted(groups)
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_functions_neither_log_their_events_nor_are_traced(template: Json) -> None:
    settings = template["Globals"]["Function"]
    variables = settings["Environment"]["Variables"]
    assert {name for name in variables if name.startswith("POWERTOOLS_")} == {
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
    }
    for function in (settings, *of_type(template, "AWS::Serverless::Function").values()):
        assert "Tracing" not in function
        own = {} if function is settings else function.get("Environment", {}).get("Variables", {})
        assert all(name.startswith(("TIDEGATE_EMAIL_", "TIDEGATE_LINK_", "TIDEGATE_DEFAULT_")) for name in own)


def test_nothing_can_be_called_from_outside_the_account(template: Json) -> None:
    kinds = {item["Type"] for item in template["Resources"].values()}
    assert not [
        kind for kind in kinds if kind.startswith("AWS::ApiGateway") or kind.endswith(("Url", "HttpApi", "Api"))
    ]
    for function in of_type(template, "AWS::Serverless::Function").values():
        assert not {"FunctionUrlConfig", "Events"} & set(function)
    for permission in of_type(template, "AWS::Lambda::Permission").values():
        assert permission["Principal"].endswith(".amazonaws.com")
        assert permission["SourceArn"]
    policies = [
        *of_type(template, "AWS::SQS::QueuePolicy").values(),
        *of_type(template, "AWS::S3::BucketPolicy").values(),
    ]
    for policy in policies:
        assert {statement["Effect"] for statement in policy["PolicyDocument"]["Statement"]} == {"Deny"}


def test_packages_are_built_for_the_runtime_that_the_template_names(template: Json, project: Path) -> None:
    shared = template["Globals"]["Function"]
    assert shared["Architectures"] == ["arm64"]
    version = re.search(r"^RUNTIME_VERSION := (.+)$", (project / "functions/Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assert shared["Runtime"] == f"python{version[1]}"
    for name, item in template["Resources"].items():
        if item["Type"] == "AWS::Serverless::Function":
            assert item["Metadata"] == {"BuildMethod": "makefile"}, name


@pytest.mark.parametrize(("name", "kind"), [("DailyExportSchedule", "DAILY"), ("HourlyExportSchedule", "HOURLY")])
def test_a_schedule_hands_intake_the_documented_payload_in_its_time_zone(
    template: Json, resolve: Resolve, name: str, kind: str
) -> None:
    schedule = resolve(template, of_type(template, "AWS::Scheduler::Schedule")[name], TimeZone="Europe/London")
    assert schedule["ScheduleExpressionTimezone"] == "Europe/London"
    assert schedule["Target"]["Arn"] == "arn:IntakeFunction"
    assert json.loads(schedule["Target"]["Input"]) == {
        "schedule": "<aws.scheduler.schedule-arn>",
        "scheduledTime": "<aws.scheduler.scheduled-time>",
        "exportType": kind,
        "timeZone": "Europe/London",
    }
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "arn:RequestDeadLetterQueue"}
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert schedule["State"] == ("ENABLED" if kind == "DAILY" else "DISABLED")


def test_failed_calls_of_intake_end_in_the_request_dead_letter_queue(template: Json, resolve: Resolve) -> None:
    config = of_type(template, "AWS::Serverless::Function")["IntakeFunction"]["EventInvokeConfig"]
    on_failure = resolve(template, config["DestinationConfig"]["OnFailure"])
    assert on_failure == {"Type": "SQS", "Destination": "arn:RequestDeadLetterQueue"}


def test_the_tick_runs_every_minute_and_is_not_repeated(template: Json) -> None:
    rule = of_type(template, "AWS::Events::Rule")["TickRule"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["TickFunction", "Arn"]}
    assert (
        of_type(template, "AWS::Serverless::Function")["TickFunction"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    )


def test_the_outputs_are_those_that_the_commands_read(template: Json) -> None:
    assert set(template["Outputs"]) == OUTPUTS | {"AlarmTopicArn", "EmailFromAddresses", "AllowedRecipientDomains"}


def test_a_stack_without_a_receiver_of_alarms_is_refused(template: Json, resolve: Resolve) -> None:
    (assertion,) = template["Rules"]["AlarmsHaveAReceiver"]["Assertions"]
    assert resolve(template, assertion["Assert"]) is False
    assert resolve(template, assertion["Assert"], AlarmEmail="ops@example.org") is True
    assert resolve(template, assertion["Assert"], AlarmTopicArn="arn:aws:sns:eu-west-1:123456789012:ops") is True


@pytest.mark.parametrize(
    ("parameter", "resource", "variable", "output"),
    [
        ("ExistingStudyTable", "StudyTable", "TIDEGATE_STUDY_TABLE", "StudyTableName"),
        ("ExistingRecordTable", "RecordTable", "TIDEGATE_RECORD_TABLE", "RecordTableName"),
        ("ExistingExportTimeTable", "ExportTimeTable", "TIDEGATE_EXPORT_TIME_TABLE", "ExportTimeTableName"),
    ],
)
def test_an_existing_table_takes_the_place_of_the_stacks_own(
    template: Json, resolve: Resolve, parameter: str, resource: str, variable: str, output: str
) -> None:
    given = {parameter: "Inherited"}
    environment = template["Globals"]["Function"]["Environment"]["Variables"][variable]
    condition = {"Condition": template["Resources"][resource]["Condition"]}
    assert resolve(template, condition) is True
    assert resolve(template, condition, **given) is False
    assert resolve(template, environment) == resource
    assert resolve(template, environment, **given) == "Inherited"
    assert resolve(template, template["Outputs"][output]["Value"], **given) == "Inherited"
    worker = json.dumps(resolve(template, template["Resources"]["WorkerRole"], **given))
    assert "table/Inherited" in worker
    assert f'table/{resource}"' not in worker


def test_a_stack_that_may_send_e_mails_needs_a_sender_and_domains(template: Json, resolve: Resolve) -> None:
    rule = template["Rules"]["EmailsHaveASender"]
    assert resolve(template, rule["RuleCondition"]) is False
    assert resolve(template, rule["RuleCondition"], EmailIdentity="example.org") is True
    sender, domains = (assertion["Assert"] for assertion in rule["Assertions"])
    assert (resolve(template, sender), resolve(template, domains)) == (False, False)
    assert resolve(template, sender, EmailFromAddresses="a@example.org") is True
    assert resolve(template, domains, AllowedRecipientDomains="example.org") is True


def test_what_ses_tells_of_this_stacks_messages_reaches_intake_and_nothing_else_does(template: Json) -> None:
    resources = template["Resources"]
    made = {name for name, item in resources.items() if item.get("Condition") == "HasEmail"}
    assert made == {
        "EmailRights",
        "LinkRole",
        "EmailConfigurationSet",
        "EmailEvents",
        "EmailSentRule",
        "EmailSentRulePermission",
    }
    assert resources["EmailEvents"]["Properties"]["EventDestination"]["MatchingEventTypes"] == ["SEND"]
    rule = resources["EmailSentRule"]["Properties"]
    assert rule["EventPattern"] == {
        "source": ["aws.ses"],
        "detail-type": ["Email Sent"],
        "detail": {"mail": {"tags": {"ses:configuration-set": [{"Ref": "EmailConfigurationSet"}]}}},
    }
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["IntakeFunction", "Arn"]}
