"""What cures a damaged window: a re-export of exactly that window, which leaves the watermark alone.

The re-export's manifest carries a tag by which a later verification knows it, checks it, and calls the damage cured.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.instants import rfc3339
from tidegate.links import Link
from tidegate.model import ExportType, Pair, Window
from tidegate.verify.report import Remark, Repair

TAG = "repair; "


def repairs_of(remarks: Iterable[Remark]) -> list[Repair]:
    """One re-export for each window that something is off with and that one can cure, by pair and time."""
    codes: dict[tuple[Pair, Window], set[str]] = {}
    for remark in remarks:
        if remark.off and remark.repairable and remark.window is not None:
            codes.setdefault((remark.pair, remark.window), set()).add(remark.code)
    in_order = sorted(codes, key=lambda damaged: (damaged[0].key, damaged[1].start, damaged[1].end))
    return [
        Repair(pair, window, found := tuple(sorted(codes[pair, window])), _body(pair, window, found))
        for pair, window in in_order
    ]


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
