"""DynamoDB's wire form as JSON text: the same value always gives the same text, and no digit is lost.

Numbers stay text from the table to the file. Sets, which have no order of their own, become sorted lists. The keys of
maps are sorted by code point, binary is base64, everything else is written as it is, without escapes that JSON does
not need.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring as json_string
from typing import Any, Final

from tidegate.model import AttributeValue

MISSING: Final[AttributeValue] = {}
"""Stands in a column for an attribute that a record does not have; null is `{"NULL": true}`."""

_NUMERAL = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_ONE_NUMERAL = re.compile(_NUMERAL)
_NUMERALS = re.compile(rf"{_NUMERAL}(?:\n{_NUMERAL})*+")

MALFORMED: Final = (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""What the converters here raise for a value that is not in the wire form, as only a source of one's own may give."""
NOT_WIRE_FORM: Final = "holds a value that is not in DynamoDB's form"
MOST_NESTED: Final = 64
"""Lists and maps inside each other; DynamoDB takes 32. Fixed, because Python's own limit depends on the caller."""


class UnwritableValueError(ValueError):
    """A value that the format cannot hold: which record of the batch, which column, why; never the value itself."""

    def __init__(self, index: int, column: str, reason: str) -> None:
        super().__init__(f"column {column!r} {reason}")
        self.index = index
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a batch of records: its name, each record's value (MISSING where it has none), the kinds seen."""

    name: str
    values: Sequence[AttributeValue]
    kinds: frozenset[str]

    @classmethod
    def of(cls, name: str, values: Sequence[AttributeValue]) -> Column:
        """The column of these values. Raises UnwritableValueError where one is nothing like a value in wire form."""
        try:
            return cls(name, values, frozenset().union(*values))
        except TypeError:
            index = [isinstance(value, Mapping) for value in values].index(False)
            raise UnwritableValueError(index, name, NOT_WIRE_FORM) from None


def numeral(text: str) -> str:
    """A number as a JSON numeral of exactly the same value and, where the text is one already, the very same text.

    Raises ValueError for NaN, infinities and what is no number at all.
    """
    if _ONE_NUMERAL.fullmatch(text):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite():
        raise ValueError("is not a finite number")
    return str(number)


def numerals(texts: list[str]) -> list[str]:
    """Each number as `numeral` gives it; much faster where all of them are numerals already."""
    whole = "\n".join(texts)
    if _NUMERALS.fullmatch(whole) and whole.count("\n") == len(texts) - 1:
        return texts
    return [numeral(text) for text in texts]


def base64_text(data: bytes) -> str:
    """Binary as standard base64 with padding and without line breaks."""
    return b2a_base64(data, newline=False).decode("ascii")


def cell_text(value: AttributeValue) -> str | None:
    """A string, number or binary as it stands in a part, whatever the format, without quotes and formula guard.

    None for values of other types, for MISSING, and for a number that is none.
    """
    if "S" in value:
        return str(value["S"])
    if "N" in value:
        try:
            return numeral(value["N"])
        except MALFORMED:
            return None
    return base64_text(value["B"]) if "B" in value else None


_NESTED: Final = frozenset({"L", "M"})


def json_text(value: AttributeValue) -> str:
    """One value in wire form as compact JSON text. Raises one of MALFORMED where it is not in that form."""
    text = _text(value)
    # Brackets are far quicker to count than levels, and there cannot be more levels.
    if text.count("{") + text.count("[") > MOST_NESTED and nested_too_deeply(value):
        raise ValueError("is nested too deeply")
    return text


def nested_too_deeply(value: AttributeValue) -> bool:
    """Whether a value has more than MOST_NESTED lists and maps inside each other."""
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in (*outer.get("L", ()), *outer.get("M", MISSING).values())]
        if not level:
            return False
    return True


def _text(value: AttributeValue) -> str:
    ((kind, raw),) = value.items()
    return _WRITERS[kind](raw)


def _list_text(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _map_text(members: Mapping[str, AttributeValue]) -> str:
    # A list is joined faster than a generator.
    return "{" + ",".join([f"{json_string(name)}:{_text(members[name])}" for name in sorted(members)]) + "}"


def _by_value(numbers: Iterable[str]) -> list[str]:
    """By value, equal ones by text: a sort keeps the order of what it finds equal."""
    return sorted(sorted(numerals(list(numbers))), key=Decimal)


_TRUTH = {True: "true", False: "false"}
_WRITERS: dict[str, Callable[[Any], str]] = {
    "S": json_string,
    "N": numeral,
    "BOOL": _TRUTH.__getitem__,
    "NULL": lambda _: "null",
    "B": lambda data: f'"{base64_text(data)}"',
    "L": lambda values: _list_text(map(_text, values)),
    "M": _map_text,
    "SS": lambda texts: _list_text(map(json_string, sorted(texts))),
    "NS": lambda numbers: _list_text(_by_value(numbers)),
    "BS": lambda members: _list_text(f'"{base64_text(data)}"' for data in sorted(members)),
}


def json_texts(column: Column) -> list[str]:
    """Each record's value as JSON text, "" where the record lacks the attribute.

    Where all values are of one kind, as in most columns, what is asked of each is little.
    """
    values = column.values
    if column.kinds == {"N"}:
        texts = iter(numerals([value["N"] for value in values if value]))
        return [next(texts) if value else "" for value in values]
    if len(column.kinds) == 1 and not column.kinds & _NESTED:
        (kind,) = column.kinds
        write = _WRITERS[kind]
        return [write(value[kind]) if value else "" for value in values]
    return [json_text(value) if value else "" for value in values]


def json_members(column: Column) -> list[str]:
    """Each record's member of a JSON object, `,"name":value`, or "" where the record lacks the attribute."""
    prefix = f",{json_string(column.name)}:"
    return [prefix + text if text else "" for text in json_texts(column)]


def json_objects(columns: Sequence[Column], *, before: str = "", after: str = "") -> list[bytes]:
    """Each record as a JSON object in UTF-8, keys sorted, between `before` and `after`. Raises UnwritableValueError."""
    ordered = sorted(columns, key=lambda column: column.name)
    start, end = before + "{", "}" + after
    try:
        members = [json_members(column) for column in ordered]
        return [(start + "".join(row)[1:] + end).encode() for row in zip(*members, strict=True)]
    except MALFORMED as error:
        raise first_unwritable(ordered, json_members, error) from None


def first_unwritable(
    columns: Sequence[Column], write: Callable[[Column], list[str]], error: Exception
) -> UnwritableValueError | Exception:
    """The first value, by record and then by column, that `write` cannot turn into UTF-8; `error` where all can be."""
    for index, column in _cells(columns):
        try:
            write(column)[0].encode()
        except UnicodeEncodeError:
            return UnwritableValueError(index, column.name, "holds half of a surrogate pair, which is not Unicode text")
        except MALFORMED:
            return UnwritableValueError(index, column.name, NOT_WIRE_FORM)
    return error


def _cells(columns: Sequence[Column]) -> Iterator[tuple[int, Column]]:
    for index in range(len(columns[0].values)):
        for column in columns:
            yield index, Column.of(column.name, [column.values[index]])
