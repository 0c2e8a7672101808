"""How the columns of a table change from one window to the next: which are new, gone, or of another type.

A table is compared with the last window of the chain in which it had records, so an empty window hides nothing. A
column without a value says nothing of its type; the one that was known before stays known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from tidegate.model import JSONObject

Columns: TypeAlias = Mapping[str, Sequence[Mapping[str, str]]]
"""Of each table the columns as a manifest lists them: `{name, type}`."""
Known: TypeAlias = Mapping[str, Mapping[str, str]]
"""Of each table the type of each column, in the columns' order."""

KINDS: Final = ("new", "gone", "retyped")
_WORDS: Final[Mapping[str, str]] = {"new": "new", "gone": "gone", "retyped": "of another type"}
_NO_TYPE: Final = "null"
_TOLD = 5
_LONGEST_NAME = 80


def known_of(columns: Columns) -> Known:
    """What one manifest alone tells."""
    return {table: {column["name"]: column["type"] for column in listed} for table, listed in columns.items()}


def drift(known: Known, columns: Columns) -> JSONObject:
    """What changed, for each table in which something did; a table that was not known before has not changed.

    `new` and `gone` are names, in the order of the columns; `retyped` has `{name, before, after}`.
    """
    found = {table: _between(known[table], now) for table, now in sorted(known_of(columns).items()) if known.get(table)}
    return {table: changes for table, changes in found.items() if any(changes.values())}


def learned(known: Known, columns: Columns) -> Known:
    """What is known behind a window with these columns."""
    now = {
        table: {
            name: known.get(table, {}).get(name, _NO_TYPE) if kind == _NO_TYPE else kind
            for name, kind in listed.items()
        }
        for table, listed in known_of(columns).items()
    }
    return {**known, **now}


def counts(found: JSONObject) -> dict[str, int]:
    """How many columns changed in each way, over all tables."""
    return {kind: sum(len(changes[kind]) for changes in found.values()) for kind in KINDS}


def words(found: JSONObject) -> str:
    """The changes for people: `2 new (a, b), 1 of another type (c)`; the first few names of each kind."""
    told = []
    for kind in KINDS:
        names = [one["name"] if kind == "retyped" else one for changes in found.values() for one in changes[kind]]
        if names:
            told.append(f"{len(names)} {_WORDS[kind]} ({_some(names)})")
    return ", ".join(told)


def of_manifest(text: str | bytes) -> JSONObject:
    """What a manifest tells of changes, empty where it tells none."""
    found: JSONObject = json.loads(text).get("drift", {})
    return found


def _between(before: Mapping[str, str], now: Mapping[str, str]) -> JSONObject:
    both = [(name, before[name], kind) for name, kind in now.items() if name in before]
    return {
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
        "retyped": [
            {"name": name, "before": was, "after": kind}
            for name, was, kind in both
            if was != kind and _NO_TYPE not in (was, kind)
        ],
    }


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in listed[:_TOLD]]
    return ", ".join(shown) + (", ..." if len(listed) > _TOLD else "")
