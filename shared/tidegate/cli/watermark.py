"""`tidegate watermark`: up to where each study has been exported."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.confirmation import Consent, carry_out, tell_dry_run
from tidegate.cli.definitions import actor
from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples, instant
from tidegate.cli.session import Session, enter
from tidegate.cli.words import age, instant_text, printable, window_text
from tidegate.model import DEFAULT_EXPORT, Pair
from tidegate.views import instant_json, watermark_json, window_json

if TYPE_CHECKING:
    from tidegate.watermarking import Change

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="The study's id.")]
ExportOption = Annotated[str, typer.Option("--export", metavar="ID", help="Which export.")]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the history.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Even while a worker is at it, which is stopped, or a sealed window waits.")
]

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


@watermark.command(
    "set",
    epilog=examples(
        'tidegate watermark set asthma --to 2026-01-31T00:00:00Z --reason "late upload" --dry-run',
    ),
)
def set_watermark(
    context: typer.Context,
    *,
    study: StudyArgument,
    to: Annotated[datetime, typer.Option(parser=instant, metavar="INSTANT", help="Where the next window starts.")],
    reason: ReasonOption,
    export_id: ExportOption = DEFAULT_EXPORT,
    force: ForceOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Move a watermark by hand: back, and the next export repeats records; forwards, and it skips some for good.

    Refused while an operation of that study runs or a sealed window waits for its commit. Written into the history.
    """
    session = enter(context, stack_name=stack, json=as_json)
    _move(session, Pair(export_id, study), to, reason, force=force, dry_run=dry_run, yes=yes)


@watermark.command(epilog=examples('tidegate watermark delete asthma --reason "starts anew" --dry-run'))
def delete(
    context: typer.Context,
    *,
    study: StudyArgument,
    reason: ReasonOption,
    export_id: ExportOption = DEFAULT_EXPORT,
    force: ForceOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Delete a watermark: the next export of that study starts like its first one. Refused and noted as 'set' is."""
    session = enter(context, stack_name=stack, json=as_json)
    _move(session, Pair(export_id, study), None, reason, force=force, dry_run=dry_run, yes=yes)


def _move(
    session: Session, pair: Pair, to: datetime | None, reason: str, *, force: bool, dry_run: bool, yes: bool
) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why, for the history.", param_hint="--reason")
    watermarking = session.stack.watermarking
    change = watermarking.plan(pair, to, session.now())
    effect, before = _effect(change), change.before if isinstance(change.before, datetime) else None
    warning = f" Forced against: {'; '.join(change.obstacles)}." if force and change.obstacles else ""
    # What will be refused needs no question.
    consent = Consent(dry_run, yes or bool(change.obstacles and not force))

    def act() -> Change:
        watermarking.apply(change, reason=reason, actor=actor(), force=force, now=session.now())
        return change

    carry_out(session, consent, printable(f"{effect}{warning} Go on?"), act)
    if session.json:
        session.print_json(
            {
                "dryRun": dry_run,
                "export": pair.export,
                "study": pair.study,
                "watermarkBefore": instant_json(before),
                "unreadable": change.before is not None and before is None,
                "lastExportDateTime": instant_json(change.after),
                "exportedAgain": window_json(change.repeated),
                "skipped": window_json(change.skipped),
                "obstacles": list(change.obstacles),
                "reason": reason,
            }
        )
        return
    session.out.print(printable(effect), soft_wrap=True)
    if dry_run:
        for obstacle in change.obstacles:
            session.say(printable(f"It would be refused without --force: {obstacle}."))
        tell_dry_run(session)
    else:
        session.say("It is in the history. The next export of the study starts there.")


def _effect(change: Change) -> str:
    """What the move means, in sentences."""
    name = f"{change.pair.export} {change.pair.study}"
    before = "none" if change.before is None else "unreadable"
    if isinstance(change.before, datetime):
        before = instant_text(change.before)
    if change.after is None:
        return f"{name}: {before}, to be deleted. The next export starts like the first one of a new study."
    moved = f"{name}: {before} to {instant_text(change.after)}."
    if change.repeated is not None:
        return f"{moved} The next export would export again all records from {window_text(change.repeated)}."
    if change.skipped is not None:
        return f"{moved} No export would cover the records from {window_text(change.skipped)} any more."
    if change.before == change.after:
        return f"{moved} It stands there already."
    return f"{moved} The next export starts there, and covers nothing that is older."
