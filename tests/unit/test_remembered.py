"""The file of marks: of many records at once it says what it says of each."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.instants import from_millis
from tidegate.model import Record
from tidegate.pieces import Pieces, Tails
from tidegate.remembered import Header, Remembering, mark_of
from unit.part_samples import MemoryStore, wire_values

FLOOR = 1000
HEADER = Header("e", "s", from_millis(FLOOR), from_millis(5000), ("id", "at"), None, "m")
TEXTS = st.text() | st.sampled_from(('"', "\\", "\u00e9", "\ud800", "\x7f", "a"))
TIMES = wire_values() | st.sampled_from(
    ({"N": "1000"}, {"S": "a"}, {"N": "x"}, {"N": 5}, {"S": 5}, {"N": "1", "S": "2"}, {})
)
RECORDS = st.builds(
    lambda key, millis, time: Record(tuple(key), millis, {} if time is None else {"at": time}),
    st.lists(TEXTS, min_size=1, max_size=2),
    st.none() | st.integers(FLOOR - 5, FLOOR + 5),
    st.none() | TIMES,
)


def lines_of(records: list[Record]) -> list[Any]:
    store = MemoryStore()
    memory = Remembering(HEADER, Pieces(store, "memory/", put_so_far=0), None, Tails(memoryview(b"")))
    memory.note(records)
    return gzip.decompress(store.stored(memory.finish("memory"))).split(b"\n")[1:-1]


@given(st.lists(RECORDS, max_size=4))
@example([Record(("a",), 1001, {"at": {"N": "1001"}}), Record(("b",), 1002, {"at": {"N": "1002.5"}})])
@example([Record(("a",), 1001, {"at": {"S": "1"}}), Record(('"', "b"), 1002, {"at": {"S": "2"}})])
def test_many_records_are_remembered_as_each_by_itself(records: list[Record]) -> None:
    marks = [mark for one in records if (mark := mark_of(one, "at")) is not None and mark[0] >= FLOOR]
    expected = [json.dumps([millis, time, *key], separators=(",", ":")).encode() for millis, time, key in marks]
    assert lines_of(records) == expected
