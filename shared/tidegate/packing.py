"""Records as lines of JSON, for those that wait until their part's columns are known, in memory or in the store."""

from __future__ import annotations

import json
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.formats.wire import (
    MALFORMED,
    MOST_NESTED,
    NOT_WIRE_FORM,
    UnwritableValueError,
    base64_text,
    nested_too_deeply,
)
from tidegate.model import Record

_BINARY: Final = "b64"
_BINARY_BEGINS: Final = b'"b64":"'


def packed(record: Record) -> bytes:
    """A record's key and values as one line, ended by LF. Its length depends on nothing but these.

    Raises UnwritableValueError for a value that is not in DynamoDB's wire form, and for what is no Unicode text.
    """
    try:
        "".join(record.values)  # names that are no text: JSON would make some of them
        line = _encode((record.key, record.values)).encode() + b"\n"
        fine = line.count(b"{") <= MOST_NESTED or not any(map(nested_too_deeply, record.values.values()))
    except MALFORMED:
        fine = False
    if not fine:
        column, reason = next(_unpackable(record), ("?", "holds what cannot be kept"))
        raise UnwritableValueError(0, column, reason)
    return line


def unpacked(lines: bytes) -> list[Record]:
    """The records of these lines, without their times."""
    return [Record(tuple(key), None, values) for key, values in map(_decoded, lines.splitlines())]


def _decoded(line: bytes) -> Any:
    # Most records have no binary; looking into every map of theirs would take longer than all the rest.
    return json.loads(line, object_hook=_with_binary) if _BINARY_BEGINS in line else json.loads(line)


def _with_binary(members: dict[str, Any]) -> Any:
    if len(members) == 1:
        ((name, text),) = members.items()
        if name == _BINARY and isinstance(text, str):
            try:
                return a2b_base64(text)
            except NoBase64:  # a value of this kind, which the wire form does not know; nothing of ours
                return members
    return members


def _marked(value: object) -> Mapping[str, str]:
    """Binary wherever it stands, so that each value comes back as it was, and a wrong one is still found wrong."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {_BINARY: base64_text(bytes(value))}
    raise TypeError(type(value).__name__)


def _unpackable(record: Record) -> Iterator[tuple[str, str]]:
    for name, value in record.values.items():
        try:
            name.encode()
        except MALFORMED:
            yield str(name), "has a name that is not Unicode text"
        try:
            _encode(value).encode()
            fine = not nested_too_deeply(value)
        except UnicodeEncodeError:
            yield name, "holds half of a surrogate pair, which is not Unicode text"
            continue
        except MALFORMED:
            fine = False
        if not fine:
            yield name, NOT_WIRE_FORM


_encode: Final = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, ensure_ascii=False, default=_marked
).encode
