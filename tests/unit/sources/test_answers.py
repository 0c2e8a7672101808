"""Answers of DynamoDB without botocore's shapes: what botocore's own parser makes of them."""

import json
from typing import Any
from unittest.mock import patch

import botocore.parsers
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.formats.wire import base64_text
from tidegate.json_bytes import quick_reader
from tidegate.model import AttributeValue
from tidegate.sources.dynamodb import answers
from tidegate.sources.dynamodb.answers import Piece, answer_of, ends_of, items_of, pieces_of
from unit.part_samples import wire_records

BINARY: AttributeValue = {"B": b"\x00\xff"}
READERS = (quick_reader(), None)
"""With orjson and without."""


def by_botocore(body: bytes) -> Any:
    shape: Any = botocore.session.get_session().get_service_model("dynamodb").operation_model("Query").output_shape
    parsed = botocore.parsers.create_parser("json").parse({"body": body, "headers": {}, "status_code": 200}, shape)
    return {name: member for name, member in parsed.items() if name != "ResponseMetadata"}


def in_pieces(body: bytes, size: int, reader: Any) -> list[tuple[Piece, bool]]:
    """The pieces, so many bytes long or a little longer, read by this reader."""
    with patch.object(answers, "_PIECE", size), patch.object(answers, "quick_reader", lambda: reader):
        return list(pieces_of(body))


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


@given(
    st.lists(wire_records(), max_size=4),
    st.booleans(),
    st.permutations(["Count", "Items", "ScannedCount", "LastEvaluatedKey"]),
    st.sampled_from([1, 300, 1 << 20]),
)
def test_items_in_pieces_are_those_of_the_whole_in_any_notation_and_order(
    items: list[dict[str, AttributeValue]], spaced: bool, order: list[str], size: int
) -> None:
    key = {"LastEvaluatedKey": {"S": "Items"}, "Items": BINARY}
    members = {"Count": len(items), "Items": items, "ScannedCount": len(items), "LastEvaluatedKey": key}
    body = body_of({name: members[name] for name in order}, spaced=spaced)
    for reader in READERS:
        pieces = in_pieces(body, size, reader)
        assert [item for piece, _ in pieces for item in piece] == items
        assert [more for _, more in pieces] == [True] * (len(pieces) - 1) + [False] * bool(items)
        assert all(items_of(piece.text) == piece for piece, _ in pieces)
    assert ends_of(body) in (None, (items[0] if items else None, key))


def awkward_texts() -> st.SearchStrategy[str]:
    """Texts that look like the borders of items, and such that orjson does not take."""
    return st.lists(st.sampled_from(["}},{", '}},{"a', '"}},{"', "}}]", "]", "\\", '"', "\ud800", "x"])).map("".join)


def awkward_values() -> st.SearchStrategy[AttributeValue]:
    texts = awkward_texts().map(lambda text: {"S": text}) | st.just({"N": "9" * 38})
    names = st.sampled_from(["S", "N", "B", "L", "M", "SS", "NULL", "Items", "}},{"])
    return st.recursive(
        texts,
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda x: {"L": x})
            | st.dictionaries(names, inner, max_size=3).map(lambda x: {"M": x})
        ),
        max_leaves=6,
    )


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["S", "M", "Items", "a"]) | awkward_texts(), awkward_values(), max_size=3)
    ),
    st.sampled_from([1, 40, 300, 1 << 20]),
    st.integers(0, 30),
)
def test_wherever_an_answer_is_cut_its_items_are_what_json_says(
    items: list[dict[str, AttributeValue]], size: int, missing: int
) -> None:
    body = json.dumps({"Items": items, "LastEvaluatedKey": {"k": {"S": "}}]"}}}, separators=(",", ":")).encode()
    pieces = in_pieces(body, size, quick_reader())
    assert [item for piece, _ in pieces for item in piece] == json.loads(body)["Items"] == items
    assert [more for _, more in pieces] == [True] * (len(pieces) - 1) + [False] * bool(items)
    if missing:
        with pytest.raises(ValueError, match=r"."):
            in_pieces(body[:-missing], size, quick_reader())


@pytest.mark.parametrize("spaced", [False, True])
def test_what_follows_a_piece_is_read_item_by_item_where_orjson_does_not_take_it(*, spaced: bool) -> None:
    items: list[dict[str, AttributeValue]] = [
        {"a": {"S": "x"}, "b": {"L": []}},
        {"a": {"M": {}}},
        {},
        {"c": {"S": "y"}},
        {},
    ]
    pieces = in_pieces(body_of({"Items": items, "Count": 5}, spaced=spaced), 1, quick_reader())
    assert [item for piece, _ in pieces for item in piece] == items
    assert len(pieces) > 2


def test_an_ordinary_answer_is_read_by_orjson_alone() -> None:
    item = {"M": {"M": {"S": {"S": "}},{"}}}, "a": {"L": [{"M": {"b": {"S": "x"}}}, {"M": {}}, {"S": "y"}]}}
    items = [{"S": {"S": str(number)}, **item} for number in range(40)]
    with patch.object(answers, "_each", side_effect=AssertionError):
        pieces = in_pieces(body_of({"Items": items, "ScannedCount": 40}), 500, quick_reader())
    assert [item for piece, _ in pieces for item in piece] == items
    assert len(pieces) > 5


def test_binary_in_pieces_is_decoded_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_PIECE", 1)
    items = [
        {"a": {"S": "x"}},
        {"a": BINARY},
        {"a": {"L": [BINARY]}},
        {"B": {"BS": [b"x"]}},
        {"b": {"S": '{"B":"eA=="}'}},
    ]
    for spaced in (False, True):
        pieces = pieces_of(body_of({"Count": 5, "Items": items}, spaced=spaced))
        assert [piece for piece, _ in pieces] == [[item] for item in items]


@pytest.mark.parametrize(
    ("last", "behind"),
    [(None, {}), ({"k": BINARY}, {}), ({"k": {"N": "1"}}, {"ScannedCount": 3}), ({"a}": {"S": "\u6f6e}]"}}, {})],
)
def test_the_ends_of_an_answer_are_known_without_the_rest(last: Any, behind: dict[str, int]) -> None:
    deceptive = {"LastEvaluatedKey": {"S": "x"}, "s": {"S": '"LastEvaluatedKey":{"k":1}}'}}
    items = [{"a": {"S": "x"}}, deceptive]
    told = {} if last is None else {"LastEvaluatedKey": last}
    for spaced in (False, True):
        found = ends_of(body_of({"Count": 2, "Items": items, **told, **behind}, spaced=spaced))
        assert found == (items[0], last) or (last is None and found is None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"Items":[',
        b'{"Items":[]',
        b'{"Items":[{}],"Count":1',
        b'{"Items":[{} {}]}',
        b'{"Items":[{},]}',
        b'{"Items":[{}],}',
        b'{"Items":[{"a":{"B":"eA="}}]}',
        b'{"Items":[{"a":"\xff"}]}',
    ],
)
def test_pieces_of_what_is_no_answer_are_a_value_error(body: bytes) -> None:
    ends_of(body)
    for reader in READERS:
        with pytest.raises(ValueError, match=r"."):
            in_pieces(body, 1, reader)


def test_what_is_no_json_is_a_value_error() -> None:
    for body in (b"", b"{", b'{"B":"', b"\xff"):
        with pytest.raises(ValueError, match=r"."):
            answer_of(body)
