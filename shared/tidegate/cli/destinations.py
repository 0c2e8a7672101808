"""`tidegate destinations`: where an export's files go, and whether they could."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.failures import NOT_DONE
from tidegate.cli.options import JsonOption, StackOption, examples
from tidegate.cli.session import enter
from tidegate.cli.words import printable
from tidegate.model import DEFAULT_EXPORT, Finding

destinations = typer.Typer(
    no_args_is_help=True,
    help="Where an export's files go, and whether they could.",
    epilog=examples("tidegate destinations test partner-nightly"),
)


@destinations.callback()
def group() -> None:
    """Where an export's files go, and whether they could."""


@destinations.command(
    "test", epilog=examples("tidegate destinations test", "tidegate destinations test partner-nightly --json")
)
def try_out(
    context: typer.Context,
    *,
    export_id: Annotated[str, typer.Argument(metavar="EXPORT", help="The export's id.")] = DEFAULT_EXPORT,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Try each destination of an export without sending data: reach it, compare its key, log in, see it can be written.

    The worker function does it, with its own role and from its own network. Exits 1 where something is not well.
    """
    session = enter(context, stack_name=stack, json=as_json)
    with session.working("Trying the destinations ..."):
        answers = session.stack.probe(export_id)
    if session.json:
        session.print_json(answers)
    else:
        from tidegate.cli.sheets import findings_table  # noqa: PLC0415  # rich is for people

        for answer in answers:
            session.out.print(printable(f"{answer['destination']}  {answer['where']}"))
            session.out.print(findings_table(Finding(**finding) for finding in answer["findings"]))
    if not all(answer["ok"] for answer in answers):
        raise typer.Exit(NOT_DONE)
