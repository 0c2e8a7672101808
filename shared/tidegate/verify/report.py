"""What a verification found, as frozen data and as JSON: remarks, a report for each pair, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tidegate.instants import rfc3339
from tidegate.model import JSONObject, Pair, Window
from tidegate.views import instant_json, window_json

EXAMPLES = 20
"""Record ids that a remark names at most; its message says how many there are."""


class Level(StrEnum):
    """How bad a remark is."""

    PROBLEM = "PROBLEM"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Explanation:
    """An audit event of the pair that says why a watermark is not where the chain left it."""

    event: str
    at: datetime
    actor: str | None
    reason: str | None

    def __str__(self) -> str:
        who = f" by {self.actor}" if self.actor else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.event} at {rfc3339(self.at)}{who}{why}"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was found, where, and what to do about it.

    `repairable`: a re-export of `window` brings the records back. `cured_by` is the manifest of one that did.
    """

    code: str
    pair: Pair
    message: str
    remedy: str = ""
    level: Level = Level.PROBLEM
    window: Window | None = None
    key: str | None = None
    records: Sequence[str] = ()
    repairable: bool = False
    cured_by: str | None = None
    explained_by: Explanation | None = None

    @property
    def off(self) -> bool:
        """Whether something is wrong that nothing has cured yet."""
        return self.level is Level.PROBLEM and self.cured_by is None

    def to_json(self) -> dict[str, Any]:
        """As the commands print it."""
        return {
            "level": self.level.value,
            "code": self.code,
            "export": self.pair.export,
            "study": self.pair.study,
            "window": window_json(self.window),
            "key": self.key,
            "records": list(self.records),
            "message": self.message,
            "remedy": self.remedy,
            "repairable": self.repairable,
            "curedBy": self.cured_by,
            "explainedBy": None
            if self.explained_by is None
            else {
                "event": self.explained_by.event,
                "at": rfc3339(self.explained_by.at),
                "actor": self.explained_by.actor,
                "reason": self.explained_by.reason,
            },
        }


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The comparison of (id, time) in the source with the union of the parts.

    `changed` and `deleted` are records of the parts that the source no longer has so, or no longer has at all;
    `failed` are missing ones that stand in a redrive list. None of these three is a fault.
    """

    comparable: bool
    records: int = 0
    missing: int = 0
    duplicates: int = 0
    changed: int = 0
    deleted: int = 0
    failed: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the commands print it."""
        return {
            "comparable": self.comparable,
            "records": self.records,
            "missing": self.missing,
            "duplicates": self.duplicates,
            "changed": self.changed,
            "deleted": self.deleted,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class PairReport:
    """One (export, study): how much was checked, and what was found. `source` is None where it was not asked for."""

    pair: Pair
    windows: int
    parts: int
    records: int
    size: int
    span: Window | None
    watermark: datetime | None
    remarks: tuple[Remark, ...]
    source: SourceReport | None = None

    @property
    def ok(self) -> bool:
        """True where nothing is off."""
        return not any(remark.off for remark in self.remarks)

    def to_json(self) -> dict[str, Any]:
        """As the commands print it."""
        return {
            "export": self.pair.export,
            "study": self.pair.study,
            "ok": self.ok,
            "windows": self.windows,
            "parts": self.parts,
            "records": self.records,
            "bytes": self.size,
            "span": window_json(self.span),
            "lastExportDateTime": instant_json(self.watermark),
            "source": None if self.source is None else self.source.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All pairs that were checked, by export and study."""

    pairs: tuple[PairReport, ...]

    @property
    def ok(self) -> bool:
        """True where nothing is off anywhere."""
        return all(pair.ok for pair in self.pairs)

    @property
    def remarks(self) -> list[Remark]:
        """The remarks of all pairs."""
        return [remark for pair in self.pairs for remark in pair.remarks]

    def to_json(self) -> dict[str, Any]:
        """As the commands print it."""
        return {
            "pairs": [pair.to_json() for pair in self.pairs],
            "findings": [remark.to_json() for remark in self.remarks],
            "ok": self.ok,
        }


def span_text(window: Window) -> str:
    """A window in messages: start to end, as RFC 3339."""
    return f"{rfc3339(window.start)} to {rfc3339(window.end)}"


@dataclass(frozen=True, slots=True)
class Repair:
    """One re-export that brings back what a window has lost; `body` is the request, still without a requestId."""

    pair: Pair
    window: Window
    codes: tuple[str, ...]
    body: JSONObject
