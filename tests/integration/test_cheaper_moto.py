"""What stands in for parts of moto answers and refuses as those do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from integration.cheaper_moto import as_it_was_made
from integration.resources import BUCKET
from integration.world import Clock, World, build

ONE = {":one": {"N": "1"}}
ITEM = {
    "requestId": {"S": "a"},
    "n": {"N": "1"},
    "m": {"M": {"x": {"L": [{"S": "y"}, {"NULL": True}, {"SS": ["p", "q"]}]}, "on": {"BOOL": False}}},
    "b": {"B": b"\x00\xff"},
}
UPDATES: dict[str, dict[str, Any]] = {
    "arithmetic, a list's entry and a removal": {"UpdateExpression": "SET n = n + :one, m.x[0] = :one REMOVE b"},
    "functions": {"UpdateExpression": "SET k = if_not_exists(k, :one), l = list_append(m.x, m.x)"},
    "an addition": {"UpdateExpression": "ADD n :one SET #d = :one", "ExpressionAttributeNames": {"#d": "on.date"}},
    "entries in any order": {"UpdateExpression": "REMOVE m.x[0], m.x[2] SET n = :one"},
    "a condition that fails": {"UpdateExpression": "SET q = :one", "ConditionExpression": "n > :one"},
    "a path twice": {"UpdateExpression": "SET n = :one, n = :one"},
    "a clause twice": {"UpdateExpression": "SET n = n + :one SET k = :one"},
    "a key": {"UpdateExpression": "SET requestId = :one"},
    "a path to nowhere": {"UpdateExpression": "SET m.nowhere.deep = :one"},
    "a value of another type": {"UpdateExpression": "SET n = m + :one"},
    "a name that is reserved": {"UpdateExpression": "SET name = :one"},
    "no expression": {"UpdateExpression": "PUT n = :one"},
}


def both(calls: Callable[[World], Iterator[Any]]) -> list[Any]:
    """What they give until one raises, with moto as it was made and with what stands in for it."""
    found = []
    for way in (as_it_was_made(), nullcontext()):
        answers: list[Any] = []
        with mock_aws():
            world = build(Clock())
            with way:
                try:
                    answers.extend(plain(answer) for answer in calls(world))
                except ClientError as error:
                    answers += [str(error), plain(error.response)]
        found.append(answers)
    return found


def plain(value: Any) -> Any:
    """Without what differs each time: ids, moments and headers."""
    if isinstance(value, dict):
        other = ("RequestId", "HTTPHeaders", "TableId", "MessageId", "ReceiptHandle", "SequenceNumber")
        moments = ("CreationDateTime", "LastModified")
        return {
            name: plain(member)
            for name, member in value.items()
            if name not in (*other, *moments) and "stamp" not in name
        }
    return [plain(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_updates_change_and_refuse_the_same(update: dict[str, Any]) -> None:
    def calls(world: World) -> Iterator[Any]:
        database: Any = world.stack.clients.dynamodb
        table = {"TableName": world.stack.settings.request_table, "Key": {"requestId": {"S": "a"}}}
        yield database.put_item(TableName=table["TableName"], Item=ITEM)
        yield database.update_item(**table, ExpressionAttributeValues=ONE, ReturnValues="ALL_NEW", **update)
        yield database.get_item(**table)

    as_made, cheaper = both(calls)
    assert cheaper == as_made
    assert len(as_made) == 3


def test_other_calls_are_answered_the_same() -> None:
    def calls(world: World) -> Iterator[Any]:
        made: Any = world.stack.clients
        table, queue = world.stack.settings.request_table, world.stack.settings.work_queue_url
        put = {"Put": {"TableName": table, "Item": ITEM, "ConditionExpression": "attribute_not_exists(requestId)"}}
        sent = [{"Id": "1", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}]
        yield made.dynamodb.transact_write_items(TransactItems=[put])
        yield made.dynamodb.scan(TableName=table, FilterExpression="n = :one", ExpressionAttributeValues=ONE)
        yield made.dynamodb.describe_table(TableName=world.stack.settings.operation_table)
        yield made.sqs.send_message_batch(QueueUrl=queue, Entries=sent)
        yield made.sqs.receive_message(QueueUrl=queue, AttributeNames=["All"])
        yield made.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
        yield made.s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"c", Metadata={"d": "e"})
        yield made.s3.list_objects_v2(Bucket=BUCKET)
        yield made.s3.head_object(Bucket=BUCKET, Key="a/b")
        yield made.dynamodb.transact_write_items(TransactItems=[put])

    as_made, cheaper = both(calls)
    assert cheaper == as_made
    assert len(as_made) == 9 + 2
