"""The embedded AWS itself, with template.yaml and small functions that do what a test asks of them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import listening, processes_of
from waiting import wait_for

from tidegate_local.launcher import HOST, LocalStackError, PortTakenError
from tidegate_local.overlay import load_template
from tidegate_local.stack import PROJECT, STACK_NAME, LocalStack

PROBES = Path(__file__).with_name("probes")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(auth=True, functions=PROBES, logs=tmp_path_factory.mktemp("probed")) as running:
        yield running


def test_the_whole_template_is_deployed(probed: LocalStack) -> None:
    template = load_template(PROJECT / "template.yaml")
    pages = probed.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
    there = {summary["LogicalResourceId"] for page in pages for summary in page["StackResourceSummaries"]}
    refuse_plain_http = {name for name in template["Resources"] if name.endswith("Policy")}
    assert set(template["Resources"]) - there == refuse_plain_http
    assert set(probed.description()) == {"endpointUrl", "region", *template["Outputs"]}
    assert all(probed.description().values())


def test_messages_come_in_batches_and_only_those_that_failed_stay(probed: LocalStack) -> None:
    queue = probed.outputs["ExportRequestQueueUrl"]
    with paused(probed, "IntakeFunctionName"):
        for number in range(3):
            probed.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"batched": number}))
        probed.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"do": "fail"}))
    came = wait_for(lambda: at_least(3, notes(probed, "batched")), what="the others arrive")
    assert {note["batch"] for note in came} == {4}
    wait_for(lambda: hidden(probed, queue) == 1, what="the others are deleted, the failed one is not")


def test_a_message_that_fails_too_often_becomes_a_dead_letter(probed: LocalStack) -> None:
    queue = probed.outputs["ExportRequestQueueUrl"]
    attributes = probed.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    probed.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        probed.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"do": "fail", "until": "dead"}))
        dead = wait_for(lambda: dead_letters(probed), what="the message is in the dead-letter queue")
    finally:
        probed.sqs.set_queue_attributes(
            QueueUrl=queue, Attributes={"VisibilityTimeout": attributes["VisibilityTimeout"]}
        )
    assert [json.loads(message["Body"]) for message in dead] == [{"do": "fail", "until": "dead"}]


def test_messages_of_one_group_come_one_by_one_in_order(probed: LocalStack) -> None:
    for number in range(5):
        probed.sqs.send_message(
            QueueUrl=probed.outputs["WorkQueueUrl"],
            MessageBody=str(number),
            MessageGroupId="default/one",
            MessageDeduplicationId=f"order-{number}",
        )
    kept = wait_for(lambda: at_least(5, worked(probed)), what="all five are worked")
    assert kept == [{"body": str(number), "of": 1} for number in range(5)]


def test_an_error_keeps_its_type(probed: LocalStack) -> None:
    answer = invoke(probed, {"do": "raise"})
    assert (answer["errorType"], answer["errorMessage"]) == ("ProbeError", "on purpose")


def test_a_function_may_do_only_what_its_role_allows(probed: LocalStack) -> None:
    answer = invoke(probed, {"do": "rewrite history"})
    assert answer["errorType"] == "ClientError"
    assert "not authorized to perform: dynamodb:DeleteItem" in answer["errorMessage"]


def test_a_function_runs_under_the_real_runtime_client_with_this_python(probed: LocalStack) -> None:
    invoke(probed, {"Records": []})
    commands = [Path(f"/proc/{process}/cmdline").read_bytes() for process in group(probed)]
    assert any(command.startswith(sys.executable.encode()) and b"app.handler" in command for command in commands)


def test_rules_fire_with_the_payload_of_the_schedule(probed: LocalStack) -> None:
    events = probed.session.client("events", endpoint_url=probed.endpoint_url)
    rules = {rule["Name"]: rule for rule in events.list_rules()["Rules"]}
    (hourly,) = [rule for name, rule in rules.items() if "HourlyExportSchedule" in name]
    (tick,) = [rule for name, rule in rules.items() if "TickRule" in name]
    assert tick["ScheduleExpression"] == "rate(1 minute)"
    assert hourly["State"] == "DISABLED"
    events.put_rule(Name=hourly["Name"], ScheduleExpression="cron(* * * * ? *)", State="ENABLED")
    fired = wait_for(lambda: notes(probed, "scheduledTime"), what="the rule fires", within=100)
    events.disable_rule(Name=hourly["Name"])
    payload = {name: value for name, value in fired[0].items() if name != "scheduledTime"}
    assert payload == {"schedule": hourly["Arn"], "exportType": "HOURLY", "timeZone": "UTC"}
    assert fired[0]["scheduledTime"].endswith("Z")
    wait_for(lambda: "the tick came" in probed.function_log.read_text(), what="the tick comes", within=100)


@linux_only
def test_it_listens_on_127_0_0_1_only(probed: LocalStack) -> None:
    invoke(probed, {"Records": []})
    addresses = listening(group(probed))
    assert (HOST, probed.emulator.port) in addresses
    assert {address for address, _port in addresses} == {HOST}


def test_two_stacks_do_not_meet(probed: LocalStack) -> None:
    with LocalStack(functions=PROBES) as other:
        assert other.emulator.port != probed.emulator.port
        other.dynamodb.put_item(TableName=other.outputs["StudyTableName"], Item={"studyId": {"S": "only here"}})
        for stack, there in ((other, True), (probed, False)):
            found = stack.dynamodb.get_item(
                TableName=stack.outputs["StudyTableName"], Key={"studyId": {"S": "only here"}}
            )
            assert ("Item" in found) is there


@linux_only
def test_nothing_is_left_when_it_stops() -> None:
    with LocalStack(functions=PROBES) as running:
        invoke(running, {"Records": []})
        number, directory = running.emulator.process_group, running.emulator.directory
        assert len(processes_of(number)) > 1
        assert directory.is_dir()
    assert processes_of(number) == []
    assert not directory.exists()


def test_a_taken_port_is_refused_by_name(probed: LocalStack) -> None:
    taken = LocalStack(port=probed.emulator.port, functions=PROBES)
    with pytest.raises(PortTakenError, match=rf"Port {probed.emulator.port} of {HOST}.*--port"):
        taken.start()


def test_a_missing_emulator_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="make install"):
        LocalStack(venv=tmp_path).start()


def test_a_failed_deployment_names_the_resource_and_the_reason(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "Resources:\n"
        "  Broken:\n"
        "    Type: AWS::Lambda::EventSourceMapping\n"
        "    Properties: {FunctionName: nobody, EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:nothing'}\n"
    )
    broken = LocalStack(template=template, functions=PROBES)
    with pytest.raises(LocalStackError, match=r"Broken \(AWS::Lambda::EventSourceMapping\): .*nobody"):
        broken.start()
    assert not broken.emulator.directory.exists()


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(LocalStackError, match=r"no parameter Settle\..*SettleSeconds"):
        LocalStack(functions=PROBES, parameters={"Settle": "1"}).start()


class paused:  # noqa: N801  # reads as a statement
    """Stop handing a function's messages over while the block lasts, so that they gather into one batch."""

    def __init__(self, stack: LocalStack, function: str) -> None:
        self._functions = stack.functions
        mappings = self._functions.list_event_source_mappings(FunctionName=stack.outputs[function])
        (self._mapping,) = [mapping["UUID"] for mapping in mappings["EventSourceMappings"]]

    def __enter__(self) -> None:
        self._functions.update_event_source_mapping(UUID=self._mapping, Enabled=False)

    def __exit__(self, *_error: object) -> None:
        self._functions.update_event_source_mapping(UUID=self._mapping, Enabled=True)


