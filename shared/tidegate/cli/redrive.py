"""`tidegate redrive`: records, tables, a failed operation, a delivery; windows and dead letters have other files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.confirmation import Consent, carry_out
from tidegate.cli.dead_letters import dead_letters
from tidegate.cli.definitions import actor
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples
from tidegate.cli.redrive_window import EPILOG as WINDOW_EPILOG
from tidegate.cli.redrive_window import window
from tidegate.cli.sending import (
    Sent,
    Words,
    answer,
    give_order,
    new_request_id,
    redrive_after_consent,
    send_requests,
)
from tidegate.cli.session import Session, enter
from tidegate.cli.words import count, printable, window_text
from tidegate.errors import RejectedError
from tidegate.model import Operation
from tidegate.orders import Order, RecordsOrder, RetryOrder, TablesOrder, Unknown, tables_request
from tidegate.redrive import records_message

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
    consent = Consent(dry_run, yes)
    if operation_id is not None:
        if export_id is not None or study:
            raise typer.BadParameter("the operation has its own; leave out --export and --study.", param_hint="--study")
        _failed_records(session, operation_id, table or (), tag, consent, wait=wait, timeout=timeout)
        return
    keys = None if file is None else _keys(file)
    what = f"the records of {printable(s3 or '')}" if keys is None else f"{count(len(keys))} records"

    def messages(files: Sequence[str]) -> list[dict[str, Any]]:
        made = partial(records_message, export=export_id, studies=study or (), tables=table or (), tag=tag)
        return [made(key, new_request_id(session)) for key in files]

    def send() -> Sent:
        files = [s3] if s3 else session.stack.recovery.stage(keys or (), session.now(), new_request_id(session))
        made = messages(files)
        return Sent(made, send_requests(session, made, wait=wait, timeout=timeout))

    words = Words(f"Export {what} again?", f"Would export {what} again.", f"Asked for {what} again.")
    planned = Sent(messages([s3 or "overrides/(a new name).txt"]))
    redrive_after_consent(session, consent, words, planned, send, wait=wait)


def _failed_records(
    session: Session,
    operation_id: str,
    tables: Sequence[str],
    tag: str | None,
    consent: Consent,
    *,
    wait: bool,
    timeout: float | None,
) -> None:
    """Redrive what an operation could not export; its list goes over to the operations that do it."""
    found = session.stack.recovery.operation(operation_id, session.now())
    what = f"{count(len(session.stack.recovery.failed_keys(found)))} records of operation {operation_id}"
    order = RecordsOrder(operation_id, new_request_id(session), tuple(dict.fromkeys(tables)), tag, actor())
    words = Words(f"Export {what} again?", f"Would export {what} again.", f"Asked for {what} again.")
    _order(session, order, words, consent, wait=wait, timeout=timeout)


def _keys(file: Path) -> Sequence[Sequence[str]]:
    from tidegate import override  # noqa: PLC0415  # brings the AWS libraries

    with file.open("rb") as lines:
        keys = override.parse(lines)
    if not keys:
        raise RejectedError("There is no id in it.", code="OVERRIDE_EMPTY", remedy="Give one id a line.")
    return keys


@redrive.command(epilog=examples('tidegate redrive settle 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --reason "deleted on purpose"'))
def settle(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the history.")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Take an operation off the list of failed records: its records are gone for good, or were exported otherwise.

    Nothing is exported. Who did it, and why, is in the history.
    """
    session = enter(context, stack_name=stack, json=as_json)
    if not reason.strip():
        raise typer.BadParameter("say why, for the history.", param_hint="--reason")
    recovery = session.stack.recovery
    found = recovery.operation(operation_id, session.now())
    recovery.check_unsettled(found)
    what = f"{count(found.failed_records)} failed records of operation {operation_id}"

    def act() -> Operation:
        recovery.settle(found, reason=reason, actor=actor(), now=session.now())
        return recovery.operation(operation_id, session.now())

    settled = carry_out(session, Consent(dry_run, yes), f"Settle {what}? They are not exported.", act)
    told = f"Would settle {what}." if settled is None else f"Settled {what}."
    answer(session, [], [settled or found], dry_run=settled is None, what=told)


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
    what = printable(f"{', '.join(names)} of {operation.study}, {window_text(operation.window)}")
    words = Words(f"Export again: {what}?", f"Would export again: {what}.", f"Asked for again: {what}.")
    _order(session, order, words, Consent(dry_run, yes), wait=wait, timeout=timeout)


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
    _retry(session, operation_id, Consent(dry_run, yes), wait=wait, timeout=timeout, delivery_only=False)


@redrive.command(epilog=examples("tidegate redrive delivery 01KFYMB9W0V2Q6T8X4Z1C3N5P7 --wait"))
def delivery(
    context: typer.Context,
    *,
    operation_id: OperationArgument,
    unknown: Annotated[
        Unknown | None,
        typer.Option(help="What became of e-mails whose answer got lost: they were sent, or are to be sent again."),
    ] = None,
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
    if unknown is not None:
        session.stack.recovery.unknown_mails(found)
    _retry(
        session, operation_id, Consent(dry_run, yes), wait=wait, timeout=timeout, delivery_only=True, unknown=unknown
    )


def _retry(
    session: Session,
    operation_id: str,
    consent: Consent,
    *,
    wait: bool,
    timeout: float | None,
    delivery_only: bool,
    unknown: Unknown | None = None,
) -> None:
    found = session.stack.recovery.operation(operation_id, session.now())
    session.stack.recovery.check_retry(found, delivery_only=delivery_only)
    order = RetryOrder(operation_id, found.dispatch, delivery_only=delivery_only, actor=actor(), unknown=unknown)
    failed = f"It failed with {found.error.code}: {found.error.message}" if found.error else "It failed."
    what = f"{'the delivery of ' if delivery_only else ''}operation {operation_id} of study {found.study}"
    words = Words(
        printable(f"Try again {what}? {failed}"),
        printable(f"Would try again {what}. {failed}"),
        printable(f"Sent again {what}."),
    )
    sent = _order(session, order, words, consent, wait=wait, timeout=timeout, shown=[found])
    if sent and found.error is not None and found.error.code == "DEAD_LETTER":
        session.say("Its old message still lies among the dead letters: 'tidegate redrive dead-letters list'.")


def _order(
    session: Session,
    order: Order,
    words: Words,
    consent: Consent,
    *,
    wait: bool,
    timeout: float | None,
    shown: Sequence[Operation] = (),
) -> bool:
    """Give an order after consent; whether it was given. A dry run shows the operations in `shown`."""
    payload = order.payload()

    def send() -> Sent:
        return Sent([payload], give_order(session, payload, wait=wait, timeout=timeout))

    return redrive_after_consent(session, consent, words, Sent([payload], shown), send, wait=wait)
