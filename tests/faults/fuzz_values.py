"""DynamoDB's whole value space, what lies just outside of it, and what each value has to be when read back."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tidegate.model import AttributeValue

Item = dict[str, AttributeValue]

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "=1+1", "'=1", "-5", "\t", "\r\n", '"', ",", "\x00=", "\u2028", "\U0001f980", "\ufeff", "\x7f"]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1).map(str),
    st.builds(lambda digits, exponent: f"{digits}E{exponent}", st.integers(-(10**37), 10**37), st.integers(-130, 88)),
    st.builds("{}.{}".format, st.integers(-(10**18), 10**18), st.integers(0, 10**19).map(str)),
    st.sampled_from(["0", "-0", "0.0", "1E-130", "9.9999999999999999999999999999999999999E+125", "1e5", "00.50"]),
)
BINARIES = st.binary(max_size=20)


def _as(kind: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[AttributeValue]:
    return values.map(lambda value: {kind: value})


SCALARS = st.one_of(
    _as("S", TEXTS),
    _as("N", NUMBERS),
    _as("B", BINARIES),
    _as("BOOL", st.booleans()),
    st.just({"NULL": True}),
    _as("SS", st.lists(TEXTS, min_size=1, max_size=4, unique=True)),
    _as("NS", st.lists(NUMBERS, min_size=1, max_size=4, unique_by=Decimal)),
    _as("BS", st.lists(BINARIES, min_size=1, max_size=4, unique=True)),
)
NAMES = st.one_of(st.sampled_from(["a", "b", "t", "a.b", "B", "BS", "b64", "=n", "\u00e9", " "]), TEXTS.filter(bool))
VALUES = st.recursive(
    SCALARS,
    lambda inner: _as("L", st.lists(inner, max_size=4)) | _as("M", st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)
HALF = "\ud83e"


def nested(kind: str, depth: int) -> AttributeValue:
    """A value of so many lists or maps inside each other."""
    value: AttributeValue = {"N": "1"}
    for _ in range(depth):
        value = {"L": [value]} if kind == "L" else {"M": {"a": value}}
    return value


LARGE: Sequence[Item] = (
    {"a": {"S": "x" * 400_000}},
    {"a": {"B": b"\xff" * 300_000}},
    {"a": {"S": '"' * 400_000}, "b": nested("L", 32)},
    {"a": {"L": [{"NULL": True}] * 100_000}},
    {f"n{n}": {"S": ""} for n in range(30_000)},
    {"a": {"SS": [f"{n}" for n in range(40_000)]}},
    {"a": {"M": {f"n{n}": {"BOOL": True} for n in range(20_000)}}},
    {"a": nested("M", 32), "b": {"L": [nested("L", 31)] * 50}},
    {"a": {"NS": [f"{n}.5E-60" for n in range(5_000)]}},
)
"""Items of about the 400 KB that DynamoDB takes, each in another way."""
NOT_WIRE_FORM: Sequence[Any] = (
    None, 5, "text", [{"S": "x"}], {"S": "a", "N": "1"}, {"X": "?"}, {"S": None}, {"S": 5}, {"S": b"bytes"},
    {"N": "many"}, {"N": "NaN"}, {"N": "-Infinity"}, {"N": None}, {"N": 5}, {"NS": ["x"]},
    {"NS": ["1e99999999999999999999"]},
    {"B": "text"}, {"BS": ["text"]}, {"BOOL": "maybe"}, {"M": ["x"]}, {"M": {1: {"S": "a"}, "b": {}}}, {"L": [None]},
    {"L": [{}]}, {"L": 5}, {"SS": 5}, {"SS": [1, "a"]}, {"S": HALF}, {"SS": [HALF]}, {"M": {HALF: {"S": "a"}}},
    {"L": [{"S": "a" + HALF}]}, nested("L", 65), nested("M", 300), nested("L", 5_000),
    {"b64": "AA=="}, {"b64": "no base64"},
)  # fmt: skip
"""What only a source of one's own could hand over: each has to be left out and listed, and harm no other record."""


def meant(value: AttributeValue) -> Any:
    """What a reader has to get for a value: numbers as exact decimals, sets as sorted lists, binary as base64."""
    ((kind, raw),) = value.items()
    if kind == "N":
        return Decimal(raw)
    if kind == "B":
        return b64encode(raw).decode()
    if kind == "L":
        return [meant(inner) for inner in raw]
    if kind == "M":
        return {name: meant(inner) for name, inner in raw.items()}
    if kind in ("SS", "NS", "BS"):
        return [meant({kind[0]: inner}) for inner in sorted(raw, key=Decimal if kind == "NS" else None)]
    return None if kind == "NULL" else raw


def at(item: Item, path: str) -> AttributeValue | None:
    """The value of a column that was selected by a path, None where there is none."""
    if path in item:
        return item[path]
    first, dot, rest = path.partition(".")
    return item.get(first, {}).get("M", {}).get(rest) if dot else None


def read_json(data: bytes, kind: str) -> list[dict[str, Any]]:
    """The records of a JSON or JSONL file, numbers as exact decimals."""
    texts = [data.decode()] if kind == "JSON" else data.decode().split("\n")[:-1]
    read = [json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_unique) for text in texts]
    found: list[dict[str, Any]] = read[0] if kind == "JSON" else read
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def read_csv(data: bytes) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file."""
    csv.field_size_limit(1 << 30)
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert all(len(row) == len(header) for row in rows)
    return header, rows


def fits_cell(cell: str, value: AttributeValue | None, *, guarded: bool) -> bool:
    """Whether a CSV cell holds a value: text as it is (with its apostrophe where guarded), the rest as JSON text."""
    if value is None or "NULL" in value:
        return cell == ""
    ((kind, raw),) = value.items()
    if kind in ("S", "B"):
        text = raw if kind == "S" else meant(value)
        return bool(cell == ("'" + text if guarded and text[:1] in set("=+-@\t\r") else text))
    if kind == "BOOL":
        return cell == str(raw).lower()
    return bool(json.loads(cell, parse_float=Decimal, parse_int=Decimal) == meant(value))
