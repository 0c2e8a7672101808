"""Subject and text of an e-mail as templates: what they may say, and filling them in so that no line can be added.

The words are those of names of files (naming.py), for a whole window: `{table}` is the names of all its tables.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

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
    "records",
    "parts",
    "bytes",
    "files",
)
ONE_LINE_FIELDS = tuple(name for name in FIELDS if name != "files")
LONGEST_SUBJECT = 250
"""Characters; what is longer is cut, so that a table's name of any length still makes a message."""
_FIELD = re.compile(r"\{([^{}]*)\}")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what controls, hides or turns text around, or is none: no header gets any of it."""


def check_template(template: str, fields: tuple[str, ...] = FIELDS) -> None:
    """Raise ValueError, with a reason for people, for a template that cannot be filled in."""
    for name in _FIELD.findall(template):
        if name not in fields:
            raise ValueError(f"names {{{name}}}, which is not one of {', '.join(fields)}")
    literal = _FIELD.sub("", template)
    if "{" in literal or "}" in literal:
        raise ValueError("has a brace that belongs to no field")


def names_files(template: str) -> bool:
    """Whether the template says itself where the list of files stands."""
    return "{files}" in template


def subject_of(template: str, values: Mapping[str, str]) -> str:
    """The subject: one line, whatever the values hold."""
    text = one_line(_filled(template, {name: one_line(value) for name, value in values.items()}))
    return text if len(text) <= LONGEST_SUBJECT else text[: LONGEST_SUBJECT - 1].rstrip() + "…"


def text_of(template: str, values: Mapping[str, str]) -> str:
    """The text, with a line feed between lines; what controls anything else than lines and tabs is left out."""
    lines = _filled(template, values).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(_plain(character) for character in line).rstrip() for line in lines).strip("\n") + "\n"


def one_line(text: str) -> str:
    """The text without anything that a header could take for its end: each such character becomes a space.

    Nor can it pass for a word that was encoded, which readers would decode (`=?utf-8?q?...?=`).
    """
    plain = "".join(" " if unsafe(character) else character for character in text)
    return " ".join(plain.replace("=?", "= ?").split())


def unsafe(character: str) -> bool:
    """Whether a header must not hold this character: controls, line and paragraph ends, half characters, formats."""
    return unicodedata.category(character) in _UNSAFE


def _plain(character: str) -> str:
    return character if character == "\t" or not unsafe(character) else " "


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda match: values[match[1]], template)
