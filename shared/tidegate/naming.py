"""Templates of names such as `inbox/{study}/` and `{study}_{window}_{file}`: what they may say, and filling them in."""

from __future__ import annotations

import re
from collections.abc import Mapping

FIELDS = ("export", "study", "table", "window", "date", "operationId", "file", "part", "extension")
_FIELD = re.compile(r"\{([^{}]*)\}")


def fields_of(template: str) -> list[str]:
    """The fields that a template names. Raises ValueError, with a reason for people, for one that cannot be used."""
    found = _FIELD.findall(template)
    for name in found:
        if name not in FIELDS:
            raise ValueError(f"names {{{name}}}, which is not one of {', '.join(FIELDS)}")
    literal = _FIELD.sub("", template)
    if "{" in literal or "}" in literal:
        raise ValueError("has a brace that belongs to no field")
    if any(ord(character) < 32 or ord(character) == 127 for character in literal):
        raise ValueError("has a control character")
    if ".." in template.split("/"):
        raise ValueError("must not go up with ..")
    return found


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with a value for each field."""
    return _FIELD.sub(lambda match: values[match[1]], template)


def fixed_part(template: str) -> str:
    """The directories of a template that are the same for every file, without a slash at the end; may be empty."""
    head, brace, _ = template.partition("{")
    return (head.rpartition("/")[0] if brace else head.rstrip("/")) or ("/" if head.startswith("/") else "")
