"""How instants, windows and counts are said to people. No library is needed for it."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.model import Operation, State, Window

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def note(operation: Operation) -> str:
    """What is most worth knowing of an operation in a few words."""
    if operation.error is not None and operation.state is not State.SUCCEEDED:
        return f"{operation.error.code}: {operation.error.message}"
    if operation.state is State.SLEEPING and operation.start_after is not None:
        return f"starts after {instant_text(operation.start_after)}"
    if operation.outcome is not None:
        return operation.outcome
    percent = "" if operation.progress.percent is None or operation.state.final else f"{operation.progress.percent} %"
    return " ".join(filter(None, (percent, operation.progress.description)))


def instant_text(instant: datetime | None) -> str:
    """`2026-01-31 00:00:00Z` in UTC, with milliseconds only where there are some; empty for None."""
    if instant is None:
        return ""
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(" ", "milliseconds" if utc.microsecond else "seconds") + "Z"


def window_text(window: Window | None) -> str:
    """`start to end`, end exclusive; a dash where there is none, or none yet."""
    return f"{instant_text(window.start)} to {instant_text(window.end)}" if window else "-"


def age(instant: datetime, now: datetime) -> str:
    """How long ago, or in how long, in the largest unit that gives a whole number: `5 min ago`, `in 40 s`."""
    seconds = int((now - instant).total_seconds())
    size, unit = next((u for u in _UNITS if abs(seconds) >= u[0]), _UNITS[-1])
    amount = f"{abs(seconds) // size} {unit}"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def count(number: int) -> str:
    """A whole number with thousands set apart: `1,234,567`."""
    return f"{number:,}"


def printable(text: str, *, keep_lines: bool = False) -> str:
    """The text with control characters spelt out: a tag or an id must not move a terminal's cursor."""
    return "".join(
        c if c.isprintable() or (keep_lines and c == "\n") else c.encode("unicode_escape").decode() for c in text
    )
