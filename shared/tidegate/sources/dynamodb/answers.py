"""The body of a DynamoDB answer as botocore's parser gives it, without the shapes that take most of its time.

`answer_of` gives it as a whole. `pieces_of` gives its items a few at a time: so many fit into a processor's cache, and
all that is done with them then is twice as fast as with those of a whole page, which take 10 MB.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from tidegate.json_bytes import quick_reader, read_json
from tidegate.model import JSON, AttributeValue
from tidegate.wire_json import decoded

_KIND_OF_BINARY: Final = re.compile(rb'B(?<="B)S?"')
"""The name B or BS, of an attribute or of a kind. Searched for by its first letter, which is rare."""
_BINARY: Final = (b'{"B":"', b'{"BS":[')
"""How binary begins as DynamoDB writes it; there is no such thing inside a JSON string."""
_SPACED: Final = (b'": ', b'" :', b'{ "', b"\n", b"\t", b"\r")
"""One of these is in every answer with white space, as emulators write it; binary may then begin in other ways."""
_ITEMS: Final = re.compile(rb'"Items"\s*:\s*\[\s*')
"""In an answer its first list of that name is the items: elsewhere in one a name is followed by an object."""
_LAST_KEY: Final = b'"LastEvaluatedKey"'
_KEY_AND_END: Final = re.compile(rb'\s*:\s*(\{.*\})(?:\s*,\s*"(?:Scanned)?Count"\s*:\s*\d+)*\s*\}\s*', re.DOTALL)
_NEXT: Final = re.compile(r"\s*([,\]])\s*", re.ASCII)
_SPACE: Final = rb"[ \t\n\r]*"
_GAP: Final = re.compile(_SPACE + b"," + _SPACE)
"""What is between two items."""
_BORDER: Final = re.compile(
    rb"\}\}(?=" + _GAP.pattern + rb'\{"(?!(?:[SNBL]|BOOL|NULL|[SNB]S)"' + _SPACE + b":" + _SPACE + rb'[^{ \t\n\r]|M"))'
)
"""The end of an item with another one behind it, hardly ever anything else: between the values of a list kinds follow.

