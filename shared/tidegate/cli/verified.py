"""How a verification looks to people: a line for each pair, then what was found, then what repairs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tidegate.cli.words import count, instant_text, printable, window_text

if TYPE_CHECKING:
    from tidegate.verify import PairReport, Remark, Repair


def pairs_table(pairs: Iterable[PairReport]) -> Table:
    """Pairs, one a line: how much of each was checked, and whether all of it is well."""
    table = _table("", "export", "study", "windows", "parts", "records", "from", "to", "source")
    for pair in pairs:
        table.add_row(
            _mark(ok=pair.ok),
            printable(pair.pair.export),
            printable(pair.pair.study),
            count(pair.windows),
            count(pair.parts),
            count(pair.records),
            instant_text(pair.span.start if pair.span else None) or "-",
            instant_text(pair.span.end if pair.span else None) or "-",
            _source_text(pair),
        )
    return table


def findings_table(remarks: Iterable[Remark]) -> Table:
    """What was found, with what to do about it; a row each, after an empty line."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for remark in remarks:
        table.add_row()
        mark = _mark(ok=False) if remark.off else Text("cured" if remark.cured_by else "note", style="dim")
        table.add_row(mark, Text(printable(f"{remark.code} {remark.pair.key} {window_text(remark.window)}"), "bold"))
        for line in _lines(remark):
            table.add_row("", printable(line))
    return table


def repairs_table(repairs: Iterable[Repair]) -> Table:
    """Re-exports, one a line."""
    table = _table("re-export", "study", "from", "to", "because of")
    for repair in repairs:
        table.add_row(
            printable(repair.pair.export),
            printable(repair.pair.study),
            instant_text(repair.window.start),
            instant_text(repair.window.end),
            ", ".join(repair.codes),
        )
    return table


def _lines(remark: Remark) -> Iterator[str]:
    yield remark.message
    if remark.cured_by:
        yield f"Cured: {remark.cured_by} has the records of this window again."
    elif remark.remedy:
        yield remark.remedy


def _source_text(pair: PairReport) -> str:
    source = pair.source
    if source is None:
        return "-"
    if not source.comparable:
        return "not compared"
    return f"{count(source.records)} records, {count(source.missing)} missing, {count(source.duplicates)} twice"


def _mark(*, ok: bool) -> Text:
    return Text("ok", style="green") if ok else Text("PROBLEM", style="bold red")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(
            name,
            no_wrap=not name,
            overflow="fold",
            justify="right" if name in {"windows", "parts", "records"} else "left",
        )
    return table
