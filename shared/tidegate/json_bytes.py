"""JSON as the standard library reads and writes it, by orjson where that is installed: in half the time.

orjson reads less: no half of a surrogate pair, no NaN, no number too large for a float, nothing nested deeper than
1,024 levels, UTF-8 alone. What it refuses the standard library reads, or refuses with its own words. Where orjson reads
something it is the same, but for whole numbers that 64 bits do not hold: they become floats. In DynamoDB's wire form
numbers are strings, so there are none; nor are there any floats, which the two would write differently.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

Default: TypeAlias = Callable[[Any], Any] | None
"""What JSON has for a value that it has not got; raises TypeError where it has nothing."""


def read_json(data: bytes) -> Any:
    """What `json.loads` makes of these bytes. Raises ValueError where they are no JSON."""
    quick = quick_reader()
    if quick is not None:
        try:
            return quick(data)
        except ValueError:
            pass  # it says so of some JSON, too
    return json.loads(data)


def write_json(value: object, default: Default = None) -> bytes:
    """Compact JSON in UTF-8, with the escapes that JSON needs alone.

    Raises TypeError for what neither JSON nor `default` has, ValueError for text that is no Unicode.
    """
    quick = quick_writer()
    if quick is not None:
        try:
            return quick(value, default)
        except TypeError:
            pass  # it says so of half of a surrogate pair, too
    return _encoder(default)(value).encode()


@cache
def quick_reader() -> Callable[[bytes], Any] | None:
    """The reader of orjson, which raises ValueError for what it does not read; None where it is not installed."""
    try:
        from orjson import loads  # noqa: PLC0415  # only those who read such JSON load it
    except ImportError:
        return None
    return loads


@cache
def quick_writer() -> Callable[[Any, Default], bytes] | None:
    """The writer of orjson, which raises TypeError for what it does not write; None where it is not installed."""
    try:
        from orjson import dumps  # noqa: PLC0415  # as above
    except ImportError:
        return None
    return dumps


@cache
def _encoder(default: Default) -> Callable[[Any], str]:
    return json.JSONEncoder(separators=(",", ":"), check_circular=False, ensure_ascii=False, default=default).encode
