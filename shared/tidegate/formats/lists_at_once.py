"""All lists, or all sets, of a column as lines of JSON by one call of a quick writer, where they are plain, as mostly.

What this gives is what wire.py gives list by list, in half the time; where that is not certain it gives None. It is
certain by counting. In JSON a quote behind a brace begins a name, so an opener such as `{"S":"` is only where a value
begins, and it comes with four quotes. So where there are as many openers as members, and neither quotes nor brackets
besides, each member is just that value. A text that looks like something else only makes the counts differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from tidegate.json_bytes import quick_reader, quick_writer
from tidegate.model import AttributeValue

_TEXT: Final = b'{"S":"'
_NUMBER: Final = b'{"N":"'
_END: Final = b'"}'
_AROUND_NUMBERS: Final = b'{"N:}'
"""The characters around numbers; no number has one of them."""
_WHOLE: Final = frozenset({int})
_ANY_NUMBER: Final = frozenset({int, float})


def lists_at_once(lists: Sequence[Sequence[AttributeValue]]) -> bytes | None:
    """Each list as JSON on a line, where all members of all of them are strings without escapes, or all are numbers."""
    data = _written(lists)
    if data is None or data.count(b"[") != len(lists) + 1:  # a list in a list, or a text with a bracket
        return None
    members = sum(map(len, lists))
    if data.count(_NUMBER) == members:
        plain = data.translate(None, _AROUND_NUMBERS)
        is_plain = len(data) - len(plain) == len(_NUMBER + _END) * members
        return _lines(plain) if is_plain and _numbers(plain, lists, _ANY_NUMBER) is not None else None
    if data.count(_TEXT) == data.count(_END) == members and data.count(b'"') == 4 * members and b"\\" not in data:
        return _lines(data.replace(_TEXT, b'"').replace(_END, b'"'))
    return None


def text_sets_at_once(sets: Sequence[Iterable[str]]) -> bytes | None:
    """Each set of strings as JSON on a line, sorted, where no string has a bracket. Raises TypeError for no strings."""
    ordered = list(map(sorted, sets))
    "".join(chain.from_iterable(ordered))  # a writer of JSON would take other things, too
    data = _written(ordered)
    return None if data is None or data.count(b"[") != len(ordered) + 1 else _lines(data)


def number_sets_at_once(sets: Sequence[Sequence[str]]) -> bytes | None:
    """Each set of numbers as JSON on a line, sorted by value, where all are whole and of at most 64 bits."""
    data = _written(sets)
    plain = b"" if data is None else data.translate(None, b'"')
    if data is None or b"-0" in plain or len(data) - len(plain) != 2 * sum(map(len, sets)):
        return None
    found = _numbers(plain, sets, _WHOLE)
    if found is None:
        return None
    for numbers in found:
        numbers.sort()
    ordered = _written(found)
    return None if ordered is None else _lines(ordered)


def _written(lists: Sequence[Iterable[Any]]) -> bytes | None:
    write = quick_writer()
    try:
        return None if write is None else write(lists, None)
    except TypeError:  # it says so of half of a surrogate pair, too
        return None


def _numbers(data: bytes, lists: Sequence[Sequence[object]], types: frozenset[type]) -> list[list[Any]] | None:
    """The numbers in JSON that has these lists' members; None where one is not of these types, or no numeral."""
    read = quick_reader()
    if read is None or b" " in data:
        return None
    try:
        found: list[list[Any]] = read(data)
        if list(map(len, found)) != list(map(len, lists)):  # a text with a comma
            return None
    except (ValueError, TypeError):
        return None
    return found if types.issuperset(map(type, chain.from_iterable(found))) else None


def _lines(data: bytes) -> bytes:
    """A list of lists as lines of these. There are no line ends yet, and the only brackets are those of the lists."""
    return data[1:-1].replace(b"],[", b"]\n[")
