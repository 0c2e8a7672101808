"""How answers look to people: tables and sheets. Nothing here asks anything of anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from tidegate.cli.asks import Finding, Preview, Watermark
from tidegate.cli.session import printable
from tidegate.model import NO_TAG, Definition, Operation, State, Window

STYLES = {
    State.SLEEPING: "dim",
    State.NOT_STARTED: "",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "yellow",
    State.REJECTED: "bold red",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def operations_table(operations: Iterable[Operation], now: datetime) -> Table:
    """Operations, one a line, in the order in which they come."""
    table = _table("operation", "state", "export", "study", "window", "records", "last action", "note")
    for operation in operations:
        table.add_row(
            operation.operation_id,
            Text(operation.state, style=STYLES[operation.state]),
            _cell(operation.export),
            _cell(operation.study),
            window_text(operation.window),
            count(operation.progress.records),
            age(operation.last_action_at, now),
            printable(note(operation)),
        )
    return table


def operation_sheet(operation: Operation, now: datetime) -> Table:
    """One operation with everything that is known of it, its log at the end."""
    sheet = _sheet()

    def row(name: str, value: str | Text) -> None:
        if value:
            sheet.add_row(name, value)

    row("operation", operation.operation_id)
    row("state", Text(operation.state, style=STYLES[operation.state]))
    row("outcome", operation.outcome or "")
    if operation.error is not None:
        row("error", printable(f"{operation.error.code}: {operation.error.message}"))
        row("what to do", printable(operation.error.remedy))
    row("kind", f"{operation.kind} {operation.export_type or ''}".strip())
    row("export", printable(operation.export or ""))
    row("study", printable(operation.study or ""))
    row("request", printable(operation.request_id or ""))
    row("trigger", str(operation.trigger))
    row("tag", "" if operation.tag == NO_TAG else printable(operation.tag))
    row("actor", printable(operation.actor or ""))
    row("window", window_text(operation.window) if operation.window else "")
    row("watermark before", instant_text(operation.watermark_before))
    row("progress", _progress_text(operation))
    row("attempts", str(operation.attempts))
    for name, at in (
        ("created", operation.created_at),
        ("starts after", operation.start_after),
        ("started", operation.started_at),
        ("finished", operation.finished_at),
        ("last action", operation.last_action_at),
        ("expires", operation.expiry),
    ):
        row(name, f"{instant_text(at)}  ({age(at, now)})" if at else "")
    for name, value in (operation.result or {}).items():
        row(f"result: {name}", _value_text(value))
    for at, message in operation.log:
        sheet.add_row("log", f"{instant_text(at)}  {printable(message)}")
    return sheet


def previews_table(previews: Iterable[Preview]) -> Table:
    """What a request would do, one (export, study) a line."""
    table = _table("export", "study", "watermark", "window", "state", "note")
    for preview in previews:
        table.add_row(
            _cell(preview.pair.export),
            _cell(preview.pair.study),
            instant_text(preview.watermark) or "none",
            window_text(preview.window),
            str(preview.state),
            printable(preview.note),
        )
    return table


def definitions_table(definitions: Iterable[Definition]) -> Table:
    """Definitions of exports, one a line."""
    table = _table("export", "version", "source", "studies", "format", "time zone")
    for definition in definitions:
        source = definition.source
        table.add_row(
            definition.export,
            str(definition.version) if definition.version else "template",
            printable(" ".join(filter(None, (source.type, source.table, source.index or "")))),
            "all" if definition.studies is None else printable(", ".join(definition.studies)),
            f"{definition.format.type} {definition.format.compression}",
            definition.time_zone,
        )
    return table


def watermarks_table(watermarks: Iterable[Watermark], now: datetime) -> Table:
    """Watermarks, one (export, study) a line."""
    table = _table("export", "study", "watermark", "age")
    for watermark in watermarks:
        table.add_row(
            _cell(watermark.export), _cell(watermark.study), instant_text(watermark.at), age(watermark.at, now)
        )
    return table


def findings_table(findings: Iterable[Finding]) -> Table:
    """What was checked, one a line; what is not well with what to do about it."""
    table = _sheet()
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("PROBLEM", style="bold red")
        text = finding.what if finding.ok else f"{finding.what} {finding.remedy}"
        table.add_row(mark, printable(text))
    return table


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


def _progress_text(operation: Operation) -> str:
    progress = operation.progress
    percent = "" if progress.percent is None else f"{progress.percent} %, "
    text = f"{percent}{count(progress.records)} records, {count(progress.bytes)} bytes, {progress.passes} passes"
    return printable(f"{text}: {progress.description}" if progress.description else text)


def _value_text(value: Any) -> str:
    """A value of a result on lines of its own, nested ones by their path."""
    if isinstance(value, Mapping):
        return "\n".join(f"{printable(str(key))}: {_value_text(part)}" for key, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(_value_text(part) for part in value)
    return "-" if value is None else printable(str(value))


def _cell(text: str | None) -> str:
    return "-" if text is None else printable(text)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        narrow = name in {"operation", "state", "last action", "version"}
        table.add_column(name, no_wrap=narrow, overflow="fold", justify="right" if name == "records" else "left")
    return table


def _sheet() -> Table:
    sheet = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    sheet.add_column(no_wrap=True, style="bold")
    sheet.add_column(overflow="fold")
    return sheet
