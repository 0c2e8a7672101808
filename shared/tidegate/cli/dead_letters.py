"""`tidegate redrive dead-letters`: what no function could take, to be looked at, dropped or sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.confirmation import Consent, carry_out
from tidegate.cli.definitions import actor
from tidegate.cli.failures import NOT_DONE, NotFoundError
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples, one_of
from tidegate.cli.session import Session, enter
from tidegate.cli.words import age, printable
from tidegate.errors import RejectedError, TidegateError
from tidegate.instants import rfc3339
from tidegate.json_text import readable_fields
from tidegate.model import State
from tidegate.orders import RetryOrder
from tidegate.redrive import DeadQueue

if TYPE_CHECKING:
    from tidegate.deadletters import DeadLetterQueue, Letter

dead_letters = typer.Typer(
    no_args_is_help=True,
    help="Refused requests, and messages that were received too often.",
    epilog=examples("tidegate redrive dead-letters list"),
)

QueueOption = Annotated[
    DeadQueue | None,
    typer.Option(
        "--queue",
        parser=one_of(DeadQueue, lower=True),
        metavar="requests|work",
        help="Only this queue. Else both.",
    ),
]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="The letters' ids, as the list shows them.")
]
ReasonOption = Annotated[str | None, typer.Option(metavar="CODE", help="All with this reason, e.g. UNKNOWN_STUDY.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]


@dataclass(frozen=True)
class _Found:
    letter: Letter
    note: str


@dead_letters.command("list", epilog=examples("tidegate redrive dead-letters list --queue work"))
def list_letters(
    context: typer.Context,
    *,
    queue: QueueOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """The dead letters of both queues with reason and age, the oldest first."""
    session = enter(context, stack_name=stack, json=as_json)
    found = _look(session, queue, (), reason)
    if session.json:
        session.print_json([_json(session, one) for one in found])
        return
    from tidegate.cli.sheets import letters_table  # noqa: PLC0415  # rich is for people

    now = session.now()
    rows = [(f.letter.queue, f.letter.letter_id, f.letter.reason, age(f.letter.sent_at, now), f.note) for f in found]
    session.out.print(letters_table(rows) if rows else "No dead letters.")


@dead_letters.command(epilog=examples("tidegate redrive dead-letters show 6d1c5a1e-..."))
def show(
    context: typer.Context,
    *,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id, as the list shows it.")],
    queue: QueueOption = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """One dead letter with its whole body, and what would be sent for it."""
    session = enter(context, stack_name=stack, json=as_json)
    (found,) = _look(session, queue, [letter_id], None)
    if session.json:
        session.print_json(_json(session, found))
        return
    letter = found.letter
    session.out.print(printable(f"{letter.letter_id}  {letter.queue}  {letter.reason}"), soft_wrap=True)
    session.out.print(printable(f"sent {rfc3339(letter.sent_at)}; {letter.message or found.note}"), soft_wrap=True)
    session.out.print(printable(letter.body, keep_lines=True), soft_wrap=True)
    would_send = _would_send(session, letter)
    if would_send != letter.body:
        told = f"would be sent as: {would_send}" if would_send else "cannot be sent as it is"
        session.out.print(printable(told, keep_lines=True), soft_wrap=True)


@dead_letters.command(epilog=examples("tidegate redrive dead-letters drop --reason MALFORMED"))
def drop(
    context: typer.Context,
    *,
    ids: IdsArgument = None,
    reason: ReasonOption = None,
    all_: AllOption = False,
    queue: QueueOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Delete dead letters for good: those named, those with a reason, or all."""
    session = enter(context, stack_name=stack, json=as_json)
    _act(session, queue, ids, reason, all_=all_, dry_run=dry_run, yes=yes, verb="drop", dropped=True)