def invoke(stack: LocalStack, event: dict[str, Any]) -> dict[str, Any]:
    payload = json.dumps(event).encode()
    answer = stack.functions.invoke(FunctionName=stack.outputs["IntakeFunctionName"], Payload=payload)
    read: dict[str, Any] = json.loads(answer["Payload"].read())
    return read


def notes(stack: LocalStack, key: str) -> list[dict[str, Any]]:
    items = stack.dynamodb.scan(TableName=stack.outputs["RequestTableName"])["Items"]
    read = [json.loads(item["what"]["S"]) for item in items]
    return [note for note in read if key in note]


def worked(stack: LocalStack) -> list[dict[str, Any]]:
    bucket = stack.outputs["ExportBucketName"]
    listed = stack.s3.list_objects_v2(Bucket=bucket, Prefix="work/").get("Contents", [])
    return [json.loads(stack.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()) for entry in listed]


def hidden(stack: LocalStack, queue: str) -> int:
    name = "ApproximateNumberOfMessagesNotVisible"
    return int(stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name])


def dead_letters(stack: LocalStack) -> list[Any]:
    queue = stack.outputs["RequestDeadLetterQueueUrl"]
    return list(stack.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages", []))


def at_least(count: int, found: list[Any]) -> list[Any]:
    """Return `found` when it holds `count`, else nothing yet."""
    return found if len(found) >= count else []


def group(stack: LocalStack) -> list[int]:
    return processes_of(stack.emulator.process_group)
