"""Untrusted JSON text, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

LIMIT_BYTES = 262_144
_TWICE = object()


def load_object(body: str | bytes) -> dict[str, Any]:
    """The one JSON object that `body` holds.

    Raises ValueError with a reason for people: more than 256 KB, not UTF-8, not JSON, text after the object, a key
    twice in one object (at any depth), NaN or Infinity, an unpaired surrogate, nested too deeply, not an object.
    """
    try:
        encoded = body if isinstance(body, bytes) else body.encode()
        if len(encoded) > LIMIT_BYTES:
            raise ValueError(f"it has {len(encoded)} bytes; {LIMIT_BYTES} are allowed")
        text = encoded.decode()
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg} at line {error.lineno}, column {error.colno})") from None
    except UnicodeEncodeError:
        raise ValueError("it holds an unpaired surrogate, which no UTF-8 text can hold") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        # TypeError would be a caller's mistake; this is one of many things that can be wrong with a body.
        raise ValueError(f"it is {_KIND.get(type(value), 'a number')}, not a JSON object")  # noqa: TRY004
    return value


def readable_fields(body: str | bytes) -> dict[str, Any]:
    """The fields of an otherwise bad body that can still be read without doubt; a key that occurs twice is left out.

    Never raises: a body that is no JSON object has no readable fields.
    """
    try:
        value = json.loads(body, object_pairs_hook=_unambiguous, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_KIND = {type(None): "null", bool: "a boolean", str: "a string", list: "a list"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"it holds the key {ascii(twice)[:80]} twice in one object")
    return found


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = _TWICE if name in found else value
    return {name: value for name, value in found.items() if value is not _TWICE}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not JSON")


def _integer(digits: str) -> int | float:
    # Python refuses to read very long integers; as a float such a number is simply one that no field takes.
    return int(digits) if len(digits) <= 40 else float(digits)
