"""What cures a damaged window: a re-export of exactly that window, which leaves the watermark alone.

The re-export's manifest carries a tag by which a later verification knows it, checks it, and calls the damage cured.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from tidegate.instants import rfc3339
from tidegate.model import ExportType, Pair, Window
from tidegate.verify.links import Link
from tidegate.verify.report import Remark, Repair

TAG = "repair; "


def repairs_of(remarks: Iterable[Remark]) -> list[Repair]:
    """One re-export for each window that something is off with and that one can cure, in the order of time."""

    def place(remark: Remark) -> tuple[str, str, str, str]:
        window = remark.window
        when = (rfc3339(window.start), rfc3339(window.end)) if window else ("", "")
        return (remark.pair.export, remark.pair.study, *when)

    damaged = sorted((r for r in remarks if r.off and r.repairable and r.window), key=place)
    return [_repair(list(same)) for _, same in groupby(damaged, key=place)]


def _repair(remarks: list[Remark]) -> Repair:
    pair, window = remarks[0].pair, remarks[0].window
    assert window is not None, "only what has a window is repaired"  # noqa: S101  # for the type checker
    codes = tuple(sorted({remark.code for remark in remarks}))
    return Repair(pair, window, codes, _body(pair, window, codes))


def _body(pair: Pair, window: Window, codes: tuple[str, ...]) -> dict[str, object]:
    return {
        "exportType": ExportType.INSTANT.value,
        "startDateTime": rfc3339(window.start),
        "endDateTime": rfc3339(window.end),
        "ignoreLastExportTime": True,
        "studyWhitelist": [pair.study],
        "export": pair.export,
        "tag": f"{TAG}verify found {', '.join(codes)}",
    }


def cures(link: Link, remark: Remark) -> bool:
    """Whether this manifest is that of a re-export that was asked for to repair a window which holds the remark's."""
    return (
        link.tag.startswith(TAG)
        and link.window is not None
        and remark.window is not None
        and link.window.start <= remark.window.start
        and remark.window.end <= link.window.end
    )
