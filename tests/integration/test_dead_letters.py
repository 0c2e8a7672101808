"""`redrive dead-letters`: both queues, listed, shown, dropped and sent again; nothing is lost on the way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.commands import Commands
from integration.faults import Faults, away
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import State

END = NOON - timedelta(hours=1)
ARN = "arn:aws:scheduler:eu-west-2:111122223333:schedule/default/tidegate-daily"


def bury(world: World, body: Any, **attributes: str) -> str:
    """Put a letter into the request dead-letter queue, as SQS or EventBridge would; its id. A second passes."""
    world.clock.tick(seconds=1)
    return world.stack.clients.sqs.send_message(
        QueueUrl=world.stack.settings.request_dlq_url,
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
    )["MessageId"]


def instant(request_id: str) -> dict[str, Any]:
    return {"exportType": "INSTANT", "requestId": request_id}


def dead_work(world: World, *studies: str) -> list[str]:
    """An operation for each study whose message has died; the operations' ids."""
    sqs, settings = world.stack.clients.sqs, world.stack.settings
    ids = []
    for study in studies:
        world.put_study(study)
        ids += world.submit(exportType="DAILY", endDateTime=rfc3339(END), studyWhitelist=[study])
    while True:
        answer = sqs.receive_message(
            QueueUrl=settings.work_queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            sqs.send_message(
                QueueUrl=settings.work_dlq_url,
                MessageBody=message["Body"],
                MessageGroupId=message["Attributes"]["MessageGroupId"],
                MessageDeduplicationId=message["Attributes"]["MessageDeduplicationId"],
            )
            sqs.delete_message(QueueUrl=settings.work_queue_url, ReceiptHandle=message["ReceiptHandle"])
        if not answer.get("Messages"):
            return ids


def listed(cli: Commands, *options: str) -> list[dict[str, Any]]:
    found = cli.json("redrive", "dead-letters", "list", *options)
    assert isinstance(found, list)
    return found


def test_the_list_has_both_queues_with_reason_and_age(world: World, cli: Commands) -> None:
    bury(world, {"exportType": "NEVER"}, errorCode="INVALID_FIELD", errorMessage="exportType must be ...")
    bury(world, instant("crashed"))
    (operation_id,) = dead_work(world, "a")
    world.clock.tick(hours=3)
    world.stack.upkeep().run(world.clock())
    refused, crashed, work = listed(cli)
    assert (refused["queue"], refused["reason"], refused["message"]) == (
        "requests",
        "INVALID_FIELD",
        "exportType must be ...",
    )
    assert (crashed["reason"], crashed["requestId"]) == ("CRASHED", "crashed")
    assert (work["queue"], work["operationId"]) == ("work", operation_id)
    assert "is FAILED DEAD_LETTER" in work["note"]
    assert "3 h ago" in cli("redrive", "dead-letters", "list").stdout
    assert [one["id"] for one in listed(cli, "--queue", "work")] == [work["id"]]
    assert [one["id"] for one in listed(cli, "--queue", "requests", "--reason", "crashed")] == [crashed["id"]]


@pytest.mark.parametrize("name", ["x" * 3000, "\ud800", "", 7])
def test_a_letter_that_names_no_possible_operation_hides_no_other(
    world: World, cli: Commands, faults: Faults, name: object
) -> None:
    dead_work(world, "a")
    world.stack.clients.sqs.send_message(
        QueueUrl=world.stack.settings.work_dlq_url,
        MessageBody=json.dumps({"operationId": name, "pair": "a/b"}),
        MessageGroupId="other",
        MessageDeduplicationId="other",
    )
    assert ["unknown" in one["note"] for one in listed(cli)].count(True) == 1
    assert len(listed(cli)) == 2
    # DynamoDB refuses a call that names such a key, which the emulator does not.
    assert not any(call.params.get("Key") == {"operationId": {"S": name}} for call in faults.calls)


def test_looking_takes_nothing_away(world: World, cli: Commands) -> None:
    for number in range(25):
        bury(world, instant(f"r-{number}"))
    assert len(listed(cli)) == 25
    assert len(listed(cli)) == 25


def test_show_has_the_whole_body(world: World, cli: Commands) -> None:
    letter = bury(world, '{"exportType":\n "INSTANT"}')
    assert '{"exportType":\n "INSTANT"}' in cli("redrive", "dead-letters", "show", letter).stdout
    assert cli.json("redrive", "dead-letters", "show", letter)["body"] == '{"exportType":\n "INSTANT"}'
    missing = cli("redrive", "dead-letters", "show", "nobody")
    assert missing.exit_code == 1
    assert "UNKNOWN_LETTER" in missing.stderr


def test_one_is_sent_again_with_the_same_body_and_the_others_stay(world: World, cli: Commands) -> None:
    world.put_study("a")
    first, second = bury(world, instant("r-1")), bury(world, instant("r-2"))
    (result,) = cli.json("redrive", "dead-letters", "send", second, "--yes")
    assert (result["id"], result["done"]) == (second, True)
    cli.intake()
    assert [o.request_id for o in world.stack.service().operations()] == ["r-2"]
    assert [one["id"] for one in listed(cli)] == [first]


def test_some_are_sent_by_their_reason_and_all_by_all(world: World, cli: Commands) -> None:
    world.put_study("a")
    for number, code in enumerate(("UNKNOWN_STUDY", "MALFORMED", "UNKNOWN_STUDY")):
        bury(world, instant(f"r-{number}"), errorCode=code)
    assert len(cli.json("redrive", "dead-letters", "send", "--reason", "unknown_study", "--yes")) == 2
    assert [one["reason"] for one in listed(cli)] == ["MALFORMED"]
    cli.json("redrive", "dead-letters", "send", "--all", "--yes")
    assert listed(cli) == []
    cli.intake()
    assert {o.request_id for o in world.stack.service().operations()} == {"r-0", "r-1", "r-2"}


def test_it_is_sent_before_it_is_deleted_so_that_a_crash_loses_nothing(
    world: World, cli: Commands, faults: Faults
) -> None:
    letter = bury(world, instant("r-1"))
    faults.fail(lambda call: call.name == "DeleteMessage", away())
    result = cli("redrive", "dead-letters", "send", letter, "--yes", "--json")
    assert result.exit_code == 1
    assert [one["id"] for one in listed(cli)] == [letter]
    names = [name for name in faults.names() if name in {"SendMessage", "DeleteMessage"}]
    assert names[-2:] == ["SendMessage", "DeleteMessage"]
    faults.fail(lambda call: call.name == "SendMessage", away())
    assert cli("redrive", "dead-letters", "send", letter, "--yes").exit_code == 1
    assert [one["id"] for one in listed(cli)] == [letter]


def test_a_work_message_keeps_its_group_and_de_duplication_id_and_its_operation_is_tried_again(
    world: World, cli: Commands, faults: Faults
) -> None:
    ids = dead_work(world, "a", "b")
    world.stack.upkeep().run(world.clock())
    assert {world.operation(operation_id).state for operation_id in ids} == {State.FAILED}
    world.clock.tick(hours=1)
    faults.clear()
    results = cli.json("redrive", "dead-letters", "send", "--all", "--yes")
    assert [result["done"] for result in results] == [True, True]
    sent = [call.params for call in faults.calls if call.name == "SendMessage"]
    assert {params["MessageDeduplicationId"] for params in sent} == {f"{operation_id}-1" for operation_id in ids}
    assert len({params["MessageGroupId"] for params in sent}) == 2
    world.stack.upkeep().run(world.clock())
    world.work()
    assert {world.operation(operation_id).state for operation_id in ids} == {State.SUCCEEDED}
    assert listed(cli) == []


def test_a_work_message_whose_operation_has_ended_is_not_sent_but_to_be_dropped(world: World, cli: Commands) -> None:
    (operation_id,) = dead_work(world, "a")
    operation = world.operation(operation_id)
    world.stack.ledger.close(operation, State.CANCELLED, world.clock(), "cancelled by the test")
    result = cli("redrive", "dead-letters", "send", "--all", "--yes")
    assert result.exit_code == 1
    assert "has ended as CANCELLED" in result.stderr
    (letter,) = listed(cli)
    assert cli.json("redrive", "dead-letters", "drop", letter["id"], "--yes")[0]["done"] is True
    assert listed(cli) == []


def test_a_retried_operation_is_not_failed_again_by_its_old_letter(world: World, cli: Commands) -> None:
    (operation_id,) = dead_work(world, "a")
    world.stack.upkeep().run(world.clock())
    result = cli("redrive", "operation", operation_id, "--yes")
    assert "Its old message still lies among the dead letters" in result.stderr
    world.stack.upkeep().run(world.clock())
    world.work()
    assert world.operation(operation_id).state is State.SUCCEEDED


def test_a_schedules_payload_is_sent_as_the_request_that_it_stands_for(world: World, cli: Commands) -> None:
    world.put_study("a")
    payload = {"schedule": ARN, "scheduledTime": "2026-03-10T00:05:00Z", "exportType": "DAILY", "timeZone": "UTC"}
    bury(world, payload, ERROR_CODE="SDK_CLIENT_ERROR", ERROR_MESSAGE="throttled")
    bury(world, {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": payload})
    assert [one["reason"] for one in listed(cli)] == ["SDK_CLIENT_ERROR", "CRASHED"]
    cli.json("redrive", "dead-letters", "send", "--all", "--yes")
    cli.intake()
    (operation,) = world.stack.service().operations()
    assert operation.request_id == f"{ARN}@2026-03-10T00:05:00.000Z"
    world.work()
    assert world.watermark("a") == NOON - timedelta(hours=12)


def test_a_failed_call_is_sent_under_the_id_that_it_had_so_what_it_did_is_not_done_twice(
    world: World, cli: Commands
) -> None:
    world.put_study("a")
    call: dict[str, Any] = {"exportType": "INSTANT", "tag": "called"}
    (done,) = world.submit(**call, message_id="call-1")
    letter = bury(world, {"requestContext": {"requestId": "call-1"}, "requestPayload": call})
    assert 'would be sent as: {"requestId": "call-1", ' in cli("redrive", "dead-letters", "show", letter).stdout
    cli.json("redrive", "dead-letters", "send", letter, "--yes")
    cli.intake()
    assert [operation.operation_id for operation in world.stack.service().operations()] == [done]


@pytest.mark.parametrize(
    "body", ['{ "exportType" : "INSTANT",\n "tag":"\\u00e9é" }', "no JSON", '{"exportType":"X"}  ']
)
def test_a_letter_is_sent_to_the_byte(world: World, cli: Commands, body: str) -> None:
    letter = bury(world, body, errorCode="UNKNOWN_STUDY")
    cli.json("redrive", "dead-letters", "send", letter, "--yes")
    sqs, url = world.stack.clients.sqs, world.stack.settings.request_queue_url
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == body


def test_a_body_that_no_request_may_have_is_not_sent(world: World, cli: Commands) -> None:
    bury(world, " " * 262_145, errorCode="MALFORMED")
    result = cli("redrive", "dead-letters", "send", "--all", "--yes")
    assert result.exit_code == 1
    assert "which no request may have" in result.stderr
    assert len(listed(cli)) == 1


@pytest.mark.parametrize("command", ["send", "drop"])
def test_a_dry_run_and_a_no_leave_everything_as_it_is(world: World, cli: Commands, command: str) -> None:
    letter = bury(world, instant("r-1"))
    result = cli("redrive", "dead-letters", command, "--all", "--dry-run")
    assert result.exit_code == 0
    assert f"Would {command} 1 dead letters." in result.stdout
    assert instant("r-1")["requestId"] in result.stdout
    assert cli("redrive", "dead-letters", command, "--all").exit_code == 2
    cli.somebody = True
    assert cli("redrive", "dead-letters", command, letter, typed="n\n").exit_code == 1
    assert [one["id"] for one in listed(cli)] == [letter]


@pytest.mark.parametrize("command", ["send", "drop"])
def test_which_letters_must_be_said_and_only_in_one_way(world: World, cli: Commands, command: str) -> None:
    letter = bury(world, instant("r-1"))
    assert cli("redrive", "dead-letters", command, "--yes").exit_code == 2
    assert cli("redrive", "dead-letters", command, letter, "--all", "--yes").exit_code == 2
    assert len(listed(cli)) == 1


def test_nothing_to_do_is_done(cli: Commands) -> None:
    assert cli.json("redrive", "dead-letters", "send", "--all", "--yes") == []
    assert "No dead letters." in cli("redrive", "dead-letters", "list").stdout
