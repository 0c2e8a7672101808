"""`tidegate export`: send one request, and follow it as far as wanted."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from tidegate import ulid
from tidegate.cli import follow
from tidegate.cli.failures import NOT_DONE, NotDoneError
from tidegate.cli.options import JsonOption, StackOption, examples, instant, one_of
from tidegate.cli.session import Session, enter
from tidegate.instants import rfc3339, to_millis
from tidegate.model import ExportType, Operation, State
from tidegate.views import instant_json, operation_json, window_json

EPILOG = examples(
    "tidegate export --type DAILY --end 2026-02-01T00:00:00Z --wait",
    "tidegate export --type INSTANT --study asthma --study sleep --dry-run",
    "tidegate export --type DAILY --end 2026-02-01T00:00:00Z \\",
    "      --start 2026-01-01T00:00:00Z --ignore-last-export-time",
)


def export(
    context: typer.Context,
    *,
    type_: Annotated[
        ExportType,
        typer.Option(
            "--type",
            parser=one_of(ExportType),
            metavar="DAILY|HOURLY|INSTANT",
            help="Chooses the start where there is no watermark.",
        ),
    ],
    end: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="End of the window, exclusive: 2026-02-01T00:00:00Z."),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="Start; only with --ignore-last-export-time."),
    ] = None,
    study: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this study; repeatable. Else every enabled one.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this table; repeatable; only with --ignore-last-export-time."),
    ] = None,
    export_id: Annotated[
        str | None, typer.Option("--export", metavar="ID", help="Which export. Else 'default'.")
    ] = None,
    ignore_last_export_time: Annotated[
        bool, typer.Option("--ignore-last-export-time", help="Export again: neither read nor move the watermark.")
    ] = False,
    tag: Annotated[
        str | None, typer.Option(metavar="TEXT", help="For tracing; kept in operation, manifest and logs.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow it to the end; exit 0 only if every operation succeeded.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show each study's window and write nothing.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Stop waiting after that. Else: 60 for the acceptance, no end with --wait."
        ),
    ] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Export what is new. The request goes through the stack's queue like any other.

    Each study becomes one operation, which reads from the study's watermark to --end and then moves the watermark.
    DAILY and HOURLY need --end; INSTANT ends now. A request that is refused is an error and moves nothing.
    """
    session = enter(context, stack_name=stack, json=as_json)
    if end is None and type_ is not ExportType.INSTANT:
        raise typer.BadParameter(f"{type_} needs an end, such as --end 2026-02-01T00:00:00Z.", param_hint="--end")
    if not ignore_last_export_time and (start is not None or table):
        option = "--start" if start is not None else "--table"
        raise typer.BadParameter(
            "it would move the watermark past records that were not exported. Add --ignore-last-export-time.",
            param_hint=option,
        )
    if wait and dry_run:
        raise typer.BadParameter("a dry run sends nothing that could be waited for.", param_hint="--wait")
    given: dict[str, Any] = {
        "requestId": f"cli-{ulid.encode(to_millis(session.now()), secrets.token_bytes(10))}",
        "exportType": type_.value,
        "endDateTime": instant_json(end),
        "startDateTime": instant_json(start),
        "studyWhitelist": study or None,
        "tableWhitelist": table or None,
        "export": export_id,
        "ignoreLastExportTime": ignore_last_export_time or None,
        "tag": tag,
    }
    body = {name: value for name, value in given.items() if value is not None}
    if dry_run:
        _preview(session, body)
    else:
        _send(session, body, wait=wait, timeout=timeout)


def _preview(session: Session, body: dict[str, Any]) -> None:
    previews = session.service.preview(json.dumps(body), session.now())
    if session.json:
        session.print_json(
            [
                {
                    "export": preview.pair.export,
                    "study": preview.pair.study,
                    "state": str(preview.state),
                    "watermarkBefore": instant_json(preview.watermark),
                    "window": window_json(preview.window),
                    "note": preview.note,
                }
                for preview in previews
            ]
        )
        return
    from tidegate.cli.sheets import previews_table  # noqa: PLC0415  # rich is for people

    session.out.print(previews_table(previews) if previews else "No study would be exported.")
    session.say("Nothing was sent or written. Without --dry-run this request is made.")


def _send(session: Session, body: dict[str, Any], *, wait: bool, timeout: float | None) -> None:
    request_id = body["requestId"]
    started = session.monotonic()
    operations: Sequence[Operation] = ()

    def how_to_go_on() -> str:
        if not operations:
            return f"The request is {request_id}; see what became of it with 'tidegate operations list'."
        return f"Follow it with 'tidegate operations watch {operations[0].operation_id}'."

    def poll() -> Sequence[Operation]:
        return session.service.request_operations(request_id) or operations

    session.stack.send(body)
    with follow.leaving(session, how_to_go_on):
        operations = follow.accepted(session, request_id, timeout=timeout)
        if wait:
            deadline = None if timeout is None else started + timeout
            operations = follow.until_final(session, poll, deadline=deadline)
    _answer(session, request_id, operations)
    if wait and not all_succeeded(session, operations):
        raise typer.Exit(NOT_DONE)


def _answer(session: Session, request_id: str, operations: Sequence[Operation]) -> None:
    if session.json:
        session.print_json([operation_json(operation) for operation in operations])
        return
    from tidegate.cli.sheets import operations_table  # noqa: PLC0415  # rich is for people

    session.out.print(operations_table(operations, session.now(), session.out.width))
    session.say(f"Request {request_id}, accepted {rfc3339(operations[0].created_at)}.")


def all_succeeded(session: Session, operations: Sequence[Operation]) -> bool:
    """True where every operation succeeded; of each other one says what went wrong."""
    others = [operation for operation in operations if operation.state is not State.SUCCEEDED]
    for operation in others:
        error = operation.error
        reason = f"{error.code}: {error.message}" if error else "No error was recorded."
        study = f" of study {operation.study}" if operation.study else ""
        session.complain(
            NotDoneError(
                f"The operation {operation.operation_id}{study} ended as {operation.state}. {reason}",
                remedy=(error.remedy if error else "") or f"See 'tidegate operations show {operation.operation_id}'.",
            )
        )
    return not others
