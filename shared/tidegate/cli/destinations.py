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
    help="Where an export's files go: whether they could, and how far they are.",
    epilog=examples(
        "tidegate destinations test partner-nightly",
        "tidegate destinations show 01KFYMB9W0V2Q6T8X4Z1C3N5P7",
    ),
)


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


@destinations.command(epilog=examples("tidegate destinations show 01KFYMB9W0V2Q6T8X4Z1C3N5P7"))
def show(
    context: typer.Context,
    *,
    operation_id: Annotated[str, typer.Argument(metavar="ID", help="The operation's id, as the list shows it.")],
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """How far each destination of an operation is: receipt, files that are there, and what went wrong last.

    Before its window is sealed there is nothing to deliver, and nothing to show.
    """
    session = enter(context, stack_name=stack, json=as_json)
    operation = session.stack.recovery.operation(operation_id, session.now())
    found = session.stack.recovery.destinations(operation)
    if session.json:
        session.print_json(found)
        return
    if not found:
        session.out.print(f"The operation is {operation.state}; there is nothing of it to deliver yet.")
    for delivery in found:
        files = f", {delivery['files']} of {delivery['parts']} parts" if "parts" in delivery else ""
        error = delivery["error"]
        why = f": {error['code']}: {error['message']} {error['remedy']}" if error else ""
        line = f"{delivery['destination']}  {delivery['outcome']}{files}{why}"
        session.out.print(printable(line), soft_wrap=True)
