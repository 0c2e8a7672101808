"""Thrift's compact protocol: what is written is read back, and bytes that are none are refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.parquet.thrift import Integer, List, Structure, read, written


def structures() -> st.SearchStrategy[dict[int, Any]]:
    numbers = st.sampled_from([8, 16, 32, 64]).flatmap(
        lambda bits: st.builds(Integer, st.integers(-(1 << bits - 1), (1 << bits - 1) - 1), st.just(bits))
    )
    texts = st.text() | st.binary(max_size=300)

    def inner(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        fields = st.dictionaries(st.integers(1, 1000), values, max_size=20)
        lists = st.sampled_from([texts, st.booleans(), numbers.filter(lambda n: n.bits == 64), fields])
        return fields | lists.flatmap(lambda kind: st.builds(List, st.lists(kind, max_size=20)))

    values = st.recursive(st.booleans() | numbers | texts, inner, max_leaves=20)
    return st.dictionaries(st.integers(1, 40), values, max_size=20)


def plain(value: Any) -> Any:
    match value:
        case Integer(number):
            return number
        case List(values):
            return [plain(one) for one in values]
        case str():
            return value.encode()
        case dict():
            return {number: plain(one) for number, one in value.items()}
        case _:
            return value


@given(structures(), st.binary(max_size=5))
def test_a_structure_is_read_back_as_it_was_written_and_its_end_is_known(structure: Structure, rest: bytes) -> None:
    data = written(structure)
    found, end = read(b"\x7f" + data + rest, 1)
    assert found == plain(structure)
    assert end == 1 + len(data)


@given(structures(), st.data())
def test_a_structure_that_is_cut_short_or_changed_is_refused_or_read_and_nothing_else(
    structure: Structure, data: st.DataObject
) -> None:
    whole = bytearray(written(structure))
    place = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="its metadata"):
        read(bytes(whole[:-1]))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        read(bytes(whole))
    except ValueError as error:
        assert "its metadata" in str(error)  # noqa: PT017 - both are fine


def test_a_list_that_claims_more_values_than_there_are_bytes_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="cut short"):
        read(b"\x19\xf1\xff\xff\xff\xff\x0f")


def test_lists_inside_each_other_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        read(b"\x19" + b"\x19" * 10_000)
