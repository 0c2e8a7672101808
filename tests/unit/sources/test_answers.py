"""Answers of DynamoDB without botocore's shapes: what botocore's own parser makes of them."""

import json
from typing import Any

import botocore.parsers
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.formats.wire import base64_text
from tidegate.model import AttributeValue
from tidegate.sources.dynamodb.answers import answer_of
from unit.part_samples import wire_records

BINARY: AttributeValue = {"B": b"\x00\xff"}


def by_botocore(body: bytes) -> Any:
    shape: Any = botocore.session.get_session().get_service_model("dynamodb").operation_model("Query").output_shape
    parsed = botocore.parsers.create_parser("json").parse({"body": body, "headers": {}, "status_code": 200}, shape)
    return {name: member for name, member in parsed.items() if name != "ResponseMetadata"}


def body_of(document: Any, *, spaced: bool = False) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps(document, separators=separators, ensure_ascii=False, default=base64_text).encode()


@given(st.lists(wire_records(), max_size=3), st.booleans())
def test_any_items_are_what_botocore_makes_of_them(items: list[dict[str, AttributeValue]], spaced: bool) -> None:
    body = body_of({"Count": len(items), "Items": items, "ScannedCount": len(items)}, spaced=spaced)
    assert answer_of(body) == by_botocore(body)


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize(
    "item",
    [
        {"a": BINARY, "b": {"BS": [b"", b"x"]}, "B": {"S": "B"}, "BS": {"S": "BS"}},
        {"a": {"L": [BINARY]}},
        {"a": {"M": {"B": {"S": "eA=="}, "a": BINARY, "BS": {"L": []}}}},
        {'quote"d': BINARY, "B": BINARY, "d": {"S": '{"B":"eA=="}'}},
    ],
    ids=["attributes", "in a list", "in a map", "names"],
)
def test_binary_is_decoded_wherever_it_stands(item: dict[str, AttributeValue], spaced: bool) -> None:
    body = body_of({"Count": 2, "Items": [item, item], "LastEvaluatedKey": {"k": BINARY}}, spaced=spaced)
    assert (
        answer_of(body)
        == by_botocore(body)
        == {
            "Count": 2,
            "Items": [item, item],
            "LastEvaluatedKey": {"k": BINARY},
        }
    )


def test_what_is_no_json_is_a_value_error() -> None:
    for body in (b"", b"{", b'{"B":"', b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            answer_of(body)
