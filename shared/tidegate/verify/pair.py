"""The verification of one (export, study), step by step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

from tidegate.errors import FatalError
from tidegate.instants import rfc3339
from tidegate.layout import EXPORTS, pair_folder, window_of
from tidegate.links import MANIFEST, Link, read_link
from tidegate.model import Pair, Window
from tidegate.remembered import Remembered
from tidegate.seal import Seal
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head, Standing
from tidegate.verify.chain import Chain, Tracer
from tidegate.verify.comparing import Comparing, ToSource
from tidegate.verify.parts import check_parts
from tidegate.verify.repair import TAG, cures
from tidegate.verify.report import Explanation, Level, PairReport, Remark

_LEAF = 4
"""Which segment of a key names the window, or the operation that ignored the watermark."""
_MOVES = ("WATERMARK_SET", "WATERMARK_DELETED", "STUDY_DELETED")
"""The audit events that explain a watermark which no commit has put there."""


@dataclass(slots=True)
class PairCheck:
    """One pair's verification; used once."""

    ledger: Ledger
    objects: Objects
    pair: Pair
    told: Callable[[Pair, str], None]
    remarks: list[Remark] = field(default_factory=list)
    _moves: list[tuple[str, datetime, Explanation]] | None = None

    def run(self, to_source: ToSource | None) -> PairReport:
        """Check everything. `to_source` finds the definition and its source, None where that is not compared."""
        # Listed first: what is listed was sealed before the row is read, so the chain or the seal accounts for it.
        keys = sorted(self.objects.keys(pair_folder(EXPORTS, self.pair)))
        standing, watermark = self._standing()
        pending = Seal.unpacked(standing.seal, self.objects).manifest_key if standing.seal else None
        names = {k: window for k in keys if k != pending and _is_manifest(k) and (window := window_of(k)) is not None}
        chains = Tracer(self.objects, self.pair, names, self._explain, self.remarks).chains(standing.head)
        self._check_head(standing, chains)
        self._check_watermark(standing, watermark, chains)
        self._check_memory(standing.head)
        self._check_names(keys, chains, pending)
        comparing = Comparing(self.ledger, self.pair, to_source, self._say) if to_source else None
        try:
            self._check_parts(chains, comparing)
            delivered = self._delivered_again(keys, comparing)
            if comparing is not None:
                self.remarks += comparing.judge([step for chain in chains for step in chain.steps], self.remarks)
        except sqlite3.Error as error:
            raise FatalError(
                f"The comparison of {self.pair.key} with its source needs room for temporary files: {error}.",
                code="NO_ROOM",
                remedy="Make room on the disk, or set SQLITE_TMPDIR to a directory that has some.",
            ) from error
        finally:
            if comparing is not None:
                comparing.close()
        return self._report(chains, watermark, delivered, comparing)

    def _report(
        self,
        chains: Sequence[Chain],
        watermark: datetime | None,
        delivered: Sequence[Link],
        comparing: Comparing | None,
    ) -> PairReport:
        links = [step.link for chain in chains for step in chain.steps if step.link]
        starts = [chain.start for chain in chains if chain.start]
        ends = [chain.end for chain in chains if chain.end]
        return PairReport(
            pair=self.pair,
            windows=sum(len(chain.steps) for chain in chains),
            parts=sum(len(link.parts) for link in links),
            records=sum(part.records for link in links for part in link.parts),
            size=sum(part.size for link in links for part in link.parts),
            span=Window(min(starts), max(ends)) if starts and ends else None,
            watermark=watermark,
            remarks=tuple(_cured(remark, delivered) for remark in self.remarks),
            source=comparing.report if comparing else None,
        )

    def _standing(self) -> tuple[Standing, datetime | None]:
        """Row and watermark as they were at one moment: a commit moves both, so the row is read round the watermark."""
        standing = self.ledger.pairs.standing(self.pair)
        while True:
            watermark = self.ledger.watermarks.read(self.pair)
            again = self.ledger.pairs.standing(self.pair)
            if again.head == standing.head:
                return again, watermark
            standing = again

    def _check_head(self, standing: Standing, chains: Sequence[Chain]) -> None:
        if standing.head is not None or not chains:
            return
        deleted = self._explain(None, _last_written(chains), None)
        text = "There are manifests, but Tidegate's table of pairs names none as the last"
        if deleted is not None:
            self._note("CHAIN_CLOSED", f"{text}: {deleted}.", deleted)
        else:
            remedy = "If the table was lost or restored, nothing else is: the next export starts a new chain."
            self.remarks.append(Remark("HEAD_MISSING", self.pair, f"{text}.", remedy))

    def _check_watermark(self, standing: Standing, watermark: datetime | None, chains: Sequence[Chain]) -> None:
        head = standing.head
        if head is None or watermark == head.end:
            return
        there = f"is at {rfc3339(watermark)}" if watermark else "is gone"
        text = f"The watermark {there}, and the last committed window ends at {rfc3339(head.end)}"
        explained = self._explain(watermark, _last_written(chains), None)
        if explained is not None:
            self._note("WATERMARK_BY_HAND", f"{text}: {explained}.", explained)
            return
        export = "" if self.pair.export == "default" else f" --export {self.pair.export}"
        remedy = (
            f"'tidegate watermark set {self.pair.study}{export} --to {rfc3339(head.end)} --reason ...' puts it right."
        )
        if watermark is None:
            code, means, window = "WATERMARK_MISSING", "the next export generates its start", None
        elif watermark < head.end:
            code, means, window = "WATERMARK_BEHIND", "the next export repeats records", Window(watermark, head.end)
        else:
            code, means, window = "WATERMARK_AHEAD", "no export covers what lies between", Window(head.end, watermark)
        ahead = code == "WATERMARK_AHEAD"
        text = f"{text}; no audit event explains it, and {means}."
        self.remarks.append(Remark(code, self.pair, text, remedy, window=window, repairable=ahead))

    def _check_memory(self, head: Head | None) -> None:
        """Whether what the next export needs to know late records by is there, and as it was written."""
        if head is None or head.memory is None or Remembered.opened(self.objects, head.memory) is not None:
            return
        if self.ledger.pairs.standing(self.pair).head != head:
            return  # a commit has replaced it meanwhile
        text = f"The memory of the look-back, {head.memory.key}, is gone or is not what was written."
        remedy = "Nothing that was exported is missing. The next export reads the parts instead, and writes it anew."
        self.remarks.append(Remark("LOOKBACK_LOST", self.pair, text, remedy, key=head.memory.key))

    def _check_names(self, keys: Sequence[str], chains: Sequence[Chain], pending: str | None) -> None:
        """Files in the windows' folders that no manifest names, a remark for each folder."""
        steps = [step for chain in chains for step in chain.steps]
        named = {step.key for step in steps}
        named.update(part.key for step in steps if step.link for part in step.link.parts)
        named.update(step.link.failed_key for step in steps if step.link and step.link.failed_key)
        accounted = {_directory(step.key) for step in steps if step.link is None}
        if pending is not None:
            accounted.add(_directory(pending))
        unnamed = [k for k in keys if window_of(k) and k not in named and _directory(k) not in accounted]
        for directory, found in groupby(unnamed, key=_directory):
            strays = list(found)
            self.remarks.append(
                Remark(
                    "UNNAMED_FILES",
                    self.pair,
                    f"{len(strays)} files under {directory} are named by no manifest; the first is {strays[0]}.",
                    "They do not count. Delete them: readers that do not wait for manifests would take them.",
                    window=window_of(strays[0]),
                    key=strays[0],
                )
            )

    def _check_parts(self, chains: Sequence[Chain], comparing: Comparing | None) -> None:
        total = sum(len(chain.steps) for chain in chains)
        done = 0
        for number, chain in enumerate(chains, 1):
            for step in chain.steps:
                done += 1
                self._say(f"window {done} of {total}")
                if step.link is not None:
                    self.remarks += self._of_link(step.link, comparing, number)

    def _of_link(self, link: Link, comparing: Comparing | None, chain: int) -> list[Remark]:
        found = list(
            check_parts(self.objects, self.pair, link, comparing.keep(link, chain) if comparing else lambda _: None)
        )
        if comparing is not None and link.failed_key is not None and self.objects.exists(link.failed_key):
            comparing.failed(self.objects.get(link.failed_key))
        return found

    def _delivered_again(self, keys: Sequence[str], comparing: Comparing | None) -> list[Link]:
        """The manifests of repairs and redrives that hold by themselves; the comparison gets their records too."""
        if comparing is None and not any(remark.off for remark in self.remarks):
            return []
        return [link for link in self._repairs_and_redrives(keys) if not self._of_link(link, comparing, 0)]

    def _repairs_and_redrives(self, keys: Sequence[str]) -> Iterator[Link]:
        for key in keys:
            leaf = key.split("/")[_LEAF]
            if _is_manifest(key) and leaf.startswith(("reexport=", "redrive=")):
                link = read_link(self.objects, key)
                if isinstance(link, Link) and (leaf.startswith("redrive=") or link.tag.startswith(TAG)):
                    yield link

    def _explain(
        self, watermark: datetime | None, not_before: datetime | None, not_after: datetime | None
    ) -> Explanation | None:
        """The latest audit event between these times that left the watermark at this value."""
        if self._moves is None:
            self._moves = list(self._read_moves())
        wanted = None if watermark is None else rfc3339(watermark)
        fitting = [
            explanation
            for after, at, explanation in self._moves
            if (after or None) == wanted and not (not_before and at < not_before) and not (not_after and at > not_after)
        ]
        return max(fitting, key=lambda explanation: explanation.at, default=None)

    def _read_moves(self) -> Iterator[tuple[str, datetime, Explanation]]:
        for event, at, details in self.ledger.history.events(f"audit/{self.pair.key}", _MOVES):
            yield (
                str(details.get("watermarkAfter") or ""),
                at,
                Explanation(event, at, details.get("actor"), details.get("reason")),
            )

    def _note(self, code: str, text: str, explained: Explanation) -> None:
        self.remarks.append(Remark(code, self.pair, text, level=Level.NOTE, explained_by=explained))

    def _say(self, text: str) -> None:
        self.told(self.pair, text)


def _cured(remark: Remark, delivered: Sequence[Link]) -> Remark:
    """The remark with the repair that cured it. What is missing is missing in spite of all repairs."""
    if not remark.off or not remark.repairable or remark.code == "RECORDS_MISSING":
        return remark
    cure = next((link for link in reversed(delivered) if cures(link, remark)), None)
    return remark if cure is None else replace(remark, cured_by=cure.key)


def _last_written(chains: Sequence[Chain]) -> datetime | None:
    return max((s.link.created_at for chain in chains for s in chain.steps if s.link), default=None)


def _directory(key: str) -> str:
    return "/".join(key.split("/")[: _LEAF + 1]) + "/"


def _is_manifest(key: str) -> bool:
    return key == _directory(key) + MANIFEST
