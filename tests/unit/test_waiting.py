"""Records that wait for their part's columns: in lines or with rows, the columns are those of the same records."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns import named
from tidegate.formats.jsonlines import JSONLinesFormat
from tidegate.formats.wire import base64_text
from tidegate.model import Record
from tidegate.packing import packed
from tidegate.pieces import Pieces, Tails
from tidegate.rereadable import Rereadable
from tidegate.waiting import Ahead, Waiting
from tidegate.wire_json import decoded
from unit.part_samples import MemoryStore, plain_record, record, wire_records


def waiting(most_records: int = 100, most_bytes: int = 1 << 20) -> Waiting:
    made = Waiting()
    made.most_records, made.most_bytes = most_records, most_bytes
    return made


def ahead(batch: Sequence[Record], seen: set[str]) -> Ahead:
    attributes = frozenset(name for one in batch for name in one.values)
    columns = named(sorted(attributes | seen), [one.values for one in batch])
    return Ahead.of(batch, JSONLinesFormat().records(columns), columns, attributes - seen)


def rereadable(records: Sequence[Record], *, spaced: bool = False, escaped: bool = False) -> Rereadable:
    """With their bytes, with all the white space and escapes that JSON may have, or with none."""
    separators = (" ,\n", " : ") if spaced else (",", ":")
    values = [record.values for record in records]
    text = json.dumps(values, ensure_ascii=escaped, separators=separators, default=base64_text).encode()[1:-1]
    times = [(record.key, record.time_millis) for record in records]

    def read(again: bytes) -> list[Record]:
        return [Record(*time, values) for time, values in zip(times, decoded(b"[%b]" % again), strict=True)]

    return Rereadable(records, text, read)


NOTATIONS: list[Callable[[Sequence[Record]], Sequence[Record]]] = [
    list,
    rereadable,
    partial(rereadable, spaced=True),
    partial(rereadable, escaped=True),
]


@given(
    st.lists(st.lists(wire_records(), min_size=1, max_size=3), max_size=5),
    st.integers(1, 9),
    st.integers(1, 500),
    st.sampled_from(NOTATIONS),
)
def test_the_columns_are_those_of_the_same_first_records_in_lines_and_with_rows(
    batches: list[list[dict[str, dict[str, object]]]],
    most_records: int,
    most_bytes: int,
    notation: Callable[[Sequence[Record]], Sequence[Record]],
) -> None:
    one, other = waiting(most_records, most_bytes), waiting(most_records, most_bytes)
    for batch in (notation([record({**values, "id": {"S": "r"}}) for values in each]) for each in batches):
        if not one.is_full:
            for each in batch:
                one.add(each)
        if not other.is_full:
            other.add_ahead(ahead(batch, other.seen))
    other.fold(as_needed=True)
    assert other.seen == one.seen
    other.fold()
    assert (other.seen, other.is_full) == (one.seen, one.is_full)


@given(st.lists(wire_records(), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_how_long_lines_will_be_is_known_from_both_sides(
    items: list[dict[str, dict[str, object]]], spaced: bool, escaped: bool
) -> None:
    records = [record({**values, "id": {"S": 'r"\u00e9'}}) for values in items]
    length = sum(map(len, map(packed, records)))
    found = ahead(rereadable(records, spaced=spaced, escaped=escaped), set())
    assert found.least_bytes <= length <= found.most_bytes
    assert found.records() == records


def test_records_wait_with_rows_until_the_lines_would_surely_be_too_long() -> None:
    records = [[plain_record(number)] for number in range(9)]
    length = len(packed(records[0][0]))
    for spaced in (False, True):
        made = waiting(most_bytes=3 * length)
        full = []
        for batch in records:
            made.add_ahead(ahead(rereadable(batch, spaced=spaced), made.seen))
            full.append(made.is_full)
        assert full.index(True) in range(2, 5)
        made.fold()
        assert made.is_full


def test_only_records_up_to_the_last_new_attribute_become_lines_and_the_others_keep_their_rows() -> None:
    made = waiting()
    batches = [[plain_record(number)] for number in range(5)]
    batches[2] = [record({**batches[2][0].values, "new": {"NULL": True}})]
    for batch in batches:
        made.add_ahead(ahead(batch, made.seen))
    made.fold(as_needed=True)
    lines = b"".join(made.drain(Pieces(MemoryStore(), "", put_so_far=0)))
    assert lines == b"".join(packed(one) for batch in batches[:3] for one in batch)
    left = made.take_ahead()
    assert [one.records() for one in left] == [[Record(b.key, None, b.values) for b in batch] for batch in batches[3:]]
    assert (made.held, made.records, made.take_ahead()) == (0, 0, [])


@pytest.mark.parametrize("aside", [False, True])
def test_a_state_has_all_that_waits_as_lines_in_order(*, aside: bool) -> None:
    store = MemoryStore()
    pieces, tails = Pieces(store, "work/", put_so_far=0), list[bytes | bytearray]()
    made, records = waiting(), [plain_record(number) for number in range(4)]
    made.add(records[0])
    made.add_ahead(ahead(records[1:3], made.seen))
    if aside:
        made.put_aside(pieces)
        assert made.held == 0
    made.add(records[3])
    state = made.state(tails)
    restored = Waiting.restored(state, Tails(memoryview(b"".join(tails))))
    assert b"".join(restored.drain(pieces)) == b"".join(map(packed, records))


def test_values_that_no_line_can_hold_are_not_taken_with_rows() -> None:
    with pytest.raises(TypeError, match="object"):
        Ahead.of([Record(("r",), None, {"a": {"NULL": object()}})], [b""], [], frozenset("a"))
