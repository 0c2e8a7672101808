"""`tidegate redrive`: records, tables, a failed operation, a delivery; windows and dead letters have other files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.confirmation import confirm
from tidegate.cli.dead_letters import dead_letters
from tidegate.cli.definitions import actor
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples
from tidegate.cli.redrive_window import EPILOG as WINDOW_EPILOG
from tidegate.cli.redrive_window import window
from tidegate.cli.sending import answer, give_order, new_request_id, send_requests
from tidegate.cli.session import Session, enter
from tidegate.cli.words import count, printable, window_text
from tidegate.errors import RejectedError
from tidegate.model import Operation
from tidegate.redrive import RetryOrder, TablesOrder, records_message, tables_request, tag_of_redrive

redrive = typer.Typer(
    no_args_is_help=True,
    help="Ask again: for records, tables, a window, an operation, a delivery or dead letters.",
    epilog=examples("tidegate redrive operation 01KFYMB9W0V2Q6T8X4Z1C3N5P7"),
)
redrive.command(epilog=WINDOW_EPILOG)(window)
redrive.add_typer(dead_letters, name="dead-letters")

WaitOption = Annotated[bool, typer.Option("--wait", help="Follow it to the end; exit 0 only if it succeeded.")]
TimeoutOption = Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="Stop waiting after that.")]
OperationArgument = Annotated[str, typer.Argument(metavar="ID", help="The operation's id, as the list shows it.")]
TagOption = Annotated[str | None, typer.Option(metavar="TEXT", help="For tracing. Else 'redrive; original: ...'.")]


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {text}.")
    return path


@redrive.command(
    epilog=examples(
        "tidegate redrive records --file ids.txt --dry-run",
        "tidegate redrive records --operation 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --wait",
    )
)
def records(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option(parser=_file, metavar="FILE", help="Ids, one a line; JSON arrays of two are keys.")
    ] = None,
    s3: Annotated[
        str | None, typer.Option("--s3", metavar="KEY", help="Such a file in the export bucket, or s3://bucket/key.")
    ] = None,
    operation_id: Annotated[
        str | None, typer.Option("--operation", metavar="ID", help="The records that this operation could not export.")
    ] = None,
    export_id: Annotated[str | None, typer.Option("--export", metavar="ID", help="Which export.")] = None,
    study: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this study; repeatable.")] = None,
    table: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this table; repeatable.")] = None,
    tag: TagOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Export chosen records again, by their ids and whatever their time.

    The ids come from a file, from S3, or from an operation's list of failed records; exactly one of them.
    """
    session = enter(context, stack_name=stack, json=as_json)
    if sum(given is not None for given in (file, s3, operation_id)) != 1:
        raise typer.BadParameter("give exactly one of --file, --s3 and --operation.", param_hint="--file")
    keys, operation = _keys(session, file, operation_id)
    if keys is not None and not keys:
        raise RejectedError("There is no id in it.", code="OVERRIDE_EMPTY", remedy="Give one id a line.")
    what = f"the records of {printable(s3 or '')}" if keys is None else f"{count(len(keys))} records"
    if not dry_run:
        confirm(session, f"Export {what} again?", yes=yes)
    name = new_request_id(session)
    if s3 is not None:
        files = [s3]
    elif dry_run:
        files = ["overrides/(a new name).txt"]
    else:
        files = session.stack.recovery.stage(keys or (), session.now(), name)
    messages = [
        records_message(
            key,
            new_request_id(session),
            export=export_id or (operation.export if operation else None),
            studies=study or (),
            tables=table or (),
            tag=tag or (tag_of_redrive(operation.tag) if operation else None),
            redrive_count=int(operation.params.get("redriveCount", 0)) + 1 if operation else 1,
        )
        for key in files
    ]
    if dry_run:
        answer(session, messages, dry_run=True, what=f"Would export {what} again.")
        return
    operations = send_requests(session, messages, wait=wait, timeout=timeout)
    if operation is not None and not study and not table:
        session.stack.recovery.hand_over(operation, operations, session.now())
    answer(session, messages, operations, wait=wait, what=f"Asked for {what} again.")


