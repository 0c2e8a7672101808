"""One run of the command: which stack it is about, how it speaks, and its clock."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from tidegate.cli import stack
from tidegate.cli.failures import sentence
from tidegate.cli.words import printable
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from rich.console import Console
    from typer import Context

    from tidegate.service import Service

WIDTH_OF_A_PIPE = 240
"""Columns where nobody looks: wide, so that no cell is folded before another program reads it."""


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def now() -> datetime:
    """The commands' one clock."""
    return datetime.now(UTC)


@dataclass
class Session:
    """What every command is handed. A test gives it another `connect` and another clock."""

    connect: Callable[[str | None], stack.Stack] = stack.connect
    now: Callable[[], datetime] = now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    asks: Callable[[], bool] = _somebody_is_there
    stack_name: str | None = None
    json: bool = False

    @cached_property
    def stack(self) -> stack.Stack:
        """The stack, found when it is first needed. Raises UsageError where there is none."""
        return self.connect(self.stack_name)

    @property
    def service(self) -> Service:
        """What may be asked of the stack."""
        return self.stack.service

    @cached_property
    def out(self) -> Console:
        """Where answers go."""
        return console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        """Where progress and complaints go."""
        return console(sys.stderr)

    def print_json(self, value: object) -> None:
        """Print the one JSON document of this run. Characters outside ASCII are escaped, so any pipe can carry it."""
        sys.stdout.write(json.dumps(value, indent=2) + "\n")

    def say(self, text: str) -> None:
        """Tell a person something that is no part of the answer."""
        self.err.print(text, soft_wrap=True)

    def complain(self, error: TidegateError) -> None:
        """One line of `error: what happened, what to do` for people."""
        self.say(f"error: {printable(sentence(error), keep_lines=True)}")

    def fail(self, error: TidegateError) -> None:
        """Tell why the command ends without an answer: people on stderr, programs in the JSON document as well."""
        self.complain(error)
        if self.json:
            self.print_json({"error": {"code": error.code, "message": error.message, "remedy": error.remedy}})

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something takes a while, where somebody looks."""
        if self.err.is_terminal:
            with self.err.status(what):
                yield
        else:
            yield


def enter(context: Context, *, stack_name: str | None, json: bool) -> Session:
    """The session of a command, with what was said before the command's name and after it."""
    session: Session = context.obj
    session.stack_name = stack_name or session.stack_name
    session.json = json or session.json
    return session


def console(file: TextIO) -> Console:
    """A rich console that prints text as it is: no markup, no emoji names, no colour unless somebody looks."""
    from rich.console import Console  # noqa: PLC0415  # --help and --json do without

    width = None if file.isatty() else WIDTH_OF_A_PIPE
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)
