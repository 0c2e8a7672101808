"""Times as people want them in a file: `YYYY-MM-DD HH:mm` in a zone, and what is read as a time in the first place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from tidegate.instants import parse_rfc3339
from tidegate.zones import zone

ISO: Final = "iso"
"""The pattern of RFC 3339 with milliseconds and the zone's offset."""


def _offset(at: datetime) -> str:
    return at.isoformat(timespec="seconds")[19:]  # with seconds in the days before standard time


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKENS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda at: f"{at.year:04d}",
    "MMM": lambda at: _MONTHS[at.month - 1],
    "MM": lambda at: f"{at.month:02d}",
    "DD": lambda at: f"{at.day:02d}",
    "HH": lambda at: f"{at.hour:02d}",
    "mm": lambda at: f"{at.minute:02d}",
    "ss": lambda at: f"{at.second:02d}",
    "SSS": lambda at: f"{at.microsecond // 1000:03d}",
    "ZZ": lambda at: _offset(at).replace(":", ""),
    "Z": _offset,
}
TOKENS: Final = tuple(_TOKENS)
"""What a pattern may have; every other letter stands in brackets."""
_PART = re.compile(r"\[(?P<literal>[^\[\]]*)\]|(?P<letters>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>[^A-Za-z\[\]])")
_ISO_TEXT = re.compile(
    r"(?P<second>\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def check_pattern(pattern: str) -> str:
    """`pattern`, where it is one. Raises ValueError with a reason for people."""
    if pattern != ISO:
        _writers(pattern)
    return pattern


def written(at: datetime, pattern: str, zone_name: str) -> str:
    """An aware instant by a pattern, on the clock of a zone. Raises OverflowError outside the years 1 to 9999 there."""
    local = at.astimezone(zone(zone_name))
    if pattern == ISO:
        text = local.isoformat(timespec="milliseconds")
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    return "".join([write(local) for write in _writers(pattern)])


def read_iso(text: str) -> datetime:
    """The instant of an ISO 8601 date and time with its offset, cut to milliseconds; up to 9 fraction digits.

    Raises ValueError, also for a day without a time: nobody knows which instant that would be.
    """
    match = _ISO_TEXT.fullmatch(text)
    if match is None:
        raise ValueError("is no ISO 8601 date and time with an offset")
    return parse_rfc3339(f"{match['second'].replace(' ', 'T')}.{match['fraction'] or '0':.3}{match['zone']}")


@lru_cache(maxsize=256)
def _writers(pattern: str) -> tuple[Callable[[datetime], str], ...]:
    """What writes each part of a pattern. Raises ValueError with a reason for people."""
    writers: list[Callable[[datetime], str]] = []
    at, tokens = 0, 0
    for match in _PART.finditer(pattern):
        if match.start() != at:
            break
        at = match.end()
        if match["letters"]:
            if match["letters"] not in _TOKENS:
                raise ValueError(
                    f"has {match['letters']}, which means nothing in a date; there are {', '.join(TOKENS)}, and other"
                    " letters stand in brackets, like [T]"
                )
            tokens += 1
            writers.append(_TOKENS[match["letters"]])
        else:
            writers.append(_literal(match["other"] or match["literal"]))
    if at != len(pattern):
        raise ValueError("has a bracket without its other one; letters that are no token stand in brackets, like [T]")
    if not tokens:
        raise ValueError(f"must have one of {', '.join(TOKENS)}, or be {ISO}")
    return tuple(writers)


def _literal(text: str) -> Callable[[datetime], str]:
    return lambda _: text
