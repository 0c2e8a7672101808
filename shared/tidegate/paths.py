"""Paths into records, such as `answers.q1` and `visits[0].site`: which attribute they are about, and what they lead to.

Nothing forbids an attribute whose own name looks like a path, so at every place the longest name that is there wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tidegate.immutable import dataclass
from tidegate.model import AttributeValue

_INDEXED = re.compile(r"(?P<name>.+?)(?P<indices>(?:\[[0-9]{1,6}\])+)", re.DOTALL)
_INDEX = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a path: its own text, and the same read as a name with places in lists behind it (none: no list)."""

    text: str
    name: str
    indices: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> _Step:
        match = _INDEXED.fullmatch(text)
        if match is None:
            return cls(text, text, ())
        return cls(text, match["name"], tuple(map(int, _INDEX.findall(match["indices"]))))


def is_plain(path: str) -> bool:
    """Whether a path can only be the name of an attribute, and leads into none."""
    return "." not in path and "[" not in path


def roots(path: str) -> tuple[str, ...]:
    """The names of the attributes that a path may be about: the whole of it, and its first step in either reading."""
    first = _steps(path)[0]
    return tuple(dict.fromkeys((path, first.text, first.name)))


def steps_of(path: str) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """A path's steps: the text of each, then the same read as a name with places in lists behind it (none: no list)."""
    return tuple((step.text, step.name, step.indices) for step in _steps(path))


def found_at(values: Mapping[str, AttributeValue], path: str) -> AttributeValue | None:
    """What a path leads to in a record's attributes, None where there is no such way.

    An attribute whose own name is the whole path wins. Otherwise each step but the last has to be a map, and what has
    a place behind its name a list. Places count from 0. What is no value in wire form has nothing below it.
    """
    whole = values.get(path)
    if whole is not None or is_plain(path):
        return whole
    inside: Any = values
    found: Any = None
    for step in _steps(path):
        if not isinstance(inside, Mapping):
            return None
        found = _taken(inside, step)
        inside = found.get("M") if isinstance(found, Mapping) else None
    return found  # type: ignore[no-any-return]  # a value in wire form, or what a source of one's own has in its place


def _taken(members: Mapping[str, Any], step: _Step) -> Any:
    found = members.get(step.text)
    if found is not None or not step.indices:
        return found
    found = members.get(step.name)
    for index in step.indices:
        items = found.get("L") if isinstance(found, Mapping) else None
        if not isinstance(items, Sequence) or isinstance(items, str) or index >= len(items):
            return None
        found = items[index]
    return found


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[_Step, ...]:
    return tuple(map(_Step.of, path.split(".")))
