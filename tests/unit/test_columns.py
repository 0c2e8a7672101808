"""Columns: where their values come from, in which order they stand, and what the manifest says of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns import ColumnOrder, have_all, named, selected, type_of, value_at
from tidegate.formats import UnwritableValueError
from tidegate.model import AttributeValue, ColumnSpec, DateSpec
from unit.part_samples import definition, wire_records


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


def test_a_constant_is_in_every_record_and_an_empty_one_in_none() -> None:
    constants = [
        ColumnSpec(None, "by", constant={"S": "x"}),
        ColumnSpec(None, "type", fact="exportType", constant={}),
        ColumnSpec(None, "open", fact="table"),
    ]
    columns = selected(constants, [{"by": {"S": "another"}}, {}])
    assert [(column.name, list(column.values), set(column.kinds)) for column in columns] == [
        ("by", [{"S": "x"}, {"S": "x"}], {"S"}),
        ("type", [{}, {}], set()),
        ("open", [{}, {}], set()),
    ]


def dated(value: AttributeValue, unit: str | None = None) -> AttributeValue:
    (column,) = selected([ColumnSpec("at", "At", DateSpec("YYYY-MM-DD HH:mm:ss.SSS", "UTC", unit))], [{"at": value}])
    return column.values[0]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ({"N": "1782945000000"}, None, "2026-07-01 22:30:00.000"),
        ({"N": "1782945000000.9999"}, "epochMillis", "2026-07-01 22:30:00.000"),
        ({"N": "-1"}, None, "1969-12-31 23:59:59.999"),
        ({"N": "1782945000.5"}, "epochSeconds", "2026-07-01 22:30:00.500"),
        ({"N": "1.782945E+9"}, "epochSeconds", "2026-07-01 22:30:00.000"),
        ({"S": "2026-07-01T23:30:00+01:00"}, None, "2026-07-01 22:30:00.000"),
        ({"S": "2026-07-01T22:30:00.123456789Z"}, "iso8601", "2026-07-01 22:30:00.123"),
    ],
)
def test_a_time_is_read_in_its_unit_and_cut_to_milliseconds(
    value: AttributeValue, unit: str | None, expected: str
) -> None:
    assert dated(value, unit) == {"S": expected}


def test_null_and_missing_are_no_dates_and_no_failures() -> None:
    assert dated({"NULL": True}) == {"NULL": True}
    assert selected([ColumnSpec("at", "At", DateSpec("YYYY", "UTC"))], [{}])[0].values == [{}]


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        ({"S": "2026-07-01"}, None, "column 'At' holds what is no time"),
        ({"S": ""}, None, "column 'At' holds what is no time"),
        ({"S": "1782945000000"}, "epochMillis", "column 'At' holds what is no time in epochMillis"),
        ({"N": "1"}, "iso8601", "column 'At' holds what is no time in iso8601"),
        ({"N": "1E+125"}, None, "column 'At' holds what is no time"),
        ({"BOOL": True}, None, "column 'At' holds what is no time"),
        ({"M": {}}, "epochSeconds", "column 'At' holds what is no time in epochSeconds"),
        ("text", None, "column 'At' holds what is no time"),
    ],
)
def test_what_is_no_time_is_refused_without_being_told(value: AttributeValue, unit: str | None, told: str) -> None:
    good: AttributeValue = {"NULL": True}
    with pytest.raises(UnwritableValueError) as caught:
        selected([ColumnSpec("at", "At", DateSpec("YYYY", "UTC", unit))], [{"at": good}, {"at": value}])
    assert (str(caught.value), caught.value.index) == (told, 1)


def test_the_sources_own_columns_come_first_and_others_behind_them_by_name() -> None:
    order = ColumnOrder(definition(), ("id",))
    order.lead(("z", "id", "b"))
    assert order.of({"id", "c", "a"}) == ("z", "id", "b", "a", "c")
    assert order.of(()) == ("z", "id", "b")


def test_a_source_without_a_time_has_no_column_for_one() -> None:
    order = ColumnOrder(definition(source={"type": "mocked"}), ())
    assert order.of({"b", "a"}) == ("a", "b")


@given(st.lists(wire_records(), min_size=1, max_size=4), st.data())
def test_columns_have_all_that_is_in_records_exactly_where_no_attribute_is_besides(
    batch: list[dict[str, AttributeValue]], data: st.DataObject
) -> None:
    attributes = sorted({name for values in batch for name in values})
    names = data.draw(st.lists(st.sampled_from([*attributes, "in no record"]), unique=True))
    assert have_all(named(names, batch), batch) == (set(attributes) <= set(names))
