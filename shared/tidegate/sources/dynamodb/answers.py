"""The body of a DynamoDB answer as botocore's parser gives it, without the shapes that take most of its time."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from tidegate.model import JSON
from tidegate.wire_json import decoded

_BINARY = (b'{"B":"', b'{"BS":[')
"""How binary begins as DynamoDB writes it; there is no such thing inside a JSON string."""
_SPACED = (b'": ', b'" :', b'{ "', b"\n", b"\t", b"\r")
"""One of these is in every answer with white space, as emulators write it; binary may then begin in other ways."""


def answer_of(body: bytes) -> dict[str, JSON]:
    """The members of an answer of Query, Scan or BatchGetItem, values in wire form, binary decoded.

    Raises ValueError where the body is not JSON.
    """
    if b'"B"' in body or b'"BS"' in body:
        answer = _decoded_by_name(body)
        # A look into every map takes as long as all of json.loads.
        whole: dict[str, JSON] = decoded(body) if answer is None else answer
        return whole
    plain: dict[str, JSON] = json.loads(body)
    return plain


def _decoded_by_name(body: bytes) -> dict[str, JSON] | None:
    """The answer where all binary is in attributes of its items and of its key; None where some is elsewhere."""
    if any(space in body for space in _SPACED):
        return None
    answer: dict[str, JSON] = json.loads(body)
    left = sum(map(body.count, _BINARY))
    maps: list[dict[str, Any]] = [*answer.get("Items", ()), answer.get("LastEvaluatedKey", {})]
    for name in _binary_names(body):
        for attributes in maps:
            value = attributes.get(name, {})
            if isinstance(raw := value.get("B"), str):
                attributes[name] = {"B": b64decode(raw)}
                left -= 1
            elif isinstance(raw := value.get("BS"), list):
                attributes[name] = {"BS": [b64decode(text) for text in raw]}
                left -= 1
    return None if left else answer


def _binary_names(body: bytes) -> set[str]:
    """The names before binary; those with escapes are not whole."""
    names = set()
    for start in _BINARY:
        at = body.find(b'":' + start)
        while at >= 0:
            names.add(body[body.rfind(b'"', 0, at) + 1 : at])
            at = body.find(b'":' + start, at + 1)
    return {name.decode() for name in names}
