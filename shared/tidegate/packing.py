"""Records as lines of JSON, for those that wait until their part's columns are known, in memory or in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.formats.wire import (
    MALFORMED,
    MOST_NESTED,
    NOT_WIRE_FORM,
    UnwritableValueError,
    base64_text,
    nested_too_deeply,
)
from tidegate.json_bytes import write_json
from tidegate.model import AttributeValue, Record
from tidegate.rereadable import Rereadable
from tidegate.wire_json import decoded


def packed(record: Record) -> bytes:
    """A record's key and values as one line, ended by LF. Its length depends on nothing but these.

    Raises UnwritableValueError for a value that is not in DynamoDB's wire form, and for what is no Unicode text.
    """
    try:
        "".join(record.values)  # names that are no text: JSON would make some of them
        try:
            line = write_json((record.key, record.values))
            binary = b'"B"' in line or b'"BS"' in line
        except TypeError:
            line, binary = write_json((record.key, record.values), _as_json), True
        fine = line.count(b"{") <= MOST_NESTED or not any(map(nested_too_deeply, record.values.values()))
        fine = fine and (not binary or all(map(_is_typed, record.values.values())))
    except MALFORMED:
        fine = False
    if not fine:
        column, reason = next(_unpackable(record), ("?", "holds what cannot be kept"))
        raise UnwritableValueError(0, column, reason)
    return line + b"\n"


def packed_together(records: Sequence[Record]) -> bytes:
    """Some records whose values a format has taken, as one list in JSON: as many bytes as their lines, and one more.

    Raises TypeError or ValueError where one cannot be packed.
    """
    return write_json([(record.key, record.values) for record in records], _as_json)


def most_bytes_packed(records: Rereadable) -> int:
    """As lines these records have so many bytes or fewer. Raises TypeError where a key cannot be packed."""
    # A line has key, values, two brackets, a comma and LF; in the text there is a comma between two records.
    return len(records.text) + len(write_json([record.key for record in records])) + 2 * len(records)


def most_bytes_saved(text: bytes) -> int:
    """By how many bytes that is too many, at most, where records stand in this text."""
    # White space is left out, if it is not within a string; six bytes of an escape are one byte or more.
    spaces = len(text) - len(text.translate(None, b" \t\n\r"))
    return spaces + 5 * text.count(b"\\") + 1


def unpacked_together(data: bytes) -> list[Record]:
    """The records, without their times, that `packed_together` packed."""
    return [Record(tuple(key), None, values) for key, values in decoded(data)]


def unpacked_pieces(lines: bytes) -> Iterator[list[Record]]:
    """The records of these lines, as `unpacked` gives them, as many at a time as fit into a processor's cache."""
    start = 0
    while start < len(lines):
        stop = lines.find(b"\n", start + _PIECE) + 1 or len(lines)
        yield unpacked(lines[start:stop])
        start = stop


def unpacked(lines: bytes) -> list[Record]:
    """The records of these lines, without their times."""
    # One document is read in half the time of so many, and JSON has its own line ends escaped.
    return unpacked_together(b"[%b]" % lines.strip().replace(b"\n", b","))


def _is_typed(value: AttributeValue) -> bool:
    """Whether binary is where a value's kind says so and nowhere else; as text it would come back changed."""
    waiting = [value]
    for inner in waiting:
        ((kind, raw),) = inner.items()
        if kind in ("L", "M"):
            waiting += raw if kind == "L" else raw.values()
        elif kind in _MEMBERS:
            held = raw if kind.endswith("S") and len(kind) > 1 else (raw,)
            if not all(isinstance(one, _MEMBERS[kind]) for one in held):
                return False
    return True


def _as_json(value: object) -> str | list[object]:
    if isinstance(value, _BINARY):
        return base64_text(bytes(value))
    if isinstance(value, set | frozenset):  # as a source of one's own may give the members of a set
        return list(value)
    raise TypeError(type(value).__name__)


def _unpackable(record: Record) -> Iterator[tuple[str, str]]:
    for name, value in record.values.items():
        try:
            name.encode()
        except MALFORMED:
            yield str(name), "has a name that is not Unicode text"
        try:
            write_json(value, _as_json)
            fine = _is_typed(value) and not nested_too_deeply(value)
        except UnicodeEncodeError:
            yield name, "holds half of a surrogate pair, which is not Unicode text"
            continue
        except MALFORMED:
            fine = False
        if not fine:
            yield name, NOT_WIRE_FORM


_PIECE: Final = 48 << 10
_BINARY: Final = (bytes, bytearray, memoryview)
_TEXT: Final = (str,)
_MEMBERS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("S", "N", "SS", "NS"), _TEXT),
    **dict.fromkeys(("B", "BS"), _BINARY),
}
