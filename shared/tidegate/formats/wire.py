"""DynamoDB's wire form as JSON text: the same value always gives the same text, and no digit is lost.

Numbers stay text from the table to the file. Sets, which have no order of their own, become sorted lists. The keys of
maps are sorted by code point, binary is base64, everything else is written as it is, without escapes that JSON does
not need.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from decimal import Decimal
from itertools import accumulate, chain, islice, repeat
from json.encoder import encode_basestring as json_string
from operator import add, itemgetter
from typing import Any, Final

from tidegate.formats.lists_at_once import lists_at_once, number_sets_at_once, text_sets_at_once
from tidegate.formats.numerals import are_integers, are_numerals, numeral, numerals
from tidegate.immutable import dataclass
from tidegate.model import AttributeValue

MISSING: Final[AttributeValue] = {}
"""Stands in a column for an attribute that a record does not have; null is `{"NULL": true}`."""

_NOTHING: Final = frozenset[str]()
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
    """One column of a batch of records: its name, each record's value (MISSING where it has none), the kinds seen.

    `contents` is what is in the values where all are of the same kind, None where they are not, or nobody has looked.
    """

    name: str
    values: Sequence[AttributeValue]
    kinds: frozenset[str]
    contents: list[Any] | None = None

    @classmethod
    def of(cls, name: str, values: Sequence[AttributeValue]) -> Column:
        """The column of these values. Raises UnwritableValueError where one is nothing like a value in wire form."""
        try:
            kinds = _NOTHING.union(*values)
        except TypeError:
            index = [isinstance(value, Mapping) for value in values].index(False)
            raise UnwritableValueError(index, name, NOT_WIRE_FORM) from None
        return cls(name, values, kinds, _contents(values, kinds))


def _contents(values: Sequence[AttributeValue], kinds: Collection[str]) -> list[Any] | None:
    """What is in each of these values of these kinds; None where there are several kinds, or one value is MISSING."""
    if len(kinds) != 1:
        return None
    try:
        return list(map(itemgetter(*kinds), values))
    except LookupError:
        return None


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


def cell_texts(values: Sequence[AttributeValue]) -> list[str | None]:
    """Each value as `cell_text` gives it; much faster where all are strings, or all are numerals already."""
    kinds = _NOTHING.union(*values)
    contents = _contents(values, kinds)
    if contents is None or set(map(type, contents)) != {str}:
        return list(map(cell_text, values))
    as_they_are = kinds == {"S"} or (kinds == {"N"} and are_numerals(contents))
    return contents if as_they_are else list(map(cell_text, values))


def json_text(value: AttributeValue) -> str:
    """One value in wire form as compact JSON text. Raises one of MALFORMED where it is not in that form."""
    (text,) = _texts([value], 0)
    return text


def json_texts(column: Column) -> list[str]:
    """Each record's value as JSON text, "" where the record lacks the attribute. Raises one of MALFORMED."""
    return by_kind(column, json_contents)


def json_contents(kind: str, contents: list[Any]) -> list[str]:
    """What is in values of this kind, each as JSON text. Raises one of MALFORMED."""
    return _WRITERS[kind](contents, 0)


def json_lines(kind: str, contents: list[Any]) -> bytes:
    """As `json_contents`, as lines without the last line's end; no JSON text has line ends of its own."""
    at_once = _AT_ONCE[kind](contents) if kind in _AT_ONCE else None
    return "\n".join(json_contents(kind, contents)).encode() if at_once is None else at_once


def by_kind(column: Column, write: Callable[[str, list[Any]], list[str]]) -> list[str]:
    """What `write` makes of what is in a column's values of one kind, in the values' order; "" for MISSING.

    Raises ValueError for a value of two kinds.
    """
    if column.contents is not None:
        (kind,) = column.kinds
        return write(kind, column.contents)
    return _by_each_kind(column.values, column.kinds, write)


def _by_each_kind(
    values: Sequence[AttributeValue], kinds: Collection[str], write: Callable[[str, list[Any]], list[str]]
) -> list[str]:
    if len(kinds) == 1:
        (kind,) = kinds
        present = iter(write(kind, [value[kind] for value in values if value]))
        return [next(present) if value else "" for value in values]
    texts = {kind: iter(write(kind, [value[kind] for value in values if kind in value])) for kind in kinds}
    texts[_NO_KIND] = repeat("")
    return [next(texts[kind]) for (kind,) in [value or (_NO_KIND,) for value in values]]


_NO_KIND: Final = ""


def nested_too_deeply(value: AttributeValue) -> bool:
    """Whether a value has more than MOST_NESTED lists and maps inside each other."""
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in (*outer.get("L", ()), *outer.get("M", MISSING).values())]
        if not level:
            return False
    return True


def _split(lines: bytes) -> list[str]:
    return lines.decode().split("\n")


def values_of(names: Sequence[str], maps: Sequence[Mapping[str, Any]]) -> list[Sequence[Any]]:
    """Of each name the members that maps have there, in their order. Raises KeyError where one has none."""
    if len(names) < 2:
        return [list(map(itemgetter(name), maps)) for name in names]
    # One call for all members of a map takes half of the time of one for each.
    return list(zip(*map(itemgetter(*names), maps), strict=True)) if maps else [()] * len(names)


