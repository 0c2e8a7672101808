"""`tidegate watermark`: up to where each study has been exported."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import JsonOption, StackOption, examples
from tidegate.cli.session import enter
from tidegate.cli.words import age, instant_text, printable
from tidegate.model import DEFAULT_EXPORT
from tidegate.views import watermark_json

watermark = typer.Typer(
    no_args_is_help=True,
    help="Watermarks: up to where each study has been exported.",
    epilog=examples("tidegate watermark show asthma"),
)


@watermark.command("list", epilog=examples("tidegate watermark list --json"))
def list_watermarks(context: typer.Context, *, as_json: JsonOption = False, stack: StackOption = None) -> None:
    """The watermark of every export and study."""
    session = enter(context, stack_name=stack, json=as_json)
    found = session.service.watermarks()
    if session.json:
        session.print_json([watermark_json(w.export, w.study, w.at) for w in found])
        return
    from tidegate.cli.sheets import watermarks_table  # noqa: PLC0415  # rich is for people

    session.out.print(watermarks_table(found, session.now()) if found else "No watermarks: nothing was exported yet.")


@watermark.command(epilog=examples("tidegate watermark show asthma --export partner-nightly"))
def show(
    context: typer.Context,
    *,
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study's id.")],
    export_id: Annotated[str, typer.Option("--export", metavar="ID", help="Which export.")] = DEFAULT_EXPORT,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """One study's watermark: the next window of its export starts there."""
    session = enter(context, stack_name=stack, json=as_json)
    found = session.service.watermarks(study)
    of_export = next((w for w in found if w.export == export_id), None)
    if of_export is None:
        others = ", ".join(sorted(w.export for w in found))
        raise NotFoundError(
            f"The study {study} has no watermark in the export {export_id}.",
            remedy=f"It has one in: {others}. Choose with --export." if others else "It was not exported there yet.",
        )
    if session.json:
        session.print_json(watermark_json(of_export.export, of_export.study, of_export.at))
        return
    text = f"{of_export.export} {of_export.study}: {instant_text(of_export.at)} ({age(of_export.at, session.now())})"
    session.out.print(printable(text), soft_wrap=True)
