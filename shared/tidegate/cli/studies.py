"""`tidegate studies`: which studies there are, and which of them take part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.confirmation import Consent, carry_out, tell_dry_run
from tidegate.cli.definitions import actor
from tidegate.cli.options import DryRunOption, JsonOption, StackOption, YesOption, examples
from tidegate.cli.session import Session, enter
from tidegate.cli.words import instant_text, printable
from tidegate.views import watermark_json

if TYPE_CHECKING:
    from tidegate.store.studies import Study
    from tidegate.studies import Deletion

studies = typer.Typer(
    no_args_is_help=True,
    help="Studies: list, put, enable, disable, delete.",
    epilog=examples("tidegate studies put asthma"),
)

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="The study's id.")]


@studies.command("list", epilog=examples("tidegate studies list --json"))
def list_studies(context: typer.Context, *, as_json: JsonOption = False, stack: StackOption = None) -> None:
    """Every study, whether it takes part, and whether it has a custom schedule."""
    session = enter(context, stack_name=stack, json=as_json)
    found = session.stack.studies.all()
    if session.json:
        session.print_json([study_json(study) for study in found])
        return
    from tidegate.cli.sheets import studies_table  # noqa: PLC0415  # rich is for people

    session.out.print(studies_table(found) if found else "No studies.")


@studies.command(epilog=examples("tidegate studies put asthma", "tidegate studies put sleep --custom-schedule"))
def put(
    context: typer.Context,
    *,
    study: StudyArgument,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Whether it takes part; a new one does.")
    ] = None,
    custom_schedule: Annotated[
        bool | None,
        typer.Option("--custom-schedule/--no-custom-schedule", help="With one it is exported only when named."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Make a study, or change one. What is not given stays as it is."""
    session = enter(context, stack_name=stack, json=as_json)
    planned = session.stack.studies.planned(study, enabled=enabled, custom_schedule=custom_schedule)
    _put(session, planned, Consent(dry_run, yes))


@studies.command(epilog=examples("tidegate studies enable asthma"))
def enable(
    context: typer.Context,
    *,
    study: StudyArgument,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Let a study take part again; its next export goes on from its watermark."""
    session = enter(context, stack_name=stack, json=as_json)
    _put(session, session.stack.studies.planned(study, enabled=True, known=True), Consent(dry_run, yes))


@studies.command(epilog=examples("tidegate studies disable asthma"))
def disable(
    context: typer.Context,
    *,
    study: StudyArgument,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Leave a study out of every export from now on; its watermarks stay. Work that was accepted is still done."""
    session = enter(context, stack_name=stack, json=as_json)
    _put(session, session.stack.studies.planned(study, enabled=False, known=True), Consent(dry_run, yes))


@studies.command(epilog=examples("tidegate studies delete asthma --dry-run"))
def delete(
    context: typer.Context,
    *,
    study: StudyArgument,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Delete a study with all its watermarks, and cancel its work. Its records and files stay.

    An export that runs at that moment cannot bring a watermark back; a study of that id made later starts as new.
    """
    session = enter(context, stack_name=stack, json=as_json)
    planned = session.stack.studies.deletion(study)
    question = f"Delete the study {printable(study)}? {_removed(planned, 'that wait or run are cancelled')}"

    def act() -> Deletion:
        return session.stack.studies.delete(study, actor=actor(), clock=session.now)

    planned = carry_out(session, Consent(dry_run, yes), question, act) or planned
    if session.json:
        session.print_json({"dryRun": dry_run, **_deletion_json(planned)})
        return
    told = _removed(planned, "would be cancelled" if dry_run else "were cancelled")
    session.out.print(
        printable(f"{'Would delete' if dry_run else 'Deleted'} the study {study}. {told}"), soft_wrap=True
    )
    if planned.left_to_tick:
        session.say(
            f"The tick does the rest within 5 minutes, because it could not be done now: {planned.left_to_tick}"
        )


def study_json(study: Study) -> dict[str, Any]:
    """One study under the names that its item has."""
    return {
        "studyId": study.study_id,
        "enabled": study.enabled,
        "usesCustomExportSchedule": study.custom_schedule,
    }


def _put(session: Session, planned: Study, consent: Consent) -> None:
    custom = ", with a custom schedule" if planned.custom_schedule else ""
    how = f"{'enabled' if planned.enabled else 'disabled'}{custom}"
    question = printable(f"Put the study {planned.study_id} into the study table as {how}?")

    def act() -> Study:
        return session.stack.studies.put(planned, actor=actor(), now=session.now())

    made = carry_out(session, consent, question, act)
    if session.json:
        session.print_json({"dryRun": made is None, **study_json(planned)})
        return
    session.out.print(printable(f"{planned.study_id} {'would be' if made is None else 'is'} {how}."))
    if made is None:
        tell_dry_run(session)


def _deletion_json(deletion: Deletion) -> dict[str, Any]:
    return {
        "study": deletion.study,
        "watermarks": [watermark_json(pair.export, pair.study, at) for pair, at in deletion.watermarks],
        "cancelledOperations": deletion.open_operations,
        "leftToTick": deletion.left_to_tick or None,
    }


def _removed(deletion: Deletion, operations: str) -> str:
    marks = ", ".join(f"{pair.export} {instant_text(at)}" for pair, at in deletion.watermarks) or "none"
    return f"Watermarks: {marks}. Operations: {deletion.open_operations} {operations}."
