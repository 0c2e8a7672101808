"""The body of a page is taken before botocore parses it, and all the rest stays botocore's; for the locked version."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidegate.errors import RetriableError
from tidegate.sources.dynamodb.bodies import answer_of, body_of, parsed, take_bodies
from unit.wire_answers import Wire, client

PAGE = b'{"Count":1,"Items":[{"id":{"S":"a"},"raw":{"B":"AAE="}}],"ScannedCount":1}'
ANSWER = {"Count": 1, "Items": [{"id": {"S": "a"}, "raw": {"B": b"\0\1"}}], "ScannedCount": 1}
THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}'


def asking(wire: Wire, *, attempts: int = 1) -> Any:
    made = client("dynamodb", wire, attempts=attempts)
    take_bodies(made)
    take_bodies(made)
    return made


def query(made: Any) -> tuple[bytes | None, Any]:
    return body_of("Query", lambda: made.query(TableName="t"))


def test_the_body_is_what_came_and_was_not_parsed() -> None:
    body, answer = query(asking(Wire([PAGE], PAGE)))
    assert body == PAGE
    assert "Items" not in answer


def test_our_parsing_gives_what_botocores_gives() -> None:
    theirs = client("dynamodb", Wire([PAGE], PAGE), attempts=1).query(TableName="t")
    del theirs["ResponseMetadata"]
    assert parsed(PAGE) == theirs == ANSWER
    made = asking(Wire([PAGE], PAGE))
    assert answer_of("Query", lambda: made.query(TableName="t")) == ANSWER


def test_where_the_hook_does_not_fire_botocores_result_is_used() -> None:
    made = client("dynamodb", Wire([PAGE, PAGE], PAGE), attempts=1)
    body, answer = query(made)
    assert (body, answer["Items"]) == (None, ANSWER["Items"])
    assert answer_of("Query", lambda: made.query(TableName="t"))["Items"] == ANSWER["Items"]


def test_who_does_not_ask_for_a_body_gets_botocores_result() -> None:
    made = asking(Wire([PAGE, PAGE, PAGE], PAGE))
    assert made.query(TableName="t")["Items"] == ANSWER["Items"]
    # Nor does a call of another kind in the midst of one that asks.
    assert body_of("Query", lambda: made.scan(TableName="t"))[0] is None
    assert made.query(TableName="t")["Items"] == ANSWER["Items"]


def test_a_throttled_page_is_asked_for_again_by_botocore_and_then_refused_with_its_own_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    slow = Wire([THROTTLED, THROTTLED, PAGE], THROTTLED, status=400)
    with pytest.raises(ClientError) as caught:
        query(asking(slow, attempts=2))
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    assert next(slow.bodies) == PAGE, "two of the three were asked for"


def test_a_page_with_a_wrong_checksum_is_asked_for_again_and_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    damaged = PAGE.replace(b'"a"', b'"b"')
    body, _ = query(asking(Wire([damaged, PAGE], PAGE), attempts=2))
    assert body == PAGE
    with pytest.raises(RetriableError, match="damaged at each attempt"):
        query(asking(Wire([damaged, damaged], PAGE), attempts=2))


def test_a_page_that_broke_off_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    body, _ = query(asking(Wire([PAGE[:-9], PAGE], PAGE, checksum=False), attempts=2))
    assert body == PAGE


def test_what_is_no_json_is_tried_later() -> None:
    with pytest.raises(RetriableError, match="no JSON"):
        parsed(PAGE[:-1])
