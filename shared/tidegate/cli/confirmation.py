"""The one way in which a command changes something: show it in a dry run, ask unless --yes was given, then do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import typer

from tidegate.cli.failures import NotDoneError
from tidegate.cli.session import Session
from tidegate.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said beforehand: --dry-run, which wins, and --yes."""

    dry_run: bool
    yes: bool


def carry_out(session: Session, consent: Consent, question: str, act: Callable[[], T]) -> T | None:
    """What `act` gives once somebody has said yes to the question; None in a dry run, which asks and does nothing.

    Raises what `confirm` raises.
    """
    if consent.dry_run:
        return None
    confirm(session, question, yes=consent.yes)
    return act()


def tell_dry_run(session: Session) -> None:
    """Say to people that nothing was done."""
    session.say("Nothing was sent or written. Without --dry-run this is done.")


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
