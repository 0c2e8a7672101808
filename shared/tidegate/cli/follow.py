"""Wait for a request to be accepted and for operations to end, and show how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import typer

from tidegate.cli.failures import INTERRUPTED, TimedOutError
from tidegate.cli.session import Session
from tidegate.cli.words import count, note, printable
from tidegate.errors import RejectedError
from tidegate.model import Operation, State

if TYPE_CHECKING:
    from rich.console import Console

POLL_SECONDS = 0.5
ACCEPTED_WITHIN_SECONDS = 60.0
BARS_AT_ONCE = 20

Show: TypeAlias = Callable[[Sequence[Operation]], None]


def accepted(session: Session, request_id: str, *, timeout: float | None) -> Sequence[Operation]:
    """The operations that a request became, as soon as there are some.

    Raises RejectedError with the refusal's own code where it was refused, TimedOutError where nothing took it from the
    queue within `timeout` seconds (60 without one).
    """
    within = ACCEPTED_WITHIN_SECONDS if timeout is None else timeout
    deadline = session.monotonic() + within
    with session.working("Waiting until the request is accepted ..."):
        while not (operations := session.service.request_operations(request_id)):
            if session.monotonic() >= deadline:
                raise TimedOutError(
                    f"The request {request_id} was not accepted within {within:g} seconds.",
                    remedy="It stays in the request queue, so do not send it again. Is the stack up? A local one runs "
                    "only while 'tidegate local up' does; of a deployed one see the intake function's log.",
                )
            session.sleep(POLL_SECONDS)
    refused = next((operation for operation in operations if operation.state is State.REJECTED), None)
    if refused is not None:
        error = refused.error
        raise RejectedError(
            error.message if error else f"The request {request_id} was refused.",
            code=error.code if error else None,
            remedy=error.remedy if error else f"See 'tidegate operations show {refused.operation_id}'.",
        )
    return operations


def until_final(
    session: Session, poll: Callable[[], Sequence[Operation]], *, deadline: float | None
) -> Sequence[Operation]:
    """Ask `poll` until all its operations are in a final state, showing each answer.

    `deadline` is in the session's monotonic seconds. Raises TimedOutError behind it.
    """
    with shown(session.err) as show:
        while True:
            operations = poll()
            show(operations)
            waiting = [operation for operation in operations if not operation.state.final]
            if not waiting:
                return operations
            if deadline is not None and session.monotonic() >= deadline:
                raise TimedOutError(
                    f"{len(waiting)} of {len(operations)} operations have not ended in the time given.",
                    remedy="They go on without this command. Follow one with "
                    f"'tidegate operations watch {waiting[0].operation_id}'.",
                )
            session.sleep(POLL_SECONDS)


@contextmanager
def leaving(session: Session, how_to_go_on: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends the command, not the work: say so, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        session.say(f"Stopped watching; the work itself goes on. {how_to_go_on()}")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def shown(console: Console) -> Iterator[Show]:
    """Progress bars where somebody looks, else a line for each change of state, so that a log stays short."""
    if console.is_terminal:
        with _bars(console) as show:
            yield show
    else:
        states: dict[str, State] = {}

        def show_changes(operations: Sequence[Operation]) -> None:
            for operation in operations:
                if states.get(operation.operation_id) is not operation.state:
                    states[operation.operation_id] = operation.state
                    line = f"{operation.operation_id}  {operation.study or '-'}  {operation.state}  {note(operation)}"
                    console.print(printable(line.rstrip()), soft_wrap=True)

        yield show_changes


@contextmanager
def _bars(console: Console) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn  # noqa: PLC0415  # terminals only

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(markup=False),
        TextColumn("{task.fields[records]:>12}", markup=False),
        TextColumn("{task.fields[state]}", markup=False),
        console=console,
    )
    tasks: dict[str, TaskID] = {}

    def show(operations: Sequence[Operation]) -> None:
        if len(operations) > 1 and "" not in tasks:
            tasks[""] = progress.add_task("all", total=len(operations), records="", state="")
        ended = sum(operation.state.final for operation in operations)
        if "" in tasks:
            progress.update(tasks[""], completed=ended, state=f"{ended} of {len(operations)} ended")
        room = BARS_AT_ONCE
        for operation in operations:
            if operation.operation_id not in tasks:
                name = printable(operation.study or operation.operation_id)
                tasks[operation.operation_id] = progress.add_task(name, total=100, records="", state="")
            # More bars than a screen has lines would hide the ones that move.
            visible = len(operations) <= BARS_AT_ONCE or (room > 0 and not operation.state.final)
            room -= visible
            _update(progress.update, tasks[operation.operation_id], operation, visible=visible)

    with progress:
        yield show


def _update(update: Callable[..., None], task: int, operation: Operation, *, visible: bool) -> None:
    percent = 100 if operation.state is State.SUCCEEDED else operation.progress.percent
    told = note(operation) if operation.state.final else operation.progress.description
    update(
        task,
        total=None if percent is None else 100,
        completed=percent or 0,
        visible=visible,
        records=f"{count(operation.progress.records)} rec",
        state=printable(f"{operation.state} {told}".strip()),
    )
