"""Templates of names such as `inbox/{study}/` and `{study}_{window}_{file}`: what they may say, and filling them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from tidegate import dates

FIELDS = (
    "export",
    "study",
    "table",
    "window",
    "start",
    "end",
    "date",
    "operationId",
    "tag",
    "file",
    "part",
    "sequence",
    "extension",
)
TIMES = ("start", "end", "date")
"""The fields that may have a pattern of dates.py behind a colon: `{end:YYYYMMDD_HHmm}`."""
SAMPLE = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
_FIELD = re.compile(r"\{([^{}]*)\}")
_SAFE = re.compile(r"[A-Za-z0-9._/-]+")


def fields_of(template: str) -> list[str]:
    """The fields that a template names. Raises ValueError, with a reason for people, for one that cannot be used."""
    found = []
    for inside in _FIELD.findall(template):
        name, colon, pattern = inside.partition(":")
        if name not in FIELDS:
            raise ValueError(f"names {{{name}}}, which is not one of {', '.join(FIELDS)}")
        if colon:
            _check_time(name, pattern)
        found.append(name)
    literal = _FIELD.sub("", template)
    if "{" in literal or "}" in literal:
        raise ValueError("has a brace that belongs to no field")
    if any(ord(character) < 32 or ord(character) == 127 for character in literal):
        raise ValueError("has a control character")
    if ".." in template.split("/"):
        raise ValueError("must not go up with ..")
    return found


def _check_time(name: str, pattern: str) -> None:
    if name not in TIMES:
        raise ValueError(f"gives {{{name}}} a pattern; only {', '.join(TIMES)} have one")
    dates.check_pattern(pattern)
    sample = dates.written(SAMPLE, pattern, "UTC")
    if not _SAFE.fullmatch(sample) or ".." in sample.split("/"):
        raise ValueError(
            f"would have {sample} in a name; in a pattern of names only letters, digits, dots, hyphens, underlines and,"
            " between directories, slashes can be used"
        )


def tokens(template: str) -> list[tuple[str, bool]]:
    """A template cut into its literal texts (False) and what stands in braces (True), in order."""
    return [(text, bool(number % 2)) for number, text in enumerate(_FIELD.split(template)) if text]


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with a value for each field; `values` are by what stands in the braces, pattern included."""
    return _FIELD.sub(lambda match: values[match[1]], template)


def fixed_part(template: str) -> str:
    """The directories of a template that are the same for every file, without a slash at the end; may be empty."""
    head, brace, _ = template.partition("{")
    return (head.rpartition("/")[0] if brace else head.rstrip("/")) or ("/" if head.startswith("/") else "")
