"""Reading ahead in order: what a caller gets, what is left for a later run, and that nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tidegate.model import Record
from tidegate.sources.dynamodb.stretches import Batch, LastKey, Stretch, StretchReader


def batch(key: int | None, *texts: str) -> Batch:
    return Batch([Record((text,), 0, {}) for text in texts], None if key is None else {"n": {"N": str(key)}})


def position(key: LastKey) -> int:
    return 0 if key is None else int(key["n"]["N"])


def test_stretches_come_in_order_although_the_later_ones_were_read_first() -> None:
    later = threading.Barrier(3)

    def read(span: str, key: LastKey) -> Batch:
        if span == "a" and key is None:
            return batch(1, "a0")
        later.wait(10)
        return batch(None, f"{span}1")

    reader = StretchReader([Stretch("a"), Stretch("b"), Stretch("c")], read, readers=3)
    assert [one.key[0] for _, found in reader.batches() for one in found.records] == ["a0", "a1", "b1", "c1"]


def test_what_was_read_ahead_and_had_nothing_in_it_is_not_read_again_and_all_else_is() -> None:
    ahead_done, finished = threading.Event(), set()
    script = {
        "blank": [batch(1), batch(2), batch(None)],
        "later": [batch(1), batch(2), batch(3, "x"), batch(4, "y"), batch(None)],
        "early": [batch(1, "z"), batch(2), batch(3, "z"), batch(None)],
    }

    def read(span: str, key: LastKey) -> Batch:
        if span == "first":
            if key is not None:
                assert ahead_done.wait(10)
            return batch(position(key) + 1, "f") if position(key) < 2 else batch(None)
        found = script[span][position(key)]
        if position(key) == {"blank": 2, "later": 3, "early": 2}[span]:
            finished.add(span)
            if len(finished) == 3:
                ahead_done.set()
        return found

    stretches = [Stretch(name) for name in ("first", "blank", "later", "early")]
    reader = StretchReader(stretches, read, pages_ahead=2, pages_in_all=5)
    with closing(reader.batches()) as batches:
        next(batches)
        next(batches)
        # The very last batch of each may still be on its way into its stretch; what is asked here was there before.
        left = dict(reader.behind()[0])
    assert left["later"] == {"n": {"N": "2"}}
    assert left["early"] is None
    assert left.get("blank", "finished") in ("finished", {"n": {"N": "2"}})


def test_a_split_stretch_is_read_once_and_its_pieces_follow_it() -> None:
    read_spans: list[tuple[int, int]] = []

    def read(span: tuple[int, int], key: LastKey) -> Batch:
        read_spans.append(span)
        if key is None and span[1] - span[0] > 4:
            return batch(1, f"{span[0]}")
        return batch(None, *map(str, range(span[0] + (key is not None), span[1])))

    def split(span: tuple[int, int], _batch: Batch) -> list[tuple[int, int]]:
        start, end = span
        middle = (start + 1 + end) // 2
        return [(start, start + 1), (start + 1, middle), (middle, end)]

    reader = StretchReader([Stretch((0, 200))], read, split)
    assert [one.key[0] for _, found in reader.batches() for one in found.records] == [str(n) for n in range(200)]


def test_a_failure_is_raised_at_its_place_and_no_thread_is_left() -> None:
    before = threading.active_count()

    def read(span: int, _key: LastKey) -> Batch:
        if span == 3:
            raise OSError("gone")
        return batch(None, str(span))

    found: list[str] = []
    batches = StretchReader([Stretch(n) for n in range(6)], read).batches()
    with pytest.raises(OSError, match="gone"):
        found.extend(record.key[0] for _, one in batches for record in one.records)
    assert found == ["0", "1", "2"]
    assert threading.active_count() == before


def test_many_stretches_with_few_readers_and_little_room_come_to_an_end() -> None:
    def read(span: int, key: LastKey) -> Batch:
        at = position(key)
        return batch(at + 1 if at < span % 7 else None, *([f"{span}.{at}"] if (span + at) % 3 else []))

    expected = [f"{n}.{at}" for n in range(200) for at in range(n % 7 + 1) if (n + at) % 3]
    for readers, lookahead, pages_ahead in ((1, 1, 1), (2, 3, 1), (4, 2, 1), (4, 6, 2)):
        reader = StretchReader(
            [Stretch(n) for n in range(200)], read, readers=readers, lookahead=lookahead, pages_ahead=pages_ahead
        )
        assert [one.key[0] for _, found in reader.batches() for one in found.records] == expected


def test_stretches_are_looked_at_when_their_turn_comes_near_and_what_is_behind_names_the_last_of_them() -> None:
    asked: list[int] = []

    def stretches() -> Iterator[Stretch[int]]:
        for number in range(100_000):
            asked.append(number)
            yield Stretch(number)

    reader = StretchReader(stretches(), lambda span, _key: batch(None, str(span)), lookahead=5)
    with closing(reader.batches()) as batches:
        for number, (span, _) in zip(range(50), batches, strict=False):
            assert span == number
            left, last = reader.behind()
            assert [one for one, _ in left] == list(range(number + 1, number + 5))
            assert last == number + 4
            assert len(asked) <= number + 6
