"""`tidegate check`: before the first run on existing tables."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.failures import NOT_DONE
from tidegate.cli.options import JsonOption, StackOption, examples
from tidegate.cli.session import enter
from tidegate.model import DEFAULT_EXPORT

EPILOG = examples("tidegate check", "tidegate check partner-nightly --json")


def check(
    context: typer.Context,
    *,
    export_id: Annotated[str, typer.Argument(metavar="EXPORT", help="The export's id.")] = DEFAULT_EXPORT,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Try an export on its tables before its first run. Reads a little, changes nothing.

    Looks at the index, the key types, the time type of sample records, the permissions, and how many records would
    match. Exits 1 where something is not well, with what to do about it.
    """
    session = enter(context, stack_name=stack, json=as_json)
    with session.working("Checking ..."):
        findings = session.service.check(export_id, session.now())
    if session.json:
        session.print_json([{"ok": f.ok, "what": f.what, "remedy": f.remedy} for f in findings])
    else:
        from tidegate.cli.sheets import findings_table  # noqa: PLC0415  # rich is for people

        session.out.print(findings_table(findings))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(NOT_DONE)
