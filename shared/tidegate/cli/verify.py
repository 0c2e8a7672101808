"""`tidegate verify`: prove that nothing that was exported is missing, or say what is and send what cures it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate import ulid
from tidegate.cli import follow
from tidegate.cli.confirmation import confirm
from tidegate.cli.export import all_succeeded
from tidegate.cli.failures import NOT_DONE, NotFoundError
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples
from tidegate.cli.session import Session, enter
from tidegate.cli.words import printable
from tidegate.errors import RejectedError, UsageError
from tidegate.instants import to_millis
from tidegate.model import Operation, Pair
from tidegate.views import operation_json, window_json

if TYPE_CHECKING:
    from tidegate.verify import Repair, Report

SECONDS_BETWEEN_LINES = 5.0
"""How often a log hears of a verification under way; a short one says nothing."""

EPILOG = examples(
    "tidegate verify",
    "tidegate verify --study asthma --against-source --json",
    "tidegate verify --repair --dry-run",
)


@dataclass(frozen=True)
class Sent:
    """A repair and what became of it: its operations, none where it was only planned or was refused."""

    repair: Repair
    operations: Sequence[Operation] = ()


def verify(
    context: typer.Context,
    *,
    export_id: Annotated[
        str | None, typer.Option("--export", metavar="ID", help="Only this export. Else every one.")
    ] = None,
    study: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this study; repeatable.")] = None,
    against_source: Annotated[
        bool, typer.Option("--against-source", help="Compare each record's id and time with the source as well.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Export damaged windows again, then verify again. Moves no watermark.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="With --repair: stop waiting for the repairs after that."),
    ] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Prove that nothing that was exported is missing.

    Follows the manifests of each export and study back to the first one, reads every part that they name, and looks at
    the watermark. Exits 1 where anything is off, with what to do about it.
    """
    session = enter(context, stack_name=stack, json=as_json)
    if dry_run and not repair:
        raise typer.BadParameter("verify sends nothing unless --repair is given.", param_hint="--dry-run")
    if repair and not (dry_run or yes or session.asks()):
        raise UsageError(
            "--repair sends requests, and nobody can be asked here.",
            remedy="Add --yes to say so beforehand, or --dry-run to see what would be sent.",
        )
    report = _verified(session, _pairs(session, export_id, study or ()), against_source=against_source)
    sent: Sequence[Sent] = ()
    if repair:
        from tidegate.verify import repairs_of  # noqa: PLC0415  # it brings the source's libraries

        planned = [Sent(repair) for repair in repairs_of(report.remarks)]
        sent = planned if dry_run else _repair(session, report, planned, yes=yes, timeout=timeout)
        if sent and not dry_run:
            report = _again(session, report, sent, against_source=against_source)
    _answer(session, report, sent if repair else None, dry_run=dry_run)
    if not report.ok:
        raise typer.Exit(NOT_DONE)


def _pairs(session: Session, export_id: str | None, studies: Sequence[str]) -> list[Pair]:
    pairs = session.stack.verification.pairs(export_id, studies)
    unknown = [study for study in studies if study not in {pair.study for pair in pairs}]
    if unknown or (export_id is not None and not pairs):
        named = f"study {', '.join(unknown)}" if unknown else "study"
        where = f" in the export {export_id}" if export_id else ""
        raise NotFoundError(
            f"No {named} has been exported{where}.",
            remedy="'tidegate watermark list' shows what has been; check --export and --study.",
        )
    return pairs


def _verified(session: Session, pairs: Sequence[Pair], *, against_source: bool) -> Report:
    with _telling(session) as told:
        return session.stack.verification.run(pairs, against_source=against_source, told=told)


@contextmanager
def _telling(session: Session) -> Iterator[Callable[[Pair, str], None]]:
    """Say how far a verification is: the latest line where somebody looks, else one every few seconds."""
    lock = threading.Lock()
    if session.err.is_terminal:
        with session.err.status("Verifying ...") as status:
            yield lambda pair, text: status.update(printable(f"Verifying {pair.key}: {text}"))
        return
    last = session.monotonic()

    def told(pair: Pair, text: str) -> None:
        nonlocal last
        with lock:
            if session.monotonic() - last >= SECONDS_BETWEEN_LINES:
                last = session.monotonic()
                session.say(printable(f"verifying {pair.key}: {text}"))

    yield told


def _repair(
    session: Session, report: Report, planned: Sequence[Sent], *, yes: bool, timeout: float | None
) -> Sequence[Sent]:
    """Send the repairs and follow them to their end. What is refused is told, and the others go on."""
    if not planned:
        return planned
    if not session.json:
        _answer(session, report, planned, dry_run=True)
    confirm(session, f"Send {len(planned)} re-exports?", yes=yes)
    started = session.monotonic()
    requests = {f"cli-{ulid.encode(to_millis(session.now()), secrets.token_bytes(10))}": one for one in planned}
    for request_id, one in requests.items():
        session.stack.send({"requestId": request_id, **one.repair.body})

    def how_to_go_on() -> str:
        return "When 'tidegate operations list' shows their end, verify again."

    with follow.leaving(session, how_to_go_on):
        accepted = [request_id for request_id in requests if _accepted(session, request_id, timeout=timeout)]
        deadline = None if timeout is None else started + timeout

        def poll() -> list[Operation]:
            return [o for request_id in accepted for o in session.service.request_operations(request_id) or ()]

        ended = follow.until_final(session, poll, deadline=deadline) if accepted else ()
    all_succeeded(session, ended)
    return [
        Sent(one.repair, [operation for operation in ended if operation.request_id == request_id])
        for request_id, one in requests.items()
    ]


def _accepted(session: Session, request_id: str, *, timeout: float | None) -> bool:
    try:
        follow.accepted(session, request_id, timeout=timeout)
    except RejectedError as refusal:
        session.complain(refusal)
        return False
    return True


def _again(session: Session, report: Report, sent: Sequence[Sent], *, against_source: bool) -> Report:
    """The report with the repaired pairs verified anew."""
    repaired = sorted({one.repair.pair for one in sent}, key=lambda pair: (pair.export, pair.study))
    anew = {checked.pair: checked for checked in _verified(session, repaired, against_source=against_source).pairs}
    return type(report)(tuple(anew.get(checked.pair, checked) for checked in report.pairs))


def _answer(session: Session, report: Report, sent: Sequence[Sent] | None, *, dry_run: bool) -> None:
    if session.json:
        document = report.to_json()
        if sent is not None:
            document["repairs"] = [_sent_json(one) for one in sent]
        session.print_json(document)
        return
    from tidegate.cli.verified import findings_table, pairs_table, repairs_table  # noqa: PLC0415  # rich is for people

    session.out.print(pairs_table(report.pairs) if report.pairs else "Nothing has been exported yet.")
    if report.remarks:
        session.out.print(findings_table(report.remarks))
    if sent:
        session.out.print(repairs_table([one.repair for one in sent]))
    if dry_run:
        session.say("Nothing has been sent yet.")
    elif sent is None and any(remark.off and remark.repairable for remark in report.remarks):
        session.say("'tidegate verify --repair' exports the damaged windows again; --dry-run shows what it would send.")


def _sent_json(one: Sent) -> Mapping[str, Any]:
    return {
        "export": one.repair.pair.export,
        "study": one.repair.pair.study,
        "window": window_json(one.repair.window),
        "codes": list(one.repair.codes),
        "request": dict(one.repair.body),
        "operations": [operation_json(operation) for operation in one.operations],
    }
