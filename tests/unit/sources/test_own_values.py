"""Plain Python values in wire form: every digit kept, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from tidegate.sources.own.values import MOST_NESTED, wire_value


class Level(IntEnum):
    HIGH = 3


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("", {"S": ""}),
        ("2017-08-21T09:14:07.000Z", {"S": "2017-08-21T09:14:07.000Z"}),
        (None, {"NULL": True}),
        (True, {"BOOL": True}),
        (False, {"BOOL": False}),
        (0, {"N": "0"}),
        (1444, {"N": "1444"}),
        (-(10**37) - 1, {"N": "-10000000000000000000000000000000000001"}),
        (10**400, {"N": "1" + "0" * 400}),
        (0.1, {"N": "0.1"}),
        (1e16, {"N": "1e+16"}),
        (-0.0, {"N": "-0.0"}),
        (Decimal("1.50"), {"N": "1.50"}),
        (Decimal("1E+400"), {"N": "1E+400"}),
        (b"\x00\xff", {"B": b"\x00\xff"}),
        ([1, "a", None], {"L": [{"N": "1"}, {"S": "a"}, {"NULL": True}]}),
        ((), {"L": []}),
        ({"a": {"b": [True]}}, {"M": {"a": {"M": {"b": {"L": [{"BOOL": True}]}}}}}),
        ({"S": "no wire form"}, {"M": {"S": {"S": "no wire form"}}}),
        (Level.HIGH, {"N": "3"}),
        (Colour.RED, {"S": "red"}),
    ],
    ids=str,
)
def test_a_value_keeps_what_it_is(value: object, wire: dict[str, Any]) -> None:
    assert wire_value(value) == wire


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not a finite number"),
        (float("-inf"), "not a finite number"),
        (Decimal("sNaN"), "not a finite number"),
        (10**5000, "thousands of digits"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: "a"}, "a key of the type int"),
        ({"a"}, "of the type set"),
        (datetime(2026, 1, 1, tzinfo=UTC), "of the type datetime; give text"),
        (object(), "of the type object"),
        ([[float("inf")]], "not a finite number"),
    ],
    ids=[
        "nan",
        "infinity",
        "decimal",
        "digits",
        "surrogate",
        "key",
        "number key",
        "set",
        "datetime",
        "object",
        "inside",
    ],
)
def test_what_json_cannot_say_is_refused(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        wire_value(value)


def test_lists_go_as_deep_as_the_formats_do_and_no_further() -> None:
    value: list[Any] = []
    for _ in range(MOST_NESTED - 1):
        value = [value]
    wire_value(value)
    with pytest.raises(ValueError, match="nested too deeply"):
        wire_value([value])