In the text of a string there would be a backslash before the quote, unless the string ends there.
"""
_LAST_BORDER: Final = b"}}]"
"""The end of the last item, unless the key behind the items says such a thing."""
_PIECE: Final = 96 << 10
"""Bytes of a piece: some 120 records of 800 bytes, 900 KB as objects."""
_TRIES: Final = 4
"""So many places that may be a border are tried for one piece."""
_FIRST_ITEM: Final = 16 << 10
"""Bytes within which the first item is looked for by itself."""
_read = json.JSONDecoder().raw_decode

Items: TypeAlias = list[dict[str, AttributeValue]]


class Piece(Items):
    """Some items of an answer, and the bytes that they stand in; behind these may be a comma."""

    def __init__(self, items: Items, text: bytes) -> None:
        super().__init__(items)
        self.text = text


def items_of(text: bytes) -> Items:
    """The items that stand in the bytes of a piece."""
    items: Items = decoded(b"[%b]" % text.rstrip().rstrip(b","))
    return items


def answer_of(body: bytes) -> dict[str, JSON]:
    """The members of an answer of Query, Scan or BatchGetItem, values in wire form, binary decoded.

    Raises ValueError where the body is not JSON.
    """
    if _KIND_OF_BINARY.search(body) is None:
        plain: dict[str, JSON] = read_json(body)
        return plain
    # A look into every map takes longer than all the reading.
    answer = None if _is_spaced(body) else _decoded_by_name(body)
    whole: dict[str, JSON] = decoded(body) if answer is None else answer
    return whole


def ends_of(body: bytes) -> tuple[Mapping[str, AttributeValue], Mapping[str, AttributeValue] | None] | None:
    """The first item of an answer and its LastEvaluatedKey (None without one), at a hundredth of the cost of the whole.

    None where it takes all of it to know: there is no item, it is a large one, or members come in an unusual order.
    What it says of a body that is damaged may be wrong; `pieces_of` then raises.
    """
    start = _ITEMS.search(body, 0, _FIRST_ITEM)
    try:
        first = None if start is None else _read(body[start.end() : _FIRST_ITEM].decode(errors="ignore"))[0]
        if not isinstance(first, dict):
            return None
        at = body.rfind(_LAST_KEY)
        if at < 0:
            return first, None
        # Nothing but counts may follow, up to the end of the answer: so it is no attribute of that name.
        key = _KEY_AND_END.fullmatch(body, at + len(_LAST_KEY))
        return None if key is None else (first, decoded(key.group(1)))
    except ValueError:
        return None


def pieces_of(body: bytes) -> Iterator[tuple[Piece, bool]]:
    """The items of an answer, as `answer_of` gives them, some at a time; with the last ones comes False.

    Raises ValueError where the body is not JSON, which may be after some of them were given.
    """
    binary = _binary_names(body) if _KIND_OF_BINARY.search(body) else None
    by_name = binary is not None and not _is_spaced(body)
    start = _ITEMS.search(body)
    if start is None:
        raise ValueError("there are no items")
    at = start.end()
    if body.startswith(b"]", at):
        read_json(body)
        return
    for piece, text, more in _cut(body, at, quick_reader()):
        at += len(text)
        if not more:
            read_json(body[: start.end()] + body[at:])  # whether all around them is JSON
        items = piece if binary is None else _with_binary(piece, text, binary if by_name else None)
        yield Piece(items, text), more


def _cut(body: bytes, at: int, quick: Callable[[bytes], Any] | None) -> Iterator[tuple[Items, bytes, bool]]:
    """The items from here on, some at a time, the bytes that they stand in, and whether there are others behind.

    What is between two items belongs to the first; the list's bracket is no part of it any more.
    """
    end = body.rfind(_LAST_BORDER) + 2
    while quick is not None and at < end:
        found = _quickly(body, at, end, quick)
        if found is None:
            break
        items, border = found
        if border == end:
            yield items, body[at:border], False
            return
        gap = _GAP.match(body, border)
        if gap is None:  # a border has one
            break
        yield items, body[at : gap.end()], True
        at = gap.end()
    yield from _each(body[at:].decode("utf-8", "surrogatepass"))


def _quickly(body: bytes, at: int, end: int, quick: Callable[[bytes], Any]) -> tuple[Items, int] | None:
    """As many items as make a piece, and where the last of them ends; None where that is not found quickly."""
    # What looks like a border and is within a string or a list does no harm. A reader of JSON goes from left to right:
    # if a bracket can end the list here, then it is behind a whole item here in the answer too, whatever follows.
    borders = (border.end() for border in _BORDER.finditer(body, at + _PIECE, end))
    for border in islice(chain(borders, [end]), _TRIES):
        try:
            return quick(b"[%b]" % body[at:border]), border
        except ValueError:
            continue
    return None


def _each(text: str) -> Iterator[tuple[Items, bytes, bool]]:
    """As `_cut`, item by item, for any JSON."""
    at, more = 0, True
    while more:
        piece, begin = [], at
        while more and at - begin < _PIECE:
            item, at = _read(text, at)
            piece.append(item)
            if text.startswith(",{", at):
                at += 1
            else:
                more, at = _goes_on(text, at)
        yield piece, text[begin:at].encode("utf-8", "surrogatepass"), more


def _with_binary(piece: Items, text: bytes, names: set[str] | None) -> Items:
    """The items that stand in this text, their binary decoded: by these names, or (None) by a look into every map."""
    if names is not None and _decode_named(piece, names) == sum(map(text.count, _BINARY)):
        return piece
    return items_of(text)


def _goes_on(text: str, at: int) -> tuple[bool, int]:
    """Whether another item follows the one that ended here, and where it begins; where not, the list's end."""
    separator = _NEXT.match(text, at)
    if separator is None:
        raise ValueError("the list of items does not end")
    return (True, separator.end()) if separator.group(1) == "," else (False, separator.start(1))


def _is_spaced(body: bytes) -> bool:
    return any(space in body for space in _SPACED)


def _decoded_by_name(body: bytes) -> dict[str, JSON] | None:
    """The answer where all binary is in attributes of its items and of its key; None where some is elsewhere."""
    answer: dict[str, JSON] = read_json(body)
    maps: Items = [*answer.get("Items", ()), answer.get("LastEvaluatedKey", {})]
    left = sum(map(body.count, _BINARY))
    return answer if _decode_named(maps, _binary_names(body)) == left else None


def _decode_named(maps: Items, names: set[str]) -> int:
    """Decodes the binary in attributes of these names; how many of them there were."""
    count = 0
    for name in names:
        for attributes in maps:
            value = attributes.get(name, {})
            if isinstance(raw := value.get("B"), str):
                attributes[name] = {"B": b64decode(raw)}
                count += 1
            elif isinstance(raw := value.get("BS"), list):
                attributes[name] = {"BS": [b64decode(text) for text in raw]}
                count += 1
    return count


def _binary_names(body: bytes) -> set[str]:
    """The names before binary; those with escapes are not whole."""
    names = set()
    for binary in _BINARY:
        start = b'":' + binary
        at = body.find(start)
        while at >= 0:
            names.add(body[body.rfind(b'"', 0, at) + 1 : at])
            at = body.find(start, at + 1)
    return {name.decode(errors="replace") for name in names}
