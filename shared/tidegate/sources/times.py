"""A record's time in the three notations of `timeType`: the bounds of a query, and the way back to milliseconds.

All arithmetic is decimal and exact: DynamoDB numbers have up to 38 digits, and 1000.5 belongs to [1000, 1001).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from operator import itemgetter
from typing import Protocol

from tidegate.errors import FatalError
from tidegate.instants import from_millis, parse_rfc3339, to_millis
from tidegate.json_bytes import read_json
from tidegate.model import AttributeValue

_EXACT = Context(prec=400)
"""Room for every number that DynamoDB can hold, 1E-130 and 1E+125 with 38 digits, without rounding."""
_FEW_DIGITS = 18
"""Whole numbers as short as that, nearly all times, need no decimal arithmetic."""
_UTC = re.compile(r"(?P<second>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,9}))?(?:Z|\+00:00)", re.ASCII)


class TimeType(Protocol):
    """One notation of time. Milliseconds are whole, since 1970, UTC."""

    attribute_type: str
    """S or N: what the attribute must be in the table."""
    cut_millis: int
    """Time slices may be cut at whole multiples of this, so that no record lies on both sides."""

    def bounds(self, start: int, end: int) -> tuple[AttributeValue, AttributeValue]:
        """What BETWEEN gets so that every record of [start, end), start < end, is found; never crossed.

        More may be found, at the bounds themselves or just outside: `millis` decides. Two windows that abut leave no
        gap between their bounds, so that even a malformed time is found by one of them; `holds` says by which.
        """

    def millis(self, value: AttributeValue) -> int:
        """The time rounded down to whole milliseconds. Raises ValueError where this is no time in this notation."""

    def all_millis(self, values: Sequence[AttributeValue]) -> list[int]:
        """Each as `millis` gives it, and raises ValueError where that does."""

    def holds(self, value: AttributeValue, start: int, end: int) -> bool:
        """Whether a value that is no time belongs to [start, end): windows that abut never both have it.

        What is not even of the attribute's type has no place in any order: every window has it.
        """


class EpochMillis:
    """N, milliseconds since 1970; fractions are allowed."""

    attribute_type = "N"
    cut_millis = 1

    def bounds(self, start: int, end: int) -> tuple[AttributeValue, AttributeValue]:
        """The window's own ends."""
        return {"N": str(start)}, {"N": str(end)}

    def millis(self, value: AttributeValue) -> int:
        """See TimeType."""
        text = value.get("N")
        if isinstance(text, str) and text.isdecimal() and len(text) <= _FEW_DIGITS:
            return int(text)
        return _floor(_number(value))

    def all_millis(self, values: Sequence[AttributeValue]) -> list[int]:
        """See TimeType."""
        return _whole_numbers(values) or list(map(self.millis, values))

    def holds(self, value: AttributeValue, start: int, end: int) -> bool:  # noqa: ARG002 - the protocol's; every N is a time
        """See TimeType."""
        return True


class EpochSeconds:
    """N, seconds since 1970 with as many fraction digits as there are."""

    attribute_type = "N"
    cut_millis = 1

    def bounds(self, start: int, end: int) -> tuple[AttributeValue, AttributeValue]:
        """The window's ends in exact decimals: 1500 ms are 1.5."""
        return {"N": _seconds(start)}, {"N": _seconds(end)}

    def millis(self, value: AttributeValue) -> int:
        """See TimeType."""
        text = value.get("N")
        if isinstance(text, str) and text.isdecimal() and len(text) <= _FEW_DIGITS:
            return int(text) * 1000
        return _floor(_number(value).scaleb(3, _EXACT))

    def all_millis(self, values: Sequence[AttributeValue]) -> list[int]:
        """See TimeType."""
        seconds = _whole_numbers(values)
        return [number * 1000 for number in seconds] if seconds else list(map(self.millis, values))

    def holds(self, value: AttributeValue, start: int, end: int) -> bool:  # noqa: ARG002 - the protocol's; every N is a time
        """See TimeType."""
        return True


class Iso8601:
    """S, ISO 8601 in UTC, ordered as text.

    Tables are meant to have one fixed number of fraction digits (`timeFraction`). Many writers leave out a fraction of
    zero, so the bounds find a time whatever its number of digits; only the order within such a second is the text's.
    """

    attribute_type = "S"
    cut_millis = 1000

    def bounds(self, start: int, end: int) -> tuple[AttributeValue, AttributeValue]:
        """Prefixes: all texts from `start` on sort after the first, all before `end` sort before the second.

        Within the second of an end that is no whole second, `...00Z` sorts after `...00.9Z`: then that whole second is
        asked for.
        """
        upper = _prefix(end) if end % 1000 == 0 else _prefix(end - end % 1000) + "~"
        return {"S": _prefix(start)}, {"S": upper}

    def millis(self, value: AttributeValue) -> int:
        """See TimeType. Raises ValueError for other offsets than UTC, because their order as text is not by time."""
        text = value.get("S")
        match = _UTC.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError("is not ISO 8601 in UTC, such as 2026-01-31T00:00:00.000Z")
        whole_second = to_millis(parse_rfc3339(f"{match['second']}Z"))
        return whole_second + int(f"{(match['fraction'] or ''):0<3}"[:3])

    def all_millis(self, values: Sequence[AttributeValue]) -> list[int]:
        """See TimeType."""
        return list(map(self.millis, values))

    def holds(self, value: AttributeValue, start: int, end: int) -> bool:
        """By the order of texts, which is the index's. Other attribute types are in no index: see TimeType."""
        text = value.get("S")
        return not isinstance(text, str) or _prefix(start) <= text < _prefix(end)


_TIME_TYPES: Mapping[str, TimeType] = {
    "epochMillis": EpochMillis(),
    "epochSeconds": EpochSeconds(),
    "iso8601": Iso8601(),
}


def time_type_of(name: str) -> TimeType:
    """The notation by the name in a definition. Raises FatalError for a name that does not exist."""
    if name not in _TIME_TYPES:
        raise FatalError(
            f"The source's timeType {name} is not known.",
            code="SOURCE_MISCONFIGURED",
            remedy=f"Use one of {', '.join(_TIME_TYPES)}.",
        )
    return _TIME_TYPES[name]


def _number(value: AttributeValue) -> Decimal:
    try:
        number = Decimal(value["N"])
    except (KeyError, TypeError, InvalidOperation):
        raise ValueError("is not a number") from None
    if not number.is_finite():
        raise ValueError("is not a finite number")
    return number


def _whole_numbers(values: Sequence[AttributeValue]) -> list[int] | None:
    """All of them where all are short whole numbers, as nearly always; None otherwise."""
    try:
        texts = list(map(itemgetter("N"), values))
        if not "".join(texts).isdecimal() or max(map(len, texts)) > _FEW_DIGITS:
            return None
        whole: list[int] = read_json(f"[{','.join(texts)}]".encode())
    except (KeyError, TypeError, ValueError):
        return None
    return whole


def _floor(number: Decimal) -> int:
    return int(number.to_integral_value(rounding=ROUND_FLOOR))


def _seconds(millis: int) -> str:
    whole, rest = divmod(abs(millis), 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{'-' if millis < 0 else ''}{whole}{fraction}"


def _prefix(millis: int) -> str:
    instant = from_millis(millis)
    # strftime does not pad years below 1000 everywhere; isoformat does.
    text = instant.replace(tzinfo=None, microsecond=0).isoformat()
    fraction = f".{instant.microsecond // 1000:03d}".rstrip("0") if instant.microsecond else ""
    return text + fraction
