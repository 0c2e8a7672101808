"""JSON as strangers write it: any value, any text, nearly right objects, bytes that were damaged on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

HALF_PAIRS = st.sampled_from(["\ud800", "x\udfff", "\udc00\ud800"])
TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(max_codepoint=127), max_size=10),
    st.sampled_from(
        ["", "\x00", "../..", "%2e%2e", "a/b", "\u202e", "x" * 2000, "null", "1e5", "\U0001f980", "\ufeff"]
    ),
    st.text(st.characters(codec="utf-8", min_codepoint=0x80), max_size=5),
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([0, -0.0, 10**400, -(10**39), 1e308, 2**63])
)


def json_values(depth: int = 4) -> st.SearchStrategy[Any]:
    """Any JSON value, and what only nearly is one: NaN, lone surrogates, numbers of any size."""
    return st.recursive(
        st.none() | st.booleans() | NUMBERS | TEXTS | HALF_PAIRS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=depth * 3,
    )


def nearly(
    fields: Mapping[str, st.SearchStrategy[Any]], required: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of these fields, of which up to two hold anything at all, and sometimes one more that nobody knows."""
    right = st.fixed_dictionaries(dict(required), optional=dict(fields))
    names = st.sampled_from([*fields, *required]) | TEXTS
    wrong = st.one_of(st.just({}), st.just({}), st.dictionaries(names, json_values(), max_size=2))
    return st.builds(lambda good, bad: {**good, **bad}, right, wrong)


def nested(kind: str, depth: int) -> str:
    """Text of so many arrays or objects inside each other."""
    return "[" * depth + "]" * depth if kind == "list" else '{"a":' * depth + "1" + "}" * depth


def written(value: object, *, ascii_only: bool) -> bytes:
    """JSON text of a value, with every escape or with none; lone surrogates become bytes that are no UTF-8."""
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def damaged(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes that were cut, repeated or overwritten at one place."""

    def damage(data: bytes, at: int, cut: int, put: bytes) -> bytes:
        at %= len(data) + 1
        return data[:at] + put + data[at + cut :]

    return st.builds(damage, texts, st.integers(0, 1 << 18), st.integers(0, 8), st.binary(max_size=4))
