"""The embedded AWS itself, with template.yaml and small functions that do what a test asks of them."""

import json
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate_local.errors import LocalStackError, PortTakenError
from tidegate_local.launcher import HOST
from tidegate_local.mailbox import Mailbox
from tidegate_local.overlay import load_template
from tidegate_local.stack import PROJECT, STACK_NAME, LocalStack
from tidegate_local.waiting import wait_for

PROBES = Path(__file__).with_name("probes")
LISTEN = "0A"  # the state of a listening socket in /proc/net
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    logs = tmp_path_factory.mktemp("probed")
    with Mailbox() as mailbox, LocalStack(auth=True, functions=PROBES, logs=logs, mailbox=mailbox) as running:
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
    with pytest.raises(PortTakenError, match=rf"Port {probed.emulator.port} of {HOST}.*--port"), taken:
        pass


def test_a_missing_emulator_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="make install"):
        LocalStack(venv=tmp_path, functions=PROBES).start()


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 99999}", r"AWS::SQS::Queue\): .*VisibilityTimeout"),
        (
            "Type: AWS::S3::Bucket, Properties: {BucketName: tidegate-local-code}",
            r"AWS::S3::Bucket\): .*already exists",
        ),
    ],
)
def test_a_failed_deployment_names_the_resource_and_the_reason(tmp_path: Path, resource: str, reason: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(f"Resources: {{Fine: {{Type: AWS::SQS::Queue}}, Broken: {{{resource}}}}}\n")
    broken = LocalStack(template=template, functions=PROBES)
    with pytest.raises(LocalStackError, match=rf"Broken \({reason}"), broken:
        pass
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
    answer = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    return int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


def dead_letters(stack: LocalStack) -> list[Any]:
    queue = stack.outputs["RequestDeadLetterQueueUrl"]
    return list(stack.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages", []))


def at_least(count: int, found: list[Any]) -> list[Any]:
    """Return `found` when it holds `count`, else nothing yet."""
    return found if len(found) >= count else []


def group(stack: LocalStack) -> list[int]:
    return processes_of(stack.emulator.process_group)


def processes_of(group: int) -> list[int]:
    """Return the ids of the living processes in the process group `group`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold spaces and brackets: state, parent, group.
            state, _parent, its_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended while we looked
        if int(its_group) == group and state != "Z":
            found.append(int(status.parent.name))
    return found


def listening(processes: list[int]) -> set[tuple[str, int]]:
    """Return the addresses and ports on which the `processes` listen for TCP."""
    sockets = {inode for process in processes for inode in _sockets_of(process)}
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in sockets:
                address, port = fields[1].split(":")
                found.add((socket.inet_ntop(family, _network_order(address)), int(port, 16)))
    return found


def _sockets_of(process: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found


def _network_order(text: str) -> bytes:
    """Turn the kernel's words, which are in this machine's byte order, into an address."""
    raw = bytes.fromhex(text)
    return struct.pack(f">{len(raw) // 4}I", *struct.unpack(f"={len(raw) // 4}I", raw))