def _keys(
    session: Session, file: Path | None, operation_id: str | None
) -> tuple[Sequence[Sequence[str]] | None, Operation | None]:
    """The ids to export, and the operation that could not; None for those in S3, which acceptance reads."""
    if operation_id is not None:
        operation = session.stack.recovery.operation(operation_id, session.now())
        return session.stack.recovery.failed_keys(operation), operation
    if file is None:
        return None, None
    from tidegate import override  # noqa: PLC0415  # brings the AWS libraries

    with file.open("rb") as lines:
        return override.parse(lines), None


@redrive.command(epilog=examples("tidegate redrive tables --operation 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --table sleep"))
def tables(
    context: typer.Context,
    *,
    operation_id: Annotated[str, typer.Option("--operation", metavar="ID", help="The operation.")],
    table: Annotated[list[str], typer.Option(metavar="NAME", help="This table; repeatable.")],
    tag: TagOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Export some tables of an operation again: exactly its own window, by the definition that it had."""
    session = enter(context, stack_name=stack, json=as_json)
    operation = session.stack.recovery.operation(operation_id, session.now())
    names = tuple(dict.fromkeys(table))
    order = TablesOrder(operation_id, names, new_request_id(session), tag, actor())
    tables_request(operation, order)
    what = f"{', '.join(names)} of {operation.study}, {window_text(operation.window)}"
    if dry_run:
        answer(session, [order.payload()], dry_run=True, what=f"Would export again: {printable(what)}.")
        return
    confirm(session, f"Export again: {printable(what)}?", yes=yes)
    operations = give_order(session, order.payload(), wait=wait, timeout=timeout)
    answer(session, [order.payload()], operations, wait=wait, what=f"Asked for again: {printable(what)}.")


@redrive.command(epilog=examples("tidegate redrive operation 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --wait"))
def operation(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    wait: WaitOption = False,
    timeout: TimeoutOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Try a failed operation again, under its own id, end, tag and definition.

    Its start is found anew, as in any normal run: what a later operation has exported meanwhile is not exported again.
    """
    session = enter(context, stack_name=stack, json=as_json)
    _retry(session, operation_id, wait=wait, timeout=timeout, dry_run=dry_run, yes=yes, delivery_only=False)


@redrive.command(epilog=examples("tidegate redrive delivery 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --wait"))
def delivery(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    wait: WaitOption = False,
    timeout: TimeoutOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Deliver what has no receipt yet, from the stored parts; the source is not read.

    Says so, and does nothing, where every destination has its receipt or a worker is still at it.
    """
    session = enter(context, stack_name=stack, json=as_json)
    from tidegate.recovery import Delivered  # noqa: PLC0415  # brings the AWS libraries

    found = session.stack.recovery.operation(operation_id, session.now())
    told = {
        Delivered.COMPLETE: "Every destination has its receipt; nothing was sent.",
        Delivered.UNDERWAY: f"The operation is {found.state}; it delivers by itself, so nothing was sent.",
    }.get(session.stack.recovery.delivered(found))
    if told is not None:
        answer(session, [], [found], dry_run=dry_run, what=told)
        return
    _retry(session, operation_id, wait=wait, timeout=timeout, dry_run=dry_run, yes=yes, delivery_only=True)


def _retry(
    session: Session,
    operation_id: str,
    *,
    wait: bool,
    timeout: float | None,
    dry_run: bool,
    yes: bool,
    delivery_only: bool,
) -> None:
    found = session.stack.recovery.operation(operation_id, session.now())
    session.stack.recovery.check_retry(found, delivery_only=delivery_only)
    order = RetryOrder(operation_id, found.dispatch, delivery_only=delivery_only, actor=actor())
    failed = f"It failed with {found.error.code}: {found.error.message}" if found.error else "It failed."
    what = f"{'the delivery of ' if delivery_only else ''}operation {operation_id} of study {found.study}"
    if dry_run:
        answer(session, [order.payload()], [found], dry_run=True, what=printable(f"Would try again {what}. {failed}"))
        return
    confirm(session, printable(f"Try again {what}? {failed}"), yes=yes)
    operations = give_order(session, order.payload(), wait=wait, timeout=timeout)
    answer(session, [order.payload()], operations, wait=wait, what=printable(f"Sent again {what}."))
    if found.error is not None and found.error.code == "DEAD_LETTER":
        session.say("Its old message still lies among the dead letters: 'tidegate redrive dead-letters list'.")
