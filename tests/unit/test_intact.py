"""Answers of AWS that were damaged on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate.awserrors import translated
from tidegate.bootstrap import clients
from tidegate.errors import RetriableError
from tidegate.settings import Settings
from unit.wire_answers import Wire, client

ITEM = b'{"Item":{"id":{"S":"na\xc3\xafve"},"at":{"N":"1700000000000"}}}'
REFUSAL = b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}'
LISTED = b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>"
SENT = b'{"Successful":[],"Failed":[{"Id":"0","Code":"InternalError","SenderFault":false}]}'
DAMAGED = {
    "not UTF-8": ITEM.replace(b"\xaf", b"\xff"),
    "another digit": ITEM.replace(b"17", b"16"),
    "another attribute": ITEM.replace(b'"at"', b'"as"'),
    "another type": ITEM.replace(b'"N"', b'"B"'),
    "broken off": ITEM[:-1],
    "another document": b"7",
    "empty": b"",
}
CALLS: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
    "dynamodb": (ITEM, lambda client: client.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"]["at"]["N"]),
    "s3": (LISTED, lambda client: client.list_objects_v2(Bucket="b")["Contents"][0]["Key"]),
    "sqs": (SENT, lambda client: client.send_message_batch(QueueUrl="q", Entries=[])["Failed"][0]["Id"]),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_a_damaged_answer_of_dynamodb_is_asked_for_again_whatever_its_bytes(kind: str) -> None:
    assert CALLS["dynamodb"][1](client("dynamodb", Wire([DAMAGED[kind], ITEM], ITEM), attempts=2)) == "1700000000000"


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_one_that_stays_damaged_is_not_taken_but_tried_later(kind: str) -> None:
    with pytest.raises(RetriableError) as caught, translated("Reading"):
        CALLS["dynamodb"][1](client("dynamodb", Wire([DAMAGED[kind]], ITEM), attempts=1))
    assert caught.value.code == "AWS_UNAVAILABLE"


@pytest.mark.parametrize("service", sorted(CALLS))
def test_an_answer_that_breaks_off_is_asked_for_again_and_then_tried_later(service: str) -> None:
    body, call = CALLS[service]
    whole = call(client(service, Wire([body], body, checksum=False), attempts=1))
    assert call(client(service, Wire([body[:-9], body], body, checksum=False), attempts=2)) == whole
    with pytest.raises(RetriableError), translated("Asking"):
        call(client(service, Wire([body[:-9]], body, checksum=False), attempts=1))


def test_a_damaged_refusal_is_no_refusal() -> None:
    damaged = REFUSAL.replace(b"Conditional", b"Condi\xfftional")
    with pytest.raises(RetriableError), translated("Reading"):
        CALLS["dynamodb"][1](client("dynamodb", Wire([damaged], REFUSAL, status=400), attempts=1))


def test_the_length_that_a_head_announces_is_not_that_of_its_answer() -> None:
    wire = Wire([b""], b"0123456789", checksum=False)
    assert client("s3", wire, attempts=1).head_object(Bucket="b", Key="k")["ContentLength"] == 10


def test_botocore_alone_would_take_them() -> None:
    """Why this module is there; when this fails, botocore has learned it."""
    other = Wire([DAMAGED["another digit"]], ITEM)
    assert CALLS["dynamodb"][1](client("dynamodb", other, attempts=1, checking=False)) == "1600000000000"
    broken_off = client("sqs", Wire([SENT[:-9]], SENT, checksum=False), attempts=1, checking=False)
    assert "Failed" not in broken_off.send_message_batch(QueueUrl="q", Entries=[])


@pytest.mark.parametrize("service", sorted(CALLS))
def test_every_client_of_a_stack_checks(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    names = ("StudyTable", "Times", "Exports", "Operations", "Requests", "Pairs", "History", "Records", "bucket")
    made = getattr(clients(Settings(*names, region="us-east-1")), service)
    body, call = CALLS[service]
    made.meta.events.register(f"before-send.{service}", Wire([body[:-9], body], body, checksum=False).answer)
    assert call(made)
