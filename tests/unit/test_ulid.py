"""Operation ids: ULIDs that sort by time and are the same for the same request and study."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tidegate.instants import to_millis
from tidegate.ulid import derived, encode, instant_of

ALPHABET = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
LATEST = 253_402_300_800_000
"""The first millisecond of the year 10000, which no datetime has."""
AT = datetime(2026, 3, 10, tzinfo=UTC)


def test_the_example_of_the_specification() -> None:
    # https://github.com/ulid/spec: 01ARZ3NDEKTSV4RRFFQ69G5FAV was made at 1469922850259.
    assert encode(1469922850259, b"\x00" * 10) == "01ARZ3NDEK0000000000000000"[:10] + "0" * 16
    assert encode((1 << 48) - 1, b"\xff" * 10) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


@given(st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_time(one: int, other: int, randomness: bytes) -> None:
    first, second = encode(one, randomness), encode(other, randomness)
    assert len(first) == 26
    assert set(first) <= ALPHABET
    assert to_millis(instant_of(encode(one % LATEST, randomness))) == one % LATEST
    assert (first < second) is (one < other)


@given(st.lists(st.text(max_size=5).filter(lambda name: "\x00" not in name), min_size=1, max_size=3))
def test_the_same_instant_and_names_give_the_same_id_and_others_another(names: list[str]) -> None:
    assert derived(AT, *names) == derived(AT, *names)
    assert derived(AT, *names) != derived(AT, *names, "more")
    assert derived(AT, *names) < derived(AT + timedelta(milliseconds=1), *names)
