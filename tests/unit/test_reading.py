"""A reading under way: where it may be left, and what it has counted by then."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from tidegate.model import Page, Record
from tidegate.reading import Live, Reading


class Spent:
    """A budget of which nothing is left."""

    def spent(self) -> bool:
        return True


def record(name: str) -> Record:
    return Record((name,), 5, {"id": {"S": name}})


def live(pages: Sequence[Page], written: list[str]) -> Live:
    def add(records: Sequence[Record]) -> None:
        written.extend(one.key[0] for one in records)

    writer: Any = SimpleNamespace(add=add, fail=lambda _: None)
    return Live(Reading(None, None), writer, iter(pages))


def test_a_reading_whose_time_is_spent_stops_at_the_next_place_to_stop_and_not_before() -> None:
    written: list[str] = []
    pages = [
        Page([record("a")], "one", filtered=1, more=True),
        Page([record("b")], "one", filtered=1),
        Page([record("c")], None, filtered=1, more=True),
        Page([], None, filtered=1),
    ]
    under_way = live(pages, written)
    assert under_way.read(Spent()) is False
    assert (written, under_way.reading.cursor, under_way.reading.skipped["filtered"]) == (["a", "b"], "one", 2)
    assert under_way.read(Spent()) is True
    assert (written, under_way.reading.cursor, under_way.reading.skipped["filtered"]) == (["a", "b", "c"], None, 4)
