"""`tidegate operations`: what ran, what runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from tidegate.cli import follow
from tidegate.cli.export import all_succeeded
from tidegate.cli.failures import NOT_DONE, NotFoundError
from tidegate.cli.options import JsonOption, StackOption, examples, one_of
from tidegate.cli.session import Session, enter
from tidegate.cli.words import instant_text, printable
from tidegate.model import Operation, State
from tidegate.views import operation_json

operations = typer.Typer(
    no_args_is_help=True,
    help="What ran, what runs: one operation for each study of a request.",
    epilog=examples("tidegate operations list --state FAILED"),
)

OperationArgument = Annotated[str, typer.Argument(metavar="ID", help="The operation's id, as the list shows it.")]


@operations.command("list", epilog=examples("tidegate operations list --study asthma --limit 20"))
def list_operations(
    context: typer.Context,
    *,
    state: Annotated[
        State | None,
        typer.Option(parser=one_of(State), metavar="STATE", help=f"Only those in this state: {', '.join(State)}."),
    ] = None,
    study: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this study.")] = None,
    failed_records: Annotated[
        bool,
        typer.Option("--failed-records", help="Only those with records that could not be exported and still wait."),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the newest N.")] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Every operation that has not expired, newest first."""
    session = enter(context, stack_name=stack, json=as_json)
    found = session.service.operations(state=state, study=study, limit=limit, failed_records=failed_records)
    if session.json:
        session.print_json([operation_json(operation) for operation in found])
        return
    from tidegate.cli.sheets import operations_table  # noqa: PLC0415  # rich is for people

    session.out.print(operations_table(found, session.now(), session.out.width) if found else "No operations.")


@operations.command(epilog=examples("tidegate operations show 01KFYMB9W0V2Q6T8X4Z1C3N5P7"))
def show(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """One operation with everything that is known of it, and its log."""
    session = enter(context, stack_name=stack, json=as_json)
    _print(session, _operation(session, operation_id))


@operations.command(epilog=examples("tidegate operations log 01KFYMB9W0V2Q6T8X4Z1C3N5P7"))
def log(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """What one operation has noted, oldest line first, with its times in UTC."""
    session = enter(context, stack_name=stack, json=as_json)
    operation = _operation(session, operation_id)
    if session.json:
        session.print_json(operation_json(operation)["log"])
        return
    for at, message in operation.log:
        session.out.print(f"{instant_text(at)}  {printable(message)}", soft_wrap=True)


@operations.command(epilog=examples("tidegate operations watch 01KFYMB9W0V2Q6T8X4Z1C3N5P7"))
def watch(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop watching after that. Else never.")
    ] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Follow one operation to its end; exit 0 only if it succeeded.

    Ctrl-C ends the watching, not the operation.
    """
    session = enter(context, stack_name=stack, json=as_json)
    deadline = None if timeout is None else session.monotonic() + timeout

    def poll() -> Sequence[Operation]:
        return (_operation(session, operation_id),)

    with follow.leaving(session, lambda: f"Follow it again with 'tidegate operations watch {operation_id}'."):
        (operation,) = follow.until_final(session, poll, deadline=deadline)
    _print(session, operation)
    if not all_succeeded(session, (operation,)):
        raise typer.Exit(NOT_DONE)


def _operation(session: Session, operation_id: str) -> Operation:
    operation = session.service.operation(operation_id)
    if operation is None:
        raise NotFoundError(
            f"There is no operation {operation_id}, or it has expired.",
            remedy="'tidegate operations list' shows those there are.",
        )
    return operation


def _print(session: Session, operation: Operation) -> None:
    if session.json:
        session.print_json(operation_json(operation))
        return
    from tidegate.cli.sheets import operation_sheet  # noqa: PLC0415  # rich is for people

    session.out.print(operation_sheet(operation, session.now()))
