"""What a source of one's own gives, checked to the letter, and its rows as records.

Rows count from 1 over all pages of a window. No message has a value in it: numbers of rows, names of keys and types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.errors import FatalError
from tidegate.instants import parse_rfc3339, to_millis
from tidegate.model import JSON, AttributeValue, Record
from tidegate.sources.own.values import wire_value

HEADER, DATA, CURSOR = "headerRow", "data", "cursor"
_FIELDS = (HEADER, DATA, CURSOR)
_FURTHER_DIGITS = re.compile(r"(?<=\.\d{3})\d+", re.ASCII)
"""Of a time that is finer than a millisecond, which is rounded down."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of the rows of one source in one export.

    `key` and `time` are attributes that every row has (none, "" where the source names none), `header` the columns that
    the module itself names. `header_wanted`: without a header there would be no columns. `extra_kept`: keys that the
    header does not name are part of the record, as JSON has them. `needed`: further keys that the header has to name.
    """

    source: str
    key: tuple[str, ...]
    time: str
    header: tuple[str, ...] | None
    header_wanted: bool
    extra_kept: bool
    needed: tuple[str, ...] = ()

    def wrong(self, finding: str) -> FatalError:
        """The error for what the source gave."""
        return FatalError(
            f"The source {self.source} gave what cannot be exported: {finding}.",
            code="SOURCE_RESULT",
            remedy=f"Correct the source; 'tidegate sources show {self.source}' prints what it has to give.",
        )


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of a source: its header if it has one, its rows as they came, and the cursor behind it."""

    header: tuple[str, ...] | None
    rows: Sequence[Mapping[str, Any]]
    cursor: JSON | None


def page_of(result: object, rules: Rules, before: RowPage | None, rows_before: int) -> RowPage:
    """One page as a source gave it: an object of headerRow, data and cursor, or a list of rows alone.

    `before` is the page before it, whose header it goes on with; `rows_before` the number of rows so far. Every row has
    been looked at when this returns. Raises FatalError SOURCE_RESULT.
    """
    given = {DATA: result} if isinstance(result, list | tuple) else result
    if not isinstance(given, Mapping):
        raise rules.wrong(f"{_kind(result)}, where an object with '{HEADER}' and '{DATA}' is wanted")
    if DATA not in given:
        raise rules.wrong(
            f"an object without '{DATA}'" if HEADER in given else f"an object without '{HEADER}' and '{DATA}'"
        )
    unknown = next((name for name in given if name not in _FIELDS), None)
    if unknown is not None:
        raise rules.wrong(f"an object with the key {_shown(unknown)}; it may have {', '.join(_FIELDS)}")
    header = _header(given.get(HEADER), rules, before)
    rows = given[DATA]
    if not isinstance(rows, list | tuple):
        raise rules.wrong(f"'{DATA}' is {_kind(rows)}, not a list")
    for number, row in enumerate(rows, rows_before + 1):
        _check_row(number, row, header, rules)
    return RowPage(header, rows, _cursor(given.get(CURSOR), rules))


def record_of(number: int, row: Mapping[str, Any], header: tuple[str, ...] | None, rules: Rules) -> Record:
    """A row as a record; without a key of its own it is known by its number. Raises FatalError SOURCE_RESULT."""
    kept = header if header is not None and not rules.extra_kept else row
    values: dict[str, AttributeValue] = {}
    for name in kept:
        try:
            values[name] = wire_value(row[name])
        except ValueError as error:
            raise rules.wrong(f"in row {number} the value of {_shown(name)} {error}") from None
    key = tuple(_key_text(number, name, values[name], rules) for name in rules.key) or (str(number),)
    return Record(key, _millis(number, values, rules) if rules.time else None, values)


def extra_keys(rows: Sequence[Mapping[str, Any]], header: tuple[str, ...] | None) -> int:
    """How many values stand under keys that the header does not name."""
    if header is None:
        return 0
    return sum(len(row) - len(header) for row in rows)


def _header(given: object, rules: Rules, before: RowPage | None) -> tuple[str, ...] | None:
    known = rules.header if before is None else before.header
    if given is None:
        if known is None and rules.header_wanted:
            raise rules.wrong(
                f"no '{HEADER}', which only an export as JSON or JSONL, or one with columns, does without"
            )
        header = known
    else:
        header = _names(given, rules)
        if (known is not None or before is not None) and header != known:
            first = "the COLUMNS of its module" if before is None else "its first page"
            raise rules.wrong(f"'{HEADER}' is not that of {first}")
    if header is None or before is not None:
        return header
    for name in (*rules.key, *filter(None, (rules.time,)), *rules.needed):
        if name not in header:
            raise rules.wrong(f"'{HEADER}' lacks {_shown(name)}, which the source's key or time or the export names")
    return header


def _names(given: object, rules: Rules) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise rules.wrong(f"'{HEADER}' is {_kind(given)}, not a list of names")
    header = tuple(_header_name(place, name, rules) for place, name in enumerate(given, 1))
    if not header:
        raise rules.wrong(f"'{HEADER}' is empty")
    twice = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if twice is not None:
        raise rules.wrong(f"'{HEADER}' names {_shown(twice)} twice")
    return header


def _header_name(place: int, name: object, rules: Rules) -> str:
    if not isinstance(name, str):
        raise rules.wrong(f"name {place} of '{HEADER}' is {_kind(name)}, not text")
    if not _is_name(name):
        raise rules.wrong(f"name {place} of '{HEADER}' is empty, or not Unicode text")
    return str.__str__(name)


def _is_name(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _check_row(number: int, row: object, header: tuple[str, ...] | None, rules: Rules) -> None:
    if not isinstance(row, Mapping):
        raise rules.wrong(f"row {number} is {_kind(row)}, not an object")
    for name in header or (*rules.key, *filter(None, (rules.time,))):
        if name not in row:
            raise rules.wrong(f"row {number} lacks the key {_shown(name)}")
    if not row:
        raise rules.wrong(f"row {number} has no key at all")
    if header is None or len(row) > len(header):
        for name in row:
            if not isinstance(name, str):
                raise rules.wrong(f"row {number} has a key that is {_kind(name)}, not text")
            if not _is_name(name):
                raise rules.wrong(f"row {number} has a key that is empty, or not Unicode text")


def _cursor(given: object, rules: Rules) -> JSON | None:
    try:
        return json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise rules.wrong(f"'{CURSOR}' is no JSON") from None


def _key_text(number: int, name: str, value: AttributeValue, rules: Rules) -> str:
    text = value.get("S") or value.get("N")
    if not text:
        raise rules.wrong(
            f"in row {number} the value of {_shown(name)}, the record's key, is neither text nor a number"
        )
    return str(text)


def _millis(number: int, values: Mapping[str, AttributeValue], rules: Rules) -> int:
    value = values[rules.time]
    try:
        return (
            int(value["N"]) if "N" in value else to_millis(parse_rfc3339(_FURTHER_DIGITS.sub("", value.get("S", ""))))
        )
    except ValueError:
        raise rules.wrong(
            f"in row {number} the value of {_shown(rules.time)}, the record's time, is neither a whole number of"
            " milliseconds since 1970 nor an RFC 3339 date-time with an offset"
        ) from None


def _shown(name: object) -> str:
    """A key's name in quotes, whatever is in it."""
    text = name if isinstance(name, str) else f"<{type(name).__name__}>"
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", tuple: "a list"}
    if isinstance(value, Mapping):
        return "an object"
    return names.get(type(value), f"of the type {type(value).__name__}")
