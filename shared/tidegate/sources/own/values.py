"""Plain Python values -> DynamoDB's wire form, exactly: what JSON can say, decimals and bytes, and nothing by guess."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from tidegate.model import AttributeValue

MOST_NESTED = 64
"""Lists and objects inside each other, as the formats have it."""


def wire_value(value: object, level: int = 0) -> AttributeValue:
    """One value in wire form.

    A float becomes the shortest decimal that is read as the same float (0.1 stays 0.1); int and Decimal keep all
    their digits. Raises ValueError with a reason for people, which finishes the sentence "the value ...".
    """
    if isinstance(value, str):
        return {"S": _text(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float | Decimal):
        return {"N": _numeral(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"B": bytes(value)}
    if level >= MOST_NESTED:
        raise ValueError("is nested too deeply")
    if isinstance(value, list | tuple):
        return {"L": [wire_value(inner, level + 1) for inner in value]}
    if isinstance(value, Mapping):
        return {"M": {_name(name): wire_value(inner, level + 1) for name, inner in value.items()}}
    raise ValueError(
        f"is of the type {type(value).__name__}; give text, a number, true, false, null, a list or an object"
    )


def _numeral(number: float | Decimal) -> str:
    # Not by str(): a subclass, such as an enumeration's member, may say anything there.
    if isinstance(number, int):
        try:
            return int.__repr__(number)
        except ValueError:
            raise ValueError("has thousands of digits") from None
    if isinstance(number, Decimal):
        finite, text = number.is_finite(), Decimal.__str__(number)
    else:
        finite, text = math.isfinite(number), float.__repr__(number)
    if not finite:
        raise ValueError("is not a finite number")
    return text


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("holds half of a surrogate pair, which is not Unicode text") from None
    return str.__str__(text)


def _name(name: object) -> str:
    if isinstance(name, str):
        return _text(name)
    raise ValueError(f"has a key of the type {type(name).__name__}; keys are text")
