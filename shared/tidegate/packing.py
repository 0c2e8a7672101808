"""Records as lines of JSON, for those that wait until their part's columns are known, in memory or in the store."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.formats.wire import MALFORMED, UnwritableValueError, base64_text
from tidegate.model import Record


def packed(record: Record) -> bytes:
    """A record's key and values as one line, ended by LF. Its length depends on nothing but these.

    Raises UnwritableValueError for a value that is not in DynamoDB's wire form, and for what is no Unicode text.
    """
    try:
        return _encode((record.key, record.values)).encode() + b"\n"
    except MALFORMED:
        column, reason = next(_unpackable(record), ("?", "holds what cannot be kept"))
        raise UnwritableValueError(0, column, reason) from None


def unpacked(lines: bytes) -> list[Record]:
    """The records of these lines, without their times."""
    return [Record(tuple(key), None, values) for key, values in map(_decoded, lines.splitlines())]


def _decoded(line: bytes) -> Any:
    # Most records have no binary; looking into every map of theirs would take longer than all the rest.
    has_binary = b'"B":"' in line or b'"BS":[' in line
    return json.loads(line, object_hook=_with_binary) if has_binary else json.loads(line)


def _with_binary(members: dict[str, Any]) -> Mapping[str, Any]:
    # An attribute's name stands before a map; so text behind B, or a list behind BS, is binary and never an attribute.
    if len(members) == 1:
        ((kind, raw),) = members.items()
        if kind == "B" and isinstance(raw, str):
            return {"B": a2b_base64(raw)}
        if kind == "BS" and isinstance(raw, list):
            return {"BS": [a2b_base64(text) for text in raw]}
    return members


def _binary_as_text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64_text(bytes(value))
    raise TypeError(type(value).__name__)


def _unpackable(record: Record) -> Iterator[tuple[str, str]]:
    for name, value in record.values.items():
        try:
            name.encode()
        except MALFORMED:
            yield name, "has a name that is not Unicode text"
        try:
            _encode(value).encode()
        except UnicodeEncodeError:
            yield name, "holds half of a surrogate pair, which is not Unicode text"
        except MALFORMED:
            yield name, "holds a value that is not in DynamoDB's form"


_encode: Final = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, ensure_ascii=False, default=_binary_as_text
).encode
