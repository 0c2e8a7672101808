"""What becomes of items: many together the same as each by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.definition import from_document
from tidegate.model import AttributeValue
from tidegate.rereadable import Rereadable
from tidegate.sources.dynamodb.answers import Piece
from tidegate.sources.dynamodb.schema import Plan, Schema
from tidegate.sources.dynamodb.sieve import Sieve
from tidegate.sources.times import time_type_of

KEYS = st.sampled_from([{"S": "a"}, {"S": ""}, {"N": "1"}, {"B": b"x"}, {"S": 5}, {"BOOL": True}])
TIMES = st.integers(0, 30).map(lambda number: {"N": str(number)}) | st.sampled_from(
    [{"N": "9.5"}, {"N": "x"}, {"S": "1"}]
)
ITEMS = st.fixed_dictionaries({}, optional={"id": KEYS, "sort": KEYS, "at": TIMES, "kind": KEYS})
ORDINARY = st.fixed_dictionaries({"id": st.just({"S": "a"}), "sort": st.just({"S": "b"}), "at": st.just({"N": "12"})})


def sieve(*key: str, **source: Any) -> Sieve:
    definition = from_document({"source": {"type": "dynamodb", "table": "T", "timeKey": "at", **source}}, 1)
    plan = Plan(
        schema=Schema("T", ("id",), {"id": "S"}, {}, 0),
        spec=definition.source,
        time=time_type_of("epochMillis"),
        record_key=key,
        index=None,
        scan=False,
        second_read=False,
        fetched=None,
        shown=frozenset({"id", "at"}) if "projection" in source else None,
    )
    return Sieve(plan, definition)


SIEVES = [sieve("id"), sieve("id", "sort"), sieve("id", projection=["id", "at"]), sieve("id", filter={"kind": "a"})]


@pytest.mark.parametrize("made", SIEVES, ids=["one key", "two keys", "projection", "filter"])
@given(st.lists(ITEMS | ORDINARY, max_size=4))
def test_items_together_become_what_each_becomes_by_itself(made: Sieve, items: list[dict[str, AttributeValue]]) -> None:
    each = [made.sifted([item], 10, 20) for item in items]
    expected = ([one for found, _, _ in each for one in found], [one for _, bad, _ in each for one in bad])
    assert made.sifted(items, 10, 20) == (*expected, sum(filtered for _, _, filtered in each))


def test_ordinary_items_are_made_records_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sieve, "of_window", None)
    items: list[dict[str, AttributeValue]] = [{"id": {"S": str(at)}, "at": {"N": str(at)}} for at in range(10, 20)]
    found, failed, filtered = sieve("id").sifted(items, 10, 20)
    assert [(record.key, record.time_millis, record.values) for record in found] == [
        ((str(at),), at, items[at - 10]) for at in range(10, 20)
    ]
    assert (failed, filtered) == ([], 0)


def test_records_of_a_whole_piece_can_be_read_again_from_its_bytes() -> None:
    text = b'{"id":{"S":"a"},"at":{"N":"10"},"photo":{"B":"AA=="}}, {"id":{"S":"b"},"at":{"N":"11"}} ,'
    items: list[dict[str, AttributeValue]] = [
        {"id": {"S": "a"}, "at": {"N": "10"}, "photo": {"B": b"\0"}},
        {"id": {"S": "b"}, "at": {"N": "11"}},
    ]
    found, _, _ = sieve("id").sifted(Piece(items, text), 10, 20)
    assert isinstance(found, Rereadable)
    assert found.read(found.text) == found == sieve("id").sifted(items, 10, 20)[0]


@pytest.mark.parametrize("made", SIEVES[2:], ids=["projection", "filter"])
@pytest.mark.parametrize("end", [11, 20])
def test_records_that_are_less_than_their_piece_cannot(made: Sieve, end: int) -> None:
    items: list[dict[str, AttributeValue]] = [
        {"id": {"S": str(at)}, "at": {"N": str(at)}, "kind": {"S": "a"}} for at in (10, 11)
    ]
    found, _, _ = made.sifted(Piece(items, b"{}"), 10, end)
    assert found
    assert not isinstance(found, Rereadable)
