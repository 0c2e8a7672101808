"""Send requests and orders, follow what they become, and say what was sent and how to follow it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from tidegate import ulid
from tidegate.cli import follow
from tidegate.cli.confirmation import Consent, carry_out, tell_dry_run
from tidegate.cli.export import all_succeeded
from tidegate.cli.failures import NOT_DONE
from tidegate.cli.session import Session
from tidegate.instants import to_millis
from tidegate.model import Operation
from tidegate.views import operation_json


def new_request_id(session: Session) -> str:
    """An id that no other request has, and that tells that a command made it."""
    return f"cli-{ulid.encode(to_millis(session.now()), secrets.token_bytes(10))}"


def send_requests(
    session: Session, messages: Sequence[Mapping[str, Any]], *, wait: bool, timeout: float | None
) -> Sequence[Operation]:
    """Send request messages through the stack's queue; their operations, once all are accepted (`wait`: ended).

    Raises RejectedError for the first that is refused.
    """
    operations: list[Operation] = []

    def poll() -> Sequence[Operation]:
        found = [session.service.request_operations(message["requestId"]) or () for message in messages]
        return [operation for of_one in found for operation in of_one]

    with follow.leaving(session, lambda: _how_to_follow(operations)):
        started = session.monotonic()
        for message in messages:
            session.stack.send(message)
        for message in messages:
            operations += follow.accepted(session, message["requestId"], timeout=timeout)
        return _followed(session, operations, poll, started=started, timeout=timeout) if wait else operations


def give_order(
    session: Session, payload: Mapping[str, Any], *, wait: bool, timeout: float | None
) -> Sequence[Operation]:
    """Have the stack's intake carry an order out; its operations (`wait`: once they have ended)."""
    started = session.monotonic()
    ids = session.stack.order(payload)

    def poll() -> Sequence[Operation]:
        found = (session.service.operation(operation_id) for operation_id in ids)
        return [operation for operation in found if operation is not None]

    operations = poll()
    with follow.leaving(session, lambda: _how_to_follow(operations)):
        return _followed(session, operations, poll, started=started, timeout=timeout) if wait else operations


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and the operations that it became."""

    messages: Sequence[Mapping[str, Any]]
    operations: Sequence[Operation] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """A redrive for people: the question before it, what a dry run says, and what is said when it is sent."""

    question: str
    would: str
    done: str


def redrive_after_consent(
    session: Session, consent: Consent, words: Words, planned: Sent, send: Callable[[], Sent], *, wait: bool
) -> bool:
    """Send a redrive unless this is a dry run, and say what was (`planned`: would be) sent; whether it was.

    With `wait` the command fails unless every operation succeeded.
    """
    sent = carry_out(session, consent, words.question, send)
    if sent is None:
        answer(session, planned.messages, planned.operations, dry_run=True, what=words.would)
        return False
    answer(session, sent.messages, sent.operations, wait=wait, what=words.done)
    return True


def answer(
    session: Session,
    sent: Sequence[Mapping[str, Any]],
    operations: Sequence[Operation] = (),
    *,
    dry_run: bool = False,
    wait: bool = False,
    what: str,
) -> None:
    """Say what was sent (`dry_run`: would be), what became of it and how to follow it.

    `what` is one sentence for people. With `wait` the command fails unless every operation succeeded.
    """
    commands = [f"tidegate operations watch {o.operation_id}" for o in operations if not o.state.final]
    if session.json:
        session.print_json(
            {
                "dryRun": dry_run,
                "sent": [dict(message) for message in sent],
                "operations": [operation_json(operation) for operation in operations],
                "follow": commands,
            }
        )
    else:
        _tell(session, operations, commands, what, dry_run=dry_run)
    if wait and not all_succeeded(session, operations):
        raise typer.Exit(NOT_DONE)


def _tell(
    session: Session, operations: Sequence[Operation], commands: Sequence[str], what: str, *, dry_run: bool
) -> None:
    from tidegate.cli.sheets import operations_table  # noqa: PLC0415  # rich is for people

    session.out.print(what, soft_wrap=True)
    if operations:
        session.out.print(operations_table(operations, session.now(), session.out.width))
    if dry_run:
        tell_dry_run(session)
    elif commands:
        more = f" (and {len(commands) - 1} more)" if len(commands) > 1 else ""
        session.say(f"Follow it with '{commands[0]}'{more}.")


def _followed(
    session: Session,
    operations: Sequence[Operation],
    poll: Callable[[], Sequence[Operation]],
    *,
    started: float,
    timeout: float | None,
) -> Sequence[Operation]:
    deadline = None if timeout is None else started + timeout
    return follow.until_final(session, lambda: poll() or operations, deadline=deadline)


def _how_to_follow(operations: Sequence[Operation]) -> str:
    if not operations:
        return "See what became of it with 'tidegate operations list'."
    return f"Follow it with 'tidegate operations watch {operations[0].operation_id}'."
