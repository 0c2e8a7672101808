"""How answers look to people: tables and sheets. Nothing here asks anything of anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from tidegate.cli.words import age, count, instant_text, note, printable, window_text
from tidegate.model import NO_TAG, Definition, Operation, State

if TYPE_CHECKING:
    from tidegate.service import Preview, Watermark
    from tidegate.source_listing import ListedSource
    from tidegate.sources import Finding
    from tidegate.store.studies import Study

ROOMY = 140
"""Columns that the whole table of operations needs."""
STYLES = {
    State.SLEEPING: "dim",
    State.NOT_STARTED: "",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "green",
    State.FAILED: "bold red",
    State.CANCELLED: "yellow",
    State.REJECTED: "bold red",
}


def operations_table(operations: Iterable[Operation], now: datetime, width: int) -> Table:
    """Operations, one a line, in the order in which they come; with the most needed columns where `width` is small."""
    if width < ROOMY:
        table = _table("operation", "state", "study", "records", "last action")
    else:
        table = _table("operation", "state", "export", "study", "window", "records", "last action", "note")
    for operation in operations:
        pair, state = operation.pair, Text(operation.state, style=STYLES[operation.state])
        records, last_action = count(operation.progress.records), age(operation.last_action_at, now)
        if width < ROOMY:
            if operation.error is not None and operation.state is not State.SUCCEEDED:
                state.append(f" {printable(operation.error.code)}")
            study = pair.watermark_key if pair else operation.study
            table.add_row(operation.operation_id, state, _cell(study), records, last_action)
        else:
            table.add_row(
                operation.operation_id,
                state,
                _cell(operation.export),
                _cell(operation.study),
                window_text(operation.window),
                records,
                last_action,
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
    for line in _lines(operation.result or {}):
        row("result", printable(line))
    for at, message in operation.log:
        sheet.add_row("log", f"{instant_text(at)}  {printable(message)}")
    return sheet


def previews_table(previews: Iterable[Preview]) -> Table:
    """What a request would do, one (export, study) a line."""
    table = _table("export", "study", "watermark", "start", "end", "state", "note")
    for preview in previews:
        table.add_row(
            _cell(preview.pair.export),
            _cell(preview.pair.study),
            instant_text(preview.watermark) or "none",
            instant_text(preview.window.start) if preview.window else "-",
            instant_text(preview.window.end) if preview.window else "-",
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


def sources_table(sources: Iterable[ListedSource]) -> Table:
    """Where records can come from, one source a line, with the reason where it cannot be used."""
    table = _table("source", "from", "key", "time", "what it is")
    for source in sources:
        about = (
            Text(f"cannot be used: {printable(source.error.message)}", style="red")
            if source.error
            else printable(source.about)
        )
        table.add_row(source.name, _cell(source.origin), _cell(", ".join(source.key)), _cell(source.time), about)
    return table


def watermarks_table(watermarks: Iterable[Watermark], now: datetime) -> Table:
    """Watermarks, one (export, study) a line."""
    table = _table("export", "study", "watermark", "age")
    for watermark in watermarks:
        table.add_row(
            _cell(watermark.export), _cell(watermark.study), instant_text(watermark.at), age(watermark.at, now)
        )
    return table


def letters_table(rows: Iterable[tuple[str, str, str, str, str]]) -> Table:
    """Dead letters, one a line: queue, id, reason, age, note."""
    table = _table("queue", "id", "reason", "age", "note")
    for row in rows:
        table.add_row(*(printable(cell) for cell in row))
    return table


def studies_table(studies: Iterable[Study]) -> Table:
    """Studies, one a line."""
    table = _table("study", "takes part", "custom schedule")
    for study in studies:
        table.add_row(
            printable(study.study_id), "yes" if study.enabled else "no", "yes" if study.custom_schedule else "no"
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


def _progress_text(operation: Operation) -> str:
    progress = operation.progress
    percent = "" if progress.percent is None else f"{progress.percent} %, "
    passes = "1 pass" if progress.passes == 1 else f"{progress.passes} passes"
    text = f"{percent}{count(progress.records)} records, {count(progress.bytes)} bytes, {passes}"
    return printable(f"{text}: {progress.description}" if progress.description else text)


def _lines(value: Any, path: str = "") -> Iterator[str]:
    """The values of a nested result, one a line with its path: `counts.skipped.filtered: 0`."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _lines(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _lines(part, path)
    elif value is not None:
        yield f"{path}: {value}"


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
