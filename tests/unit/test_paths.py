"""Paths into records: maps by name, lists by place, and names that only look like paths."""

import pytest

from tidegate.model import AttributeValue
from tidegate.paths import found_at, is_plain, roots

VALUES: dict[str, AttributeValue] = {
    "a": {"M": {"b": {"L": [{"M": {"c": {"S": "first"}}}, {"L": [{"N": "1"}, {"N": "2"}]}]}}},
    "list": {"L": [{"S": "zero"}, {"NULL": True}]},
    "set": {"SS": ["x"]},
    "text": {"S": "list"},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b[0].c", {"S": "first"}),
        ("a.b[1][1]", {"N": "2"}),
        ("list[0]", {"S": "zero"}),
        ("list[1]", {"NULL": True}),
        ("text", {"S": "list"}),
    ],
)
def test_a_path_leads_through_maps_and_lists(path: str, expected: AttributeValue) -> None:
    assert found_at(VALUES, path) == expected


@pytest.mark.parametrize(
    "path",
    ["a[0]", "a.b[2]", "a.b[0][0]", "a.b.c", "list[2]", "list[-1]", "list[ 0]", "list[]", "set[0]", "text[0]", "no[0]"],
)
def test_where_there_is_no_way_there_is_nothing(path: str) -> None:
    assert found_at(VALUES, path) is None


def test_what_is_called_like_a_path_or_a_step_comes_first() -> None:
    assert found_at({"a.b[0]": {"S": "whole"}, "a": VALUES["a"]}, "a.b[0]") == {"S": "whole"}
    assert found_at({"list[0]": {"S": "named"}, "list": VALUES["list"]}, "list[0]") == {"S": "named"}
    steps: dict[str, AttributeValue] = {"m": {"M": {"x[0]": {"M": {"y": {"S": "named"}}}, "x": {"L": []}}}}
    assert found_at(steps, "m.x[0].y") == {"S": "named"}


def test_brackets_that_hold_no_number_belong_to_the_name() -> None:
    assert found_at({"weight [kg]": {"N": "70"}}, "weight [kg]") == {"N": "70"}
    assert roots("weight [kg]") == ("weight [kg]",)


def test_a_path_may_be_about_these_attributes() -> None:
    assert roots("id") == ("id",)
    assert roots("answers.q1") == ("answers.q1", "answers")
    assert roots("a[0].b") == ("a[0].b", "a[0]", "a")


def test_only_a_name_without_dots_and_brackets_is_plain() -> None:
    assert [is_plain(path) for path in ("id", "a.b", "a[0]")] == [True, False, False]


def test_what_a_source_of_ones_own_has_in_place_of_a_value_has_nothing_below_it() -> None:
    broken: dict[str, AttributeValue] = {"a": "text", "b": {"L": "text"}, "c": {"M": 1}}  # type: ignore[dict-item]  # broken on purpose
    assert [found_at(broken, path) for path in ("a.x", "a[0]", "b[0]", "c.x")] == [None] * 4
