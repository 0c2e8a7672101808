"""`tidegate redrive window`: a range of days for some studies, a request for each day and study, a few at a time."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer

from tidegate.cli import follow
from tidegate.cli.confirmation import Consent, carry_out
from tidegate.cli.definitions import actor
from tidegate.cli.failures import NOT_DONE, NotFoundError, TimedOutError
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples, instant
from tidegate.cli.sending import answer
from tidegate.cli.session import Session, enter
from tidegate.cli.words import printable, window_text
from tidegate.errors import UsageError
from tidegate.model import DEFAULT_EXPORT, Operation, State, Window
from tidegate.orders import RetryOrder
from tidegate.redrive import MOST_SLICES, days, window_message

EPILOG = examples(
    "tidegate redrive window --start 2026-01-01T00:00:00Z --end 2026-02-01T00:00:00Z --study asthma --dry-run",
    "tidegate redrive window --start 2026-01-01T00:00:00Z --end 2026-02-01T00:00:00Z --parallel 4 --wait",
)
LONG_AGO = timedelta(days=1)


def window(
    context: typer.Context,
    *,
    start: Annotated[datetime, typer.Option(parser=instant, metavar="INSTANT", help="Start, inclusive.")],
    end: Annotated[datetime, typer.Option(parser=instant, metavar="INSTANT", help="End, exclusive.")],
    study: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this study; repeatable. Else every enabled one.")
    ] = None,
    table: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this table; repeatable.")] = None,
    export_id: Annotated[str, typer.Option("--export", metavar="ID", help="Which export.")] = DEFAULT_EXPORT,
    as_one: Annotated[
        bool, typer.Option("--as-one", help="One request for all of it, not one a day and study.")
    ] = False,
    parallel: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="At most so many operations at a time.")
    ] = 10,
    tag: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For tracing; another tag makes it another redrive.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until the last has ended; exit 0 only if all did well.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Export a range of time again, a day of a study at a time; no watermark is read or moved.

    The days are those of the export's time zone. The same command again goes on where it was: what has succeeded is
    not exported again, what has failed is retried. With a new definition of the export it starts over. Without --wait
    it stays until the last request is sent.
    """
    session = enter(context, stack_name=stack, json=as_json)
    if start >= end:
        raise typer.BadParameter("it must be before --end.", param_hint="--start")
    messages = _messages(session, Window(start, end), study or (), table or (), export_id, tag, as_one=as_one)
    what = f"{len(messages)} requests for {window_text(Window(start, end))} of the export {export_id}"
    feed = _Feed(session, deque(messages), parallel, total=len(messages))

    def send() -> _Feed:
        with follow.leaving(session, lambda: "The same command again goes on from here."), _shown(feed) as show:
            feed.run(show, wait=wait)
        return feed

    if carry_out(session, Consent(dry_run, yes), f"Send {what}?", send) is None:
        answer(session, messages, dry_run=True, what=printable(f"Would send {what}.{_listed(session, messages)}"))
        return
    answer(session, messages, feed.operations(), wait=wait, what=printable(f"{what}: {feed.summary()}."))
    if feed.refused and not wait:
        raise typer.Exit(NOT_DONE)


def _messages(
    session: Session,
    whole: Window,
    studies: Sequence[str],
    tables: Sequence[str],
    export_id: str,
    tag: str | None,
    *,
    as_one: bool,
) -> list[dict[str, Any]]:
    """The requests of the whole, day by day and study by study. Raises RejectedError as acceptance would."""
    definition = session.service.export(export_id)
    if definition is None:
        raise NotFoundError(
            f"There is no export {export_id}.", code="UNKNOWN_EXPORT", remedy="'tidegate exports list' shows them."
        )
    message = partial(window_message, export=export_id, definition=definition.document, tables=tables, tag=tag)
    one = message(whole, studies=studies)
    previews = session.service.preview(json.dumps(one), session.now())
    if as_one:
        return [one]
    slices = list(days(whole, definition.time_zone))
    if len(slices) * len(previews) > MOST_SLICES:
        raise UsageError(
            f"That would be {len(slices)} days of {len(previews)} studies, more than {MOST_SLICES} operations.",
            remedy="Choose fewer days or studies at a time, or --as-one.",
        )
    return [message(day, studies=[preview.pair.study]) for day in slices for preview in previews]


