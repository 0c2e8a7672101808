"""Runs command lines in this process."""

from __future__ import annotations

from functools import cache

from typer import testing
from typer.main import get_command

from tidegate.cli.app import app
from tidegate.cli.session import Session

# Making the program out of its functions takes longer than most commands do; it is the same one each time.
testing._get_command = cache(get_command)  # type: ignore[attr-defined]  # it has no other seam


def run(session: Session, *arguments: str, typed: str | None = None) -> testing.Result:
    """What `tidegate <arguments>` printed and its exit code, with this session and what a person `typed`.

    A bug in a command raises what it raises, as in a terminal.
    """
    return testing.CliRunner().invoke(
        app, arguments, input=typed, obj=session, prog_name="tidegate", catch_exceptions=False
    )
