"""How columns change between windows: new, gone, of another type."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidegate.drift import counts, drift, known_of, learned, of_manifest, words


def listed(**types: str) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


BEFORE = {"": {"id": "string", "age": "string", "gone": "number"}}


def test_new_gone_and_retyped_columns_are_told_in_their_order() -> None:
    now = {"": listed(id="string", z="map", age="number", b="list")}
    assert drift(BEFORE, now) == {
        "": {
            "new": ["z", "b"],
            "gone": ["gone"],
            "retyped": [{"name": "age", "before": "string", "after": "number"}],
        }
    }


def test_nothing_is_told_where_nothing_changed_or_nothing_was_known() -> None:
    assert drift(BEFORE, {"": listed(id="string", age="string", gone="number")}) == {}
    assert drift(BEFORE, {"another": listed(id="string")}) == {}
    assert drift(BEFORE, {}) == {}
    assert drift({}, {"": listed(id="string")}) == {}


def test_a_column_without_a_value_is_of_no_other_type_and_its_type_stays_known() -> None:
    empty = {"": listed(id="string", age="null", gone="null")}
    assert drift(BEFORE, empty) == {}
    known = learned(BEFORE, empty)
    assert known == BEFORE
    assert drift(known, {"": listed(id="string", age="number", gone="number")})[""]["retyped"] == [
        {"name": "age", "before": "string", "after": "number"}
    ]


def test_tables_without_records_stay_known() -> None:
    known = learned({"a": {"id": "string"}, "b": {"id": "string", "x": "number"}}, {"a": listed(id="number")})
    assert known == {"a": {"id": "number"}, "b": {"id": "string", "x": "number"}}


def test_a_person_is_told_the_numbers_and_the_first_few_names() -> None:
    found = drift(BEFORE, {"": listed(id="string", age="number", gone="number", **dict.fromkeys("abcdef", "map"))})
    assert counts(found) == {"new": 6, "gone": 0, "retyped": 1}
    assert words(found) == "6 new (a, b, c, d, e, ...), 1 of another type (age)"
    assert words({"": {"new": ["n" * 100], "gone": [], "retyped": []}}) == f"1 new ({'n' * 80}...)"


def test_a_manifest_without_changes_tells_none() -> None:
    assert of_manifest("{}") == {}
    assert of_manifest('{"drift": {"": {"new": ["a"], "gone": [], "retyped": []}}}')[""]["new"] == ["a"]


TABLES: st.SearchStrategy[dict[str, list[dict[str, Any]]]] = st.dictionaries(
    st.sampled_from(["", "a", "b"]),
    st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["string", "number", "null"]), min_size=1).map(
        lambda types: listed(**types)
    ),
)


@given(TABLES, TABLES)
def test_the_same_columns_again_are_no_change(first: Any, second: Any) -> None:
    known = learned(learned({}, first), second)
    assert drift(known, second) == {}
    assert known_of(second).keys() <= known.keys()
