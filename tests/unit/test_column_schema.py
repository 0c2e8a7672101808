"""The `columns` of a definition: what entries there are, how they are stored, and what is refused with its place."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tidegate.definition import from_document
from tidegate.definition_schema import json_schema, validate
from tidegate.errors import RejectedError
from tidegate.model import ColumnSpec, DateSpec

SHORT: dict[str, Any] = {
    "exportId": "short",
    "source": {"type": "dynamodb", "table": "Records", "timeType": "epochSeconds"},
    "timeZone": "Europe/London",
}
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
EACH: list[tuple[Any, ColumnSpec]] = [
    ("id", ColumnSpec("id", "id")),
    ({"from": "a.b[0].c"}, ColumnSpec("a.b[0].c", "a.b[0].c")),
    (
        {"from": "at", "as": "At", "date": "iso", "zone": "UTC", "unit": "iso8601"},
        ColumnSpec("at", "At", DateSpec("iso", "UTC", "iso8601")),
    ),
    ({"from": "x", "date": "YYYY"}, ColumnSpec("x", "x", DateSpec("YYYY", "Europe/London"))),
    (
        {"from": "uploadedOn", "date": "YYYY"},
        ColumnSpec("uploadedOn", "uploadedOn", DateSpec("YYYY", "Europe/London", "epochSeconds")),
    ),
    ({"value": "x", "as": "text"}, ColumnSpec(None, "text", constant={"S": "x"})),
    ({"value": "", "as": "empty"}, ColumnSpec(None, "empty", constant={"S": ""})),
    ({"value": 1.5, "as": "number"}, ColumnSpec(None, "number", constant={"N": "1.5"})),
    ({"value": 0, "as": "zero"}, ColumnSpec(None, "zero", constant={"N": "0"})),
    ({"value": False, "as": "truth"}, ColumnSpec(None, "truth", constant={"BOOL": False})),
    ({"request": "study"}, ColumnSpec(None, "study", fact="study")),
    (
        {"request": "windowDate", "as": "d"},
        ColumnSpec(None, "d", DateSpec("YYYY-MM-DD", "Europe/London"), "windowDate"),
    ),
    ({"request": "windowEnd"}, ColumnSpec(None, "windowEnd", DateSpec("iso", "UTC"), "windowEnd")),
    (
        {"request": "windowEnd", "as": "e", "date": "HH", "zone": "Asia/Tokyo"},
        ColumnSpec(None, "e", DateSpec("HH", "Asia/Tokyo"), "windowEnd"),
    ),
    (
        {"request": "windowStart", "as": "s", "date": "HH"},
        ColumnSpec(None, "s", DateSpec("HH", "Europe/London"), "windowStart"),
    ),
]


@pytest.mark.parametrize(("entry", "spec"), EACH, ids=[str(number) for number in range(len(EACH))])
def test_an_entry_means_the_same_before_and_after_it_is_stored(entry: Any, spec: ColumnSpec) -> None:
    document = {**SHORT, "columns": [entry]}
    stored = validate(document)
    assert from_document(document, 1).columns == from_document(stored, 1).columns == (spec,)
    assert validate(stored) == stored
    assert VALIDATOR.is_valid(document)
    assert VALIDATOR.is_valid(stored)


def test_a_stored_entry_has_its_name_and_nothing_that_was_not_given() -> None:
    entries = ["id", {"from": "a", "unit": None}, {"request": "tag"}, {"as": "v", "value": 1}]
    assert validate({**SHORT, "columns": entries})["columns"] == [
        {"from": "id", "as": "id"},
        {"from": "a", "as": "a"},
        {"request": "tag", "as": "tag"},
        {"value": 1, "as": "v"},
    ]


@pytest.mark.parametrize(
    ("entry", "code", "told"),
    [
        ("a..b", "INVALID_FIELD", "columns[1] must be attribute names joined by dots"),
        ({"from": "a."}, "INVALID_FIELD", "columns[1].from must be attribute names joined by dots"),
        ({"from": "a", "date": "dd/mm"}, "INVALID_FIELD", "columns[1].date has dd, which means nothing in a date"),
        ({"from": "a", "date": "YYYY", "zone": "Leeds"}, "INVALID_FIELD", "columns[1].zone is not an IANA time zone"),
        ({"from": "a", "date": "YYYY", "unit": "ms"}, "INVALID_FIELD", "columns[1].unit must be 'epochMillis',"),
        ({"from": "a", "zone": "UTC"}, "INVALID_FIELD", "columns[1] has zone, which needs date beside it"),
        ({"from": "a", "unit": "iso8601"}, "INVALID_FIELD", "columns[1] has unit, which needs date beside it"),
        ({"from": "a", "value": 1, "as": "x"}, "INVALID_FIELD", "columns[1] must have only one of from and value"),
        ({"value": 1, "request": "tag", "as": "x"}, "INVALID_FIELD", "columns[1] must have only one of value and"),
        ({"value": 1}, "MISSING_FIELD", "columns[1].as is required."),
        ({"as": "x"}, "MISSING_FIELD", "columns[1].from is required."),
        ({"value": [1], "as": "x"}, "INVALID_FIELD", "columns[1].value must be text, a number, true or false"),
        ({"value": float("inf"), "as": "x"}, "INVALID_FIELD", "columns[1].value must be a finite number"),
        ({"value": 10**38, "as": "x"}, "INVALID_FIELD", "columns[1].value must have at most 38 digits"),
        ({"value": "x" * 1025, "as": "x"}, "INVALID_FIELD", "columns[1].value must have at most 1024 characters"),
        ({"value": 1, "as": "x", "date": "YYYY"}, "UNKNOWN_FIELD", "columns[1].date is not a field"),
        ({"request": "clock"}, "INVALID_FIELD", "columns[1].request must be 'study', 'table',"),
        ({"request": "study", "date": "YYYY"}, "INVALID_FIELD", "columns[1] has date, and study is no time;"),
        ({"request": "windowEnd", "zone": "UTC"}, "INVALID_FIELD", "columns[1] has zone, which needs date"),
        ({"from": "a", "as": "id"}, "INVALID_FIELD", "columns must not name 'id' twice"),
        ({"value": 1, "as": "id"}, "INVALID_FIELD", "columns must not name 'id' twice"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_what_is_wrong_is_refused_with_its_place(entry: Any, code: str, told: str) -> None:
    with pytest.raises(RejectedError) as caught:
        validate({**SHORT, "columns": ["id", entry]})
    assert (caught.value.code, caught.value.message[: len(told)]) == (code, told)


def test_what_happens_to_unknown_columns_is_stored_where_it_is_given() -> None:
    assert "unknownColumns" not in validate(SHORT)
    document = {**SHORT, "columns": ["id"], "unknownColumns": "append"}
    assert validate(document)["unknownColumns"] == "append"
    assert from_document(document, 1).unknown_columns == "append"
    assert from_document({**SHORT, "columns": ["id"]}, 1).unknown_columns == "ignore"


def test_without_a_list_no_column_is_unknown() -> None:
    with pytest.raises(RejectedError) as caught:
        validate({**SHORT, "unknownColumns": "fail"})
    assert caught.value.message.startswith("unknownColumns needs columns beside it")
