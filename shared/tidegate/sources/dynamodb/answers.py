"""The body of a DynamoDB answer as botocore's parser gives it, without the shapes that take most of its time.

`answer_of` gives it as a whole. `pieces_of` gives its items a few at a time: so many fit into a processor's cache, and
all that is done with them then is twice as fast as with those of a whole page, which take 10 MB.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.model import JSON, AttributeValue
from tidegate.wire_json import decoded

_KIND_OF_BINARY: Final = re.compile(rb'B(?<="B)S?"')
"""The name B or BS, of an attribute or of a kind. Searched for by its first letter, which is rare."""
_BINARY: Final = ('{"B":"', '{"BS":[')
"""How binary begins as DynamoDB writes it; there is no such thing inside a JSON string."""
_SPACED: Final = (b'": ', b'" :', b'{ "', b"\n", b"\t", b"\r")
"""One of these is in every answer with white space, as emulators write it; binary may then begin in other ways."""
_ITEMS: Final = re.compile(r'"Items"\s*:\s*\[\s*', re.ASCII)
"""In an answer its first list of that name is the items: elsewhere in one a name is followed by an object."""
_LAST_KEY: Final = b'"LastEvaluatedKey"'
_KEY_AND_END: Final = re.compile(rb'\s*:\s*(\{.*\})(?:\s*,\s*"(?:Scanned)?Count"\s*:\s*\d+)*\s*\}\s*', re.DOTALL)
_NEXT: Final = re.compile(r"\s*([,\]])\s*", re.ASCII)
_PIECE: Final = 48 << 10
"""Characters of a piece: some 60 records of 800 bytes, half a megabyte as objects."""
_FIRST_ITEM: Final = 16 << 10
"""Bytes within which the first item is looked for by itself."""
_read = json.JSONDecoder().raw_decode


def answer_of(body: bytes) -> dict[str, JSON]:
    """The members of an answer of Query, Scan or BatchGetItem, values in wire form, binary decoded.

    Raises ValueError where the body is not JSON.
    """
    if _KIND_OF_BINARY.search(body) is None:
        plain: dict[str, JSON] = json.loads(body)
        return plain
    # A look into every map takes as long as all of json.loads.
    answer = None if _is_spaced(body) else _decoded_by_name(body)
    whole: dict[str, JSON] = decoded(body) if answer is None else answer
    return whole


def ends_of(body: bytes) -> tuple[Mapping[str, AttributeValue], Mapping[str, AttributeValue] | None] | None:
    """The first item of an answer and its LastEvaluatedKey (None without one), at a hundredth of the cost of the whole.

    None where it takes all of it to know: there is no item, it is a large one, or members come in an unusual order.
    What it says of a body that is damaged may be wrong; `pieces_of` then raises.
    """
    text = body[:_FIRST_ITEM].decode(errors="ignore")
    start = _ITEMS.search(text)
    try:
        first = None if start is None else _read(text, start.end())[0]
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


def pieces_of(body: bytes) -> Iterator[tuple[list[dict[str, AttributeValue]], bool]]:
    """The items of an answer, as `answer_of` gives them, some at a time; with the last ones comes False.

    Raises ValueError where the body is not JSON, which may be after some of them were given.
    """
    binary = _binary_names(body) if _KIND_OF_BINARY.search(body) else None
    by_name = binary is not None and not _is_spaced(body)
    text = body.decode("utf-8", "surrogatepass")
    start = _ITEMS.search(text)
    if start is None:
        raise ValueError("there are no items")
    at = start.end()
    more = not text.startswith("]", at)
    if not more:
        json.loads(text)
    while more:
        piece, begin = [], at
        while more and at - begin < _PIECE:
            item, at = _read(text, at)
            piece.append(item)
            if text.startswith(",{", at):
                at += 1
            else:
                more, at = _goes_on(text, at)
        if not more:
            json.loads(text[: start.end()] + text[at:])  # whether all around them is JSON
        if binary is not None:
            piece = _with_binary(piece, text[begin:at], binary if by_name else None)
        yield piece, more


def _with_binary(piece: list[dict[str, Any]], text: str, names: set[str] | None) -> list[dict[str, Any]]:
    """The items that stand in this text, their binary decoded: by these names, or (None) by a look into every map."""
    if names is not None and _decode_named(piece, names) == sum(map(text.count, _BINARY)):
        return piece
    whole: list[dict[str, Any]] = decoded(f"[{text.rstrip().rstrip(',')}]".encode("utf-8", "surrogatepass"))
    return whole


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
    answer: dict[str, JSON] = json.loads(body)
    maps: list[dict[str, Any]] = [*answer.get("Items", ()), answer.get("LastEvaluatedKey", {})]
    left = sum(body.count(binary.encode()) for binary in _BINARY)
    return answer if _decode_named(maps, _binary_names(body)) == left else None


def _decode_named(maps: list[dict[str, Any]], names: set[str]) -> int:
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
        start = f'":{binary}'.encode()
        at = body.find(start)
        while at >= 0:
            names.add(body[body.rfind(b'"', 0, at) + 1 : at])
            at = body.find(start, at + 1)
    return {name.decode(errors="replace") for name in names}
