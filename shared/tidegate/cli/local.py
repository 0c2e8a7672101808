"""`tidegate local`: the same stack on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tidegate.cli.options import examples
from tidegate.errors import UsageError

local = typer.Typer(
    no_args_is_help=True,
    help="The same stack on this machine, without AWS.",
    epilog=examples("tidegate local up"),
)


@local.command(epilog=examples("tidegate local up --port 4566"))
def up(
    *,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, metavar="N", help="Listen there. Else on a free port.")
    ] = None,
) -> None:
    """Run the stack in the foreground until Ctrl-C: template.yaml and the real handlers.

    When it is ready it prints one line, 'ready http://127.0.0.1:N', and writes .tidegate/outputs.json, so that every
    command that is run in this directory or below it is about this stack.
    """
    with _told():
        from tidegate_local.up import up as run  # noqa: PLC0415  # not part of a deployed installation

        run(port=port)


@local.command(epilog=examples("tidegate local demo", "tidegate local demo --delivery"))
def demo(
    *,
    delivery: Annotated[
        bool, typer.Option("--delivery", help="Deliver to another bucket, by SFTP and by e-mail, all on this machine.")
    ] = False,
) -> None:
    """Put sample records in, export them, and once more: the second time only what is new."""
    with _told():
        if delivery:
            from tidegate_local.delivery_demo import run  # noqa: PLC0415  # as above
        else:
            from tidegate_local.demo import run  # noqa: PLC0415  # as above
        run()


@contextmanager
def _told() -> Iterator[None]:
    """Say what to do where the package of the local stack is missing; its own errors are Tidegate's already."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "tidegate_local":
            raise
        raise UsageError(
            "The local stack is not part of this installation.",
            code="NO_LOCAL_STACK",
            remedy="It runs from the project's own folder: run 'make install' there, then .venv/bin/tidegate.",
        ) from error
