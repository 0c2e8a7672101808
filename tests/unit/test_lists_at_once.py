"""All lists or sets of a column at once: as one by one, and one by one where that is not certain."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.formats import lists_at_once as module
from tidegate.formats.lists_at_once import lists_at_once, number_sets_at_once, text_sets_at_once
from tidegate.formats.wire import MALFORMED, json_contents

AWKWARD = st.text(alphabet='"\\[]{},:SNL \n\u00e9\ud800a1}') | st.sampled_from(
    ('{"S":"', '"},{"N":"', "],[", '"}', "1")
)
NUMERAL = st.integers(-(1 << 70), 1 << 70).map(str) | st.sampled_from(
    ("-0", "1.50", "1E+2", " 1", "1,2", "", "7]", "N8")
)
VALUE = (
    st.builds(lambda text: {"S": text}, AWKWARD)
    | st.builds(lambda text: {"N": text}, NUMERAL)
    | st.sampled_from(
        ({"BOOL": True}, {"NULL": True}, {}, {"N": "1", "S": "a"}, {"L": [{"S": "a"}]}, {"N": {"N": "5"}})
    )
    | st.sampled_from((5, "5", None, ["5"], {"N": 5}, {"S": 5}, {"SS": ["a"]}))
)
AT_ONCE: dict[str, Callable[[list[Any]], bytes | None]] = {
    "L": lists_at_once,
    "SS": text_sets_at_once,
    "NS": number_sets_at_once,
}


def one_by_one(kind: str, contents: list[Any]) -> list[str] | None:
    """What the writers make of each alone, without any quick way; None where they refuse one."""
    with patch.object(module, "quick_writer", lambda: None):
        try:
            return [json_contents(kind, [content])[0] for content in contents]
        except MALFORMED:
            return None


def at_once(kind: str, contents: list[Any]) -> bytes | None:
    try:
        return AT_ONCE[kind](contents)
    except MALFORMED:
        return None


@given(st.lists(st.lists(VALUE, max_size=3), min_size=1, max_size=4))
@example([[{"N": "1,2"}], [{"N": ""}]])
@example([[{"S": "},"}, {"S": "a"}], []])
@example([["5"], [{"N": {"N": "5"}}]])
def test_lists_at_once_are_those_one_by_one(lists: list[Any]) -> None:
    found = at_once("L", lists)
    assert found is None or found.decode().split("\n") == one_by_one("L", lists)


@given(st.lists(st.lists(AWKWARD | st.just(5), max_size=3), min_size=1, max_size=4))
def test_sets_of_strings_at_once_are_those_one_by_one(sets: list[Any]) -> None:
    found = at_once("SS", sets)
    expected = one_by_one("SS", sets)
    assert found is None or found.decode().split("\n") == expected


@given(st.lists(st.lists(NUMERAL | st.just(5), max_size=3), min_size=1, max_size=4))
@example([["10", "9", "-1"]])
def test_sets_of_numbers_at_once_are_those_one_by_one(sets: list[Any]) -> None:
    found = at_once("NS", sets)
    assert found is None or found.decode().split("\n") == one_by_one("NS", sets)


@pytest.mark.parametrize(
    ("kind", "contents", "lines"),
    [
        ("L", [[{"S": "b"}, {"S": "\u6f6e, a"}], [], [{"S": ""}]], '["b","\u6f6e, a"]\n[]\n[""]'),
        ("L", [[{"N": "1.50"}, {"N": "-0"}], [{"N": "1E+2"}]], "[1.50,-0]\n[1E+2]"),
        ("SS", [["b", 'a"'], ["\n"]], '["a\\"","b"]\n["\\n"]'),
        ("NS", [["10", "9"], ["-1"]], "[9,10]\n[-1]"),
    ],
    ids=["strings", "numbers", "sets of strings", "sets of numbers"],
)
def test_what_is_plain_is_written_at_once(kind: str, contents: list[Any], lines: str) -> None:
    assert at_once(kind, contents) == lines.encode()
