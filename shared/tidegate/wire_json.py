"""DynamoDB's wire form as it travels in JSON: binary values as base64 text there, as bytes here."""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any

from tidegate.json_bytes import read_json


def decoded(text: bytes) -> Any:
    """What JSON in the wire form says, binary values decoded. Raises ValueError where it is no JSON, or no base64."""
    # Most records have no binary; looking into every map of theirs would take longer than all the rest.
    has_binary = b'"B"' in text or b'"BS"' in text
    return json.loads(text, object_hook=_with_binary) if has_binary else read_json(text)


def _with_binary(members: dict[str, Any]) -> Mapping[str, Any]:
    # An attribute's name stands before a map; so text behind B, or a list behind BS, is binary and never an attribute.
    if len(members) == 1:
        ((kind, raw),) = members.items()
        if kind == "B" and isinstance(raw, str):
            return {"B": a2b_base64(raw)}
        if kind == "BS" and isinstance(raw, list):
            return {"BS": [a2b_base64(text) for text in raw]}
    return members
