"""Ask before something is changed that cannot simply be undone."""

from __future__ import annotations

import typer

from tidegate.cli.failures import NotDoneError
from tidegate.cli.session import Session
from tidegate.errors import UsageError


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Go on only after a yes: from --yes, or from whoever sits at the terminal.

    Asks on standard error, so that standard output stays one JSON document. Raises UsageError where nobody can be
    asked, NotDoneError where the answer is no.
    """
    if yes:
        return
    if not session.asks():
        raise UsageError(
            f"{question} Nobody can be asked here, so nothing was done.",
            remedy="Add --yes to say so beforehand, or --dry-run to see what would happen.",
        )
    if not typer.confirm(question, err=True):
        raise NotDoneError("Nothing was done.", remedy="")
