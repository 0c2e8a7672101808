"""The body of a DynamoDB answer as botocore's parser gives it, without the shapes that take most of its time."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from tidegate.model import JSON


def answer_of(body: bytes) -> dict[str, JSON]:
    """The members of an answer of Query, Scan or BatchGetItem, values in wire form, binary decoded.

    Raises ValueError where the body is not JSON.
    """
    has_binary = b'"B"' in body or b'"BS"' in body
    answer: dict[str, JSON] = json.loads(body, object_hook=_with_binary if has_binary else None)
    return answer


def _with_binary(members: dict[str, Any]) -> Mapping[str, Any]:
    # An attribute's name stands before a map; so text behind B, or a list behind BS, is binary and never an attribute.
    if len(members) == 1:
        ((kind, raw),) = members.items()
        if kind == "B" and isinstance(raw, str):
            return {"B": b64decode(raw)}
        if kind == "BS" and isinstance(raw, list):
            return {"BS": [b64decode(text) for text in raw]}
    return members