def _listed(session: Session, messages: Sequence[Mapping[str, Any]]) -> str:
    """The first few requests, a line each, for people."""
    if session.json:
        return ""
    lines = [
        f"{message['startDateTime']} to {message['endDateTime']}  {', '.join(message.get('studyWhitelist', ['all']))}"
        for message in messages[:20]
    ]
    more = [f"and {len(messages) - 20} more"] if len(messages) > 20 else []
    return "".join(f"\n  {line}" for line in (*lines, *more))


@dataclass
class _Feed:
    """Sends requests while fewer than `parallel` are at work, and follows them."""

    session: Session
    waiting: deque[Mapping[str, Any]]
    parallel: int
    total: int
    active: dict[str, float] = field(default_factory=dict)
    found: dict[str, Sequence[Operation]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    ended: int = 0
    forgotten: int = 0

    def run(self, show: Callable[[], None], *, wait: bool) -> None:
        """Until every request is sent, or with `wait` until every operation has ended. Raises TimedOutError."""
        while self.waiting or (wait and self.active):
            while self.waiting and len(self.active) < self.parallel:
                self._start(self.waiting.popleft())
            before = self.ended
            for request_id in list(self.active):
                self._look(request_id)
            show()
            if self.ended == before and (self.waiting or (wait and self.active)):
                self.session.sleep(follow.POLL_SECONDS)

    def operations(self) -> list[Operation]:
        """All operations that are known, in the order of their requests."""
        return [operation for operations in self.found.values() for operation in operations]

    @property
    def refused(self) -> bool:
        """Whether a request was refused."""
        return any(operation.state is State.REJECTED for operation in self.operations())

    def summary(self) -> str:
        """How far the whole is."""
        done = sum(operation.state is State.SUCCEEDED for operation in self.operations())
        others = sum(o.state.final and o.state is not State.SUCCEEDED for o in self.operations())
        parts = [f"{self.ended} of {self.total} ended", f"{done} succeeded"]
        parts += [f"{others} did not"] if others else []
        parts += [f"{self.forgotten} were done so long ago that they have expired"] if self.forgotten else []
        parts += [f"{len(self.active)} at work"] if self.active else []
        return ", ".join(parts)

    def _start(self, message: Mapping[str, Any]) -> None:
        """Send a request, or take up the one that an earlier run of the same command has sent."""
        request_id = message["requestId"]
        known = self.session.service.request_operations(request_id)
        refusals = {operation.operation_id for operation in known or () if operation.state is State.REJECTED}
        self.stale |= refusals
        if known is None or refusals:
            self.session.stack.send(message)
        elif self._expired(known):
            self.ended, self.forgotten = self.ended + 1, self.forgotten + 1
            return
        for operation in known or ():
            if operation.state is State.FAILED and operation.pair is not None:
                order = RetryOrder(operation.operation_id, operation.dispatch, actor=actor())
                self.session.stack.order(order.payload())
        self.active[request_id] = self.session.monotonic()

    def _expired(self, known: Sequence[Operation]) -> bool:
        """Whether the request is remembered and its operations no longer are."""
        now = self.session.now()
        return all(
            not operation.state.final
            and now - operation.created_at > LONG_AGO
            and self.session.service.operation(operation.operation_id) is None
            for operation in known
        )

    def _look(self, request_id: str) -> None:
        operations = [
            operation
            for operation in self.session.service.request_operations(request_id) or ()
            if operation.operation_id not in self.stale
        ]
        if operations:
            self.found[request_id] = operations
            if all(operation.state.final for operation in operations):
                del self.active[request_id]
                self.ended += 1
        elif self.session.monotonic() - self.active[request_id] >= follow.ACCEPTED_WITHIN_SECONDS:
            raise TimedOutError(
                f"The request {request_id} was not accepted within {follow.ACCEPTED_WITHIN_SECONDS:g} seconds.",
                remedy="Is the stack up? The same command again goes on from here.",
            )


@contextmanager
def _shown(feed: _Feed) -> Iterator[Callable[[], None]]:
    """One bar for the whole where somebody looks, else a line whenever something has ended."""
    console = feed.session.err
    if console.is_terminal:
        from rich.progress import Progress  # noqa: PLC0415  # terminals only

        with Progress(console=console) as progress:
            task = progress.add_task("all", total=feed.total)
            yield lambda: progress.update(task, completed=feed.ended)
    else:
        told: list[str] = []

        def show() -> None:
            if feed.summary() not in told[-1:]:
                told.append(feed.summary())
                feed.session.say(told[-1])

        yield show
