"""Columns: where their values come from, in which order they stand, and what the manifest says of them."""

import pytest

from tidegate.columns import ColumnOrder, selected, type_of, value_at
from tidegate.model import AttributeValue, ColumnSpec
from unit.part_samples import definition


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), "null"),
        (("NULL",), "null"),
        (("S",), "string"),
        (("NULL", "N"), "number"),
        (("BOOL",), "boolean"),
        (("B",), "binary"),
        (("L",), "list"),
        (("M",), "map"),
        (("SS",), "stringSet"),
        (("NS",), "numberSet"),
        (("BS",), "binarySet"),
        (("S", "N"), "mixed"),
        (("S", "N", "NULL"), "mixed"),
    ],
)
def test_a_columns_type_is_that_of_its_values(kinds: tuple[str, ...], expected: str) -> None:
    assert type_of(kinds) == expected


def test_a_path_leads_into_maps_and_ends_as_missing_where_there_is_no_way() -> None:
    values: dict[str, AttributeValue] = {
        "answers": {"M": {"q1": {"S": "yes"}, "deep": {"M": {"x": {"N": "1"}}}}},
        "flat": {"S": "text"},
    }
    assert value_at(values, "answers.q1") == {"S": "yes"}
    assert value_at(values, "answers.deep.x") == {"N": "1"}
    assert value_at(values, "answers") == values["answers"]
    for path in ("answers.q2", "flat.q1", "none", "none.q1", "answers.q1.x"):
        assert value_at(values, path) == {}


def test_an_attribute_whose_name_has_a_dot_wins_over_the_path() -> None:
    assert value_at({"a.b": {"S": "itself"}, "a": {"M": {"b": {"S": "inside"}}}}, "a.b") == {"S": "itself"}


def test_selected_columns_have_the_definitions_names_and_order() -> None:
    columns = selected([ColumnSpec("answers.q1", "q1"), ColumnSpec("id", "id")], [{"id": {"S": "x"}}])
    assert [(column.name, column.values) for column in columns] == [("q1", [{}]), ("id", [{"S": "x"}])]


def test_key_and_time_come_first_and_the_others_by_name() -> None:
    order = ColumnOrder(definition(), ("zz", "id"))
    assert order.of({"b", "a", "id", "uploadedOn"}) == ("zz", "id", "uploadedOn", "a", "b")
    assert order.of(()) == ("zz", "id", "uploadedOn")


def test_a_projection_can_leave_the_time_out() -> None:
    source = {"type": "dynamodb", "table": "T", "projection": ["id", "b"]}
    order = ColumnOrder(definition(source=source), ("id",))
    assert order.of({"b"}) == ("id", "b")
    assert order.of({"b", "uploadedOn"}) == ("id", "uploadedOn", "b")


def test_the_time_that_is_also_the_key_stands_there_once() -> None:
    assert ColumnOrder(definition(), ("studyId", "uploadedOn")).of({"x"}) == ("studyId", "uploadedOn", "x")