def _texts(values: Sequence[AttributeValue], level: int) -> list[str]:
    """JSON texts of values inside so many lists and maps; none of them may be MISSING.

    All lists of a column are written by one call with all that is in them, and so are maps: the calls are as many as
    there are levels and kinds, not as many as there are values.
    """
    if values and level > MOST_NESTED:
        raise ValueError("is nested too deeply")
    kinds = _NOTHING.union(*values)
    contents = _contents(values, kinds)
    if contents is not None:
        (kind,) = kinds
        return _WRITERS[kind](contents, level)
    if not all(values):
        raise ValueError("has no kind")
    return _by_each_kind(values, kinds, lambda kind, contents: _WRITERS[kind](contents, level))


def _lists(lists: list[Sequence[AttributeValue]], level: int) -> list[str]:
    if level < MOST_NESTED and (at_once := lists_at_once(lists)) is not None:
        return _split(at_once)
    texts = _texts(list(chain.from_iterable(lists)), level + 1)
    return [f"[{','.join(texts[start:end])}]" for start, end in _places(lists)]


def _maps(maps: list[Mapping[str, AttributeValue]], level: int) -> list[str]:
    names = sorted(maps[0]) if maps else []
    if set(map(len, maps)) == {len(names)}:
        try:
            columns = values_of(names, maps)
        except KeyError:
            return _unlike(maps, level)
        return _maps_alike(names, [_texts(column, level + 1) for column in columns], len(maps))
    return _unlike(maps, level)


def _maps_alike(names: list[str], columns: list[list[str]], count: int) -> list[str]:
    """So many maps that all have members of these names, as in most columns: these are columns again."""
    if not names:
        return ["{}"] * count
    prefixes = [f",{json_string(name)}:" for name in names]
    prefixes[0] = "{" + prefixes[0][1:]
    members = chain.from_iterable(zip(map(repeat, prefixes), columns, strict=True))
    return list(map("".join, zip(*members, repeat("}"), strict=False)))


def _unlike(maps: list[Mapping[str, AttributeValue]], level: int) -> list[str]:
    """Maps that have members of different names."""
    names = [sorted(members) for members in maps]
    texts = _texts([members[name] for members, ordered in zip(maps, names, strict=True) for name in ordered], level + 1)
    prefixes = {name: f"{json_string(name)}:" for name in set(chain.from_iterable(names))}
    written = list(map(add, map(prefixes.__getitem__, chain.from_iterable(names)), texts))
    return [f"{{{','.join(written[start:end])}}}" for start, end in _places(names)]


def _places(lists: Iterable[Sized]) -> Iterator[tuple[int, int]]:
    """Where each list's members begin and end among those of all, one list behind the other."""
    ends = list(accumulate(map(len, lists)))
    return zip([0, *ends], ends, strict=False)


def _text_sets(sets: list[Sequence[str]], level: int) -> list[str]:  # noqa: ARG001 - a writer's; nothing is below it
    if (at_once := text_sets_at_once(sets)) is not None:
        return _split(at_once)
    return [f"[{','.join(map(json_string, sorted(members)))}]" for members in sets]


def _number_sets(sets: list[Sequence[str]], level: int) -> list[str]:  # noqa: ARG001 - as above
    """By value, equal ones by text: a sort keeps the order of what it finds equal."""
    if (at_once := number_sets_at_once(sets)) is not None:
        return _split(at_once)
    texts = list(chain.from_iterable(sets))
    if are_integers(texts):
        return [f"[{','.join(sorted(numbers, key=int))}]" for numbers in sets]
    each = iter(numerals(texts))
    ordered = [sorted(sorted(islice(each, len(numbers))), key=Decimal) for numbers in sets]
    return [f"[{','.join(numbers)}]" for numbers in ordered]


def _binary_sets(sets: list[Iterable[bytes]], level: int) -> list[str]:  # noqa: ARG001 - as above
    return [f"[{','.join(_binary(sorted(members)))}]" for members in sets]


def _binary(contents: list[bytes]) -> list[str]:
    return [f'"{base64_text(data)}"' for data in contents]


_AT_ONCE: Final[Mapping[str, Callable[[list[Any]], bytes | None]]] = {
    "L": lists_at_once,
    "SS": text_sets_at_once,
    "NS": number_sets_at_once,
}
_TRUTH: Final = {True: "true", False: "false"}
_WRITERS: Final[Mapping[str, Callable[[list[Any], int], list[str]]]] = {
    "S": lambda contents, _: list(map(json_string, contents)),
    "N": lambda contents, _: numerals(contents),
    "BOOL": lambda contents, _: list(map(_TRUTH.__getitem__, contents)),
    "NULL": lambda contents, _: ["null"] * len(contents),
    "B": lambda contents, _: _binary(contents),
    "L": _lists,
    "M": _maps,
    "SS": _text_sets,
    "NS": _number_sets,
    "BS": _binary_sets,
}
"""By kind: (what is in values of that kind, inside how many lists and maps they are) -> each as JSON text."""


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
