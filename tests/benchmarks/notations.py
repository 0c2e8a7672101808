"""Reads a nested value from a cell of a file: JSON, Python's own notation, or numpy's, whose lists have no commas."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_]+)
    | (?P<mark>[\[\](){},:=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS: dict[str, Any] = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


def read(cell: str) -> Any:
    """The value that a cell shows, numbers as Decimal, sets and arrays as lists. Raises ValueError for others."""
    try:
        tokens = list(_tokens(cell.rstrip()))
        value, rest = _value(tokens, 0)
    except (IndexError, StopIteration, SyntaxError, InvalidOperation) as error:
        raise ValueError(f"cannot be read: {cell!r}") from error
    if rest != len(tokens):
        raise ValueError(f"has more than a value: {cell!r}")
    return value


def _tokens(cell: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(cell):
        found = _TOKEN.match(cell, at)
        if found is None or found.lastgroup is None:
            raise ValueError(f"cannot be read: {cell!r}")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _value(tokens: list[tuple[str, str]], at: int) -> tuple[Any, int]:
    kind, text = tokens[at]
    if kind == "text":
        return ast.literal_eval(text), at + 1
    if kind == "number":
        return Decimal(text), at + 1
    if kind == "word" and text in _WORDS:
        return _WORDS[text], at + 1
    if text == "Decimal":
        return Decimal(ast.literal_eval(tokens[at + 2][1])), at + 4
    if text == "array":  # of numpy; behind its members comes their type
        value, at = _value(tokens, at + 2)
        return value, next(place for place in range(at, len(tokens)) if tokens[place][1] == ")") + 1
    if text == "[":
        return _members(tokens, at + 1, "]")
    if text == "{":
        return _braces(tokens, at + 1)
    raise ValueError(f"no value begins with {text}")


def _members(tokens: list[tuple[str, str]], at: int, end: str) -> tuple[list[Any], int]:
    found = []
    while tokens[at][1] != end or tokens[at][0] != "mark":
        value, at = _value(tokens, at)
        found.append(value)
        at += tokens[at] == ("mark", ",")
    return found, at + 1


def _braces(tokens: list[tuple[str, str]], at: int) -> tuple[Any, int]:
    """A map where its first member has a colon, a set otherwise."""
    if tokens[at] == ("mark", "}"):
        return {}, at + 1
    if tokens[at + 1] != ("mark", ":"):
        return _members(tokens, at, "}")
    found = {}
    while tokens[at] != ("mark", "}"):
        name, at = _value(tokens, at)
        found[name], at = _value(tokens, at + 1)
        at += tokens[at] == ("mark", ",")
    return found, at + 1
