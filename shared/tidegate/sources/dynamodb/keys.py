"""Keys of a DynamoDB table: as text (a record's identity), in wire form, as JSON (in a cursor), as dictionary keys."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter

from tidegate.model import AttributeValue, JSONObject
from tidegate.sources.dynamodb.schema import Schema
from tidegate.sources.source import Key

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST_PARTITION_KEY, _LONGEST_SORT_KEY = 2048, 1024
"""Bytes; DynamoDB refuses to look for longer ones, so no record has one."""
_MOST_DIGITS = 38


def key_text(value: AttributeValue) -> str:
    """A key value as text: S and N as they are, B in base64. Raises ValueError for other types."""
    if "S" in value:
        return str(value["S"])
    if "N" in value:
        return str(value["N"])
    if "B" in value:
        return base64.b64encode(value["B"]).decode("ascii")
    raise ValueError("is neither string, number nor binary")


def key_texts(values: Sequence[AttributeValue]) -> list[str]:
    """Each key value as `key_text` gives it. Raises what that raises."""
    try:
        texts = list(map(itemgetter("S"), values))
        "".join(texts)  # all are strings, as nearly always
    except (KeyError, TypeError):
        return list(map(key_text, values))
    return texts


def to_wire(schema: Schema, names: Sequence[str], key: Key) -> Mapping[str, AttributeValue] | None:
    """A key given as text (values in the order of `names`) as the table's key, None where no item can have it.

    Impossible keys, such as a word for a number, are told apart here because DynamoDB refuses the whole call for one.
    """
    if len(key) != len(names):
        return None
    wire = {name: wire_value(schema.types[name], text) for name, text in zip(names, key, strict=True)}
    found = {name: value for name, value in wire.items() if value is not None}
    limits = zip(schema.key, (_LONGEST_PARTITION_KEY, _LONGEST_SORT_KEY), strict=False)
    if len(found) < len(names) or any(_size(found[name]) > limit for name, limit in limits):
        return None
    return found


def item_key(schema: Schema, item: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """The table's key of an item that has it."""
    return {name: item[name] for name in schema.key}


def comparable(schema: Schema, item: Mapping[str, AttributeValue]) -> Hashable:
    """The table's key of an item or of a key, such that equal keys are equal: 1 and 1.0 are one number."""
    parts: list[Hashable] = []
    for name in schema.key:
        value = item[name]
        parts.append(Decimal(value["N"]) if "N" in value else value.get("S", value.get("B")))
    return tuple(parts)


def to_json(key: Mapping[str, AttributeValue]) -> JSONObject:
    """A LastEvaluatedKey in a form that json.dumps takes."""
    return {name: {kind: key_text(value) for kind in value} for name, value in key.items()}


def from_json(key: JSONObject) -> dict[str, AttributeValue]:
    """The inverse of to_json."""
    return {name: {k: base64.b64decode(v) if k == "B" else v for k, v in value.items()} for name, value in key.items()}


def wire_value(kind: str, text: str) -> AttributeValue | None:
    """A text as an attribute of type S, N or B; None where that type cannot hold it."""
    if not text:
        return None
    if kind == "S":
        return {"S": text} if _encodes(text) else None
    if kind == "N":
        return {"N": text} if _NUMBER.fullmatch(text) and _storable(Decimal(text)) else None
    try:
        return {"B": base64.b64decode(text, validate=True)}
    except (binascii.Error, ValueError):
        return None


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode("utf-8"))
    except UnicodeEncodeError:  # half of a surrogate pair, from a JSON escape
        return False


def _storable(number: Decimal) -> bool:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    return not number or (len(digits) <= _MOST_DIGITS and -130 <= number.adjusted() <= 125)


def _size(value: AttributeValue) -> int:
    if "S" in value:
        return len(value["S"].encode("utf-8"))
    return len(value["B"]) if "B" in value else 0
