"""ULIDs (https://github.com/ulid/spec): 48 bits of milliseconds and 80 bits that make them unique, sorted by time.

An operation's id is derived, not drawn: the same request and study give the same id, so that acceptance can be
repeated.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from tidegate.instants import from_millis, to_millis

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(rf"[{_CROCKFORD}]{{26}}")


def encode(millis: int, randomness: bytes) -> str:
    """26 characters of Crockford's base 32 for 48 bits of time and 10 bytes."""
    number = (millis & ((1 << 48) - 1)) << 80 | int.from_bytes(randomness)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def derived(at: datetime, *names: str) -> str:
    """The ULID of an instant and some names: always the same for the same ones."""
    digest = hashlib.sha256("\x00".join(names).encode()).digest()
    return encode(to_millis(at), digest[:10])


def instant_of(text: str) -> datetime:
    """The instant that a ULID was made for, to the millisecond."""
    millis = 0
    for character in text[:10]:
        millis = millis << 5 | _CROCKFORD.index(character)
    return from_millis(millis)


def is_ulid(text: str) -> bool:
    """Whether a text from outside can be an id at all; a table refuses to look for some that cannot."""
    return _ULID.fullmatch(text) is not None