@dead_letters.command(
    epilog=examples(
        "tidegate redrive dead-letters send --all --dry-run",
        "tidegate redrive dead-letters send 6d1c5a1e-... --yes",
    )
)
def send(
    context: typer.Context,
    *,
    ids: IdsArgument = None,
    reason: ReasonOption = None,
    all_: AllOption = False,
    queue: QueueOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Send dead letters again to the queue they came from: those named, those with a reason, or all.

    Body, group and de-duplication id stay as they were. A failed operation whose message is sent again is tried again.
    """
    session = enter(context, stack_name=stack, json=as_json)
    _act(session, queue, ids, reason, all_=all_, dry_run=dry_run, yes=yes, verb="send", dropped=False)


def _act(
    session: Session,
    queue: DeadQueue | None,
    ids: Sequence[str] | None,
    reason: str | None,
    *,
    all_: bool,
    dry_run: bool,
    yes: bool,
    verb: str,
    dropped: bool,
) -> None:
    if sum((bool(ids), reason is not None, all_)) != 1:
        raise typer.BadParameter("name letters by id, or give --reason, or --all; one of the three.", param_hint="ID")
    found = _look(session, queue, ids or (), reason)
    question = f"{verb.capitalize()} {len(found)} dead letters{' for good' if dropped else ''}?"

    def act() -> dict[str, TidegateError | None]:
        # Nobody may hold letters back while a person thinks, so they are looked for again after the answer.
        return _each(session, [one.letter for one in found], dropped=dropped)

    errors = carry_out(session, Consent(dry_run, yes or not found), question, act)
    results = [_result(session, one, errors) for one in found]
    for error in filter(None, (errors or {}).values()):
        session.complain(error)
    if session.json:
        session.print_json(results)
    else:
        done = sum(bool(result["done"]) for result in results)
        told = (
            f"Would {verb} {len(results)}"
            if dry_run
            else f"{'Dropped' if dropped else 'Sent'} {done} of {len(results)}"
        )
        session.out.print(f"{told} dead letters.")
        for result in results if dry_run else ():
            session.out.print(printable(f"  {result['id']}  {result['wouldSend'] or result['note']}"), soft_wrap=True)
        if not dry_run and not dropped and done:
            session.say("See what becomes of them with 'tidegate operations list'.")
    if not dry_run and not all(result["done"] for result in results):
        raise typer.Exit(NOT_DONE)


def _result(session: Session, found: _Found, errors: Mapping[str, TidegateError | None] | None) -> dict[str, Any]:
    """One letter as it is shown afterwards, `errors` None in a dry run."""
    error = (errors or {}).get(found.letter.letter_id)
    told = error and {"code": error.code, "message": error.message}
    return {**_json(session, found), "done": errors is not None and error is None, "error": told}


def _each(session: Session, letters: Sequence[Letter], *, dropped: bool) -> dict[str, TidegateError | None]:
    """Drop or send each letter; by id, what went wrong, or None."""
    outcome: dict[str, TidegateError | None] = {
        letter.letter_id: NotFoundError(
            f"The dead letter {letter.letter_id} is no longer to be seen.",
            remedy="Somebody else has taken it, or looks at it: list them again in two minutes.",
        )
        for letter in letters
    }
    for name in sorted({letter.queue for letter in letters}):
        dead = session.stack.dead_letters(name)
        with dead.look() as look:
            for letter in look.letters:
                if letter.letter_id in outcome:
                    outcome[letter.letter_id] = _one(session, dead, letter, dropped=dropped)
    return outcome


def _one(session: Session, dead: DeadLetterQueue, letter: Letter, *, dropped: bool) -> TidegateError | None:
    try:
        if dropped:
            dead.drop(letter)
        else:
            dead.sendable(letter)
            if letter.queue is DeadQueue.WORK:
                _wake(session, letter)
            dead.send(letter)
    except TidegateError as error:
        return error
    return None


def _wake(session: Session, letter: Letter) -> None:
    """Make the operation of a work message ready for it: one that was failed, because its message died, starts anew."""
    found = session.service.operation(letter.operation_id) if letter.operation_id else None
    if found is None or (found.state.final and found.state is not State.FAILED):
        state = f"has ended as {found.state}" if found else "is unknown or has expired"
        raise RejectedError(
            f"The dead letter {letter.letter_id} has nothing to do: its operation {letter.operation_id} {state}.",
            code="NOTHING_TO_DO",
            remedy=f"Drop it: 'tidegate redrive dead-letters drop {letter.letter_id}'.",
        )
    if found.state is State.FAILED:
        session.stack.order(RetryOrder(found.operation_id, found.dispatch, send=False, actor=actor()).payload())


def _look(session: Session, queue: DeadQueue | None, ids: Sequence[str], reason: str | None) -> list[_Found]:
    """The chosen letters of one queue or both, given back at once, with a note on each. Raises RejectedError."""
    from tidegate.deadletters import chosen  # noqa: PLC0415  # brings the AWS libraries

    letters: list[Letter] = []
    for name in DeadQueue if queue is None else (queue,):
        with session.stack.dead_letters(name).look() as look:
            letters += look.letters
        if look.there > len(look.letters):
            session.say(
                f"The queue {name} holds about {look.there} letters, of which {len(look.letters)} are to be seen now."
            )
    letters.sort(key=lambda letter: letter.sent_at)
    return [_Found(letter, _note(session, letter)) for letter in chosen(letters, ids, reason)]


def _note(session: Session, letter: Letter) -> str:
    if letter.queue is DeadQueue.REQUESTS:
        return letter.message or "its acceptance failed again and again; see the intake function's log"
    operation = session.service.operation(letter.operation_id) if letter.operation_id else None
    if operation is None:
        return "its operation is unknown or has expired"
    failed = f" {operation.error.code}: {operation.error.message}" if operation.error else ""
    return f"operation {operation.operation_id} of {operation.study} is {operation.state}{failed}"


def _json(session: Session, found: _Found) -> dict[str, Any]:
    letter = found.letter
    return {
        "queue": str(letter.queue),
        "id": letter.letter_id,
        "reason": letter.reason,
        "message": letter.message,
        "note": found.note,
        "sentAt": rfc3339(letter.sent_at),
        "requestId": readable_fields(letter.body).get("requestId"),
        "operationId": letter.operation_id,
        "body": letter.body,
        "wouldSend": _would_send(session, letter),
    }


def _would_send(session: Session, letter: Letter) -> str | None:
    """The body that would be sent for a letter; None where it cannot be."""
    try:
        return session.stack.dead_letters(letter.queue).sendable(letter).body
    except RejectedError:
        return None
