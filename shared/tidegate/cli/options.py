"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from tidegate.instants import parse_rfc3339

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="A deployed stack. Without it: the one in .tidegate/outputs.json, here or above.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and send and write nothing.")]


def examples(*lines: str) -> str:
    """The end of a command's help: what to type, a line each."""
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


E = TypeVar("E", bound=StrEnum)


def one_of(names: type[E], *, lower: bool = False) -> Callable[[str], E]:
    """A parser that takes the values of an enumeration in any case; `lower` where they are lower case."""

    def parse(text: str) -> E:
        try:
            return names(text.lower() if lower else text.upper())
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(names)}.") from None

    return parse


def instant(text: str) -> datetime:
    """An option's value as an aware UTC instant. Raises typer.BadParameter, which is wrong usage."""
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}.") from None
