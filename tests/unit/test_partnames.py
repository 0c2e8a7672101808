"""Names of parts: readable, safe, and never those of another table."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.partnames import part_key, table_segment


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", "d/part-00001.csv.gz"),
        ("sleep", "d/table=sleep/part-00001.csv.gz"),
        ("a/b~c", "d/table=a%2Fb%7Ec/part-00001.csv.gz"),
        ("..", "d/table=../part-00001.csv.gz"),
        ("caf\u00e9 \N{GRINNING FACE}", "d/table=caf%C3%A9%20%F0%9F%98%80/part-00001.csv.gz"),
    ],
)
def test_a_table_is_a_folder_of_its_own(table: str, expected: str) -> None:
    assert part_key("d/", table, 1, "csv.gz") == expected


def test_numbers_beyond_five_digits_are_written_whole() -> None:
    assert part_key("d/", "", 123456, "json") == "d/part-123456.json"


@given(st.text())
def test_a_name_is_safe_and_short_names_can_be_read_back(table: str) -> None:
    segment = table_segment(table)
    assert segment.isascii()
    assert "/" not in segment
    assert len(segment) > 200 or unquote(segment) == table


@given(st.text(alphabet="ab/\u00e9", min_size=60, max_size=90), st.text(alphabet="ab/\u00e9", min_size=60, max_size=90))
def test_long_names_are_cut_between_escapes_and_stay_apart(one: str, other: str) -> None:
    assert (table_segment("x" * 150 + one) == table_segment("x" * 150 + other)) == (one == other)
    cut = table_segment("x" * 150 + one)
    assert 200 < len(cut) <= 204
    unquote(cut.rpartition("-")[0]).encode()
    assert not cut.rpartition("-")[0][-2:].count("%")
