"""Follows the manifests of one (export, study) back from the chain head, and says where they do not hold together.

A link that is missing does not end the search: names tell windows, so the link before it is found by its name, and all
that lies behind the damage is still checked. Manifests that no chain from the head reaches are chains of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from tidegate.instants import rfc3339
from tidegate.layout import window_of
from tidegate.links import Link, Unreadable, read_link
from tidegate.model import Pair, Window
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head
from tidegate.verify.report import Explanation, Level, Remark, span_text

LOST_MANIFEST = "The records of its window are still in its parts, but nothing vouches for them: re-export the window."


@dataclass(frozen=True, slots=True)
class Step:
    """One place in a chain: its window, and its manifest where that can be read."""

    key: str
    window: Window | None
    link: Link | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps from the oldest to the newest. `forks` where its oldest step names a manifest of another chain."""

    steps: Sequence[Step]
    forks: bool = False

    @property
    def start(self) -> datetime | None:
        """Where its first window starts."""
        return self.steps[0].window.start if self.steps[0].window else None

    @property
    def end(self) -> datetime | None:
        """Where its last window ends."""
        return self.steps[-1].window.end if self.steps[-1].window else None


Explain: TypeAlias = Callable[[datetime | None, datetime | None, datetime | None], Explanation | None]
"""(watermark that was found, not before, not after) -> the audit event that put it there."""


@dataclass(slots=True)
class Tracer:
    """Finds the chains among the manifests of a pair, and remarks on what it sees on the way."""

    objects: Objects
    pair: Pair
    windows: dict[str, Window]
    """Of all normal manifests by key, as their names say it, but for one that is only being committed."""
    explain: Explain
    remarks: list[Remark] = field(default_factory=list)
    _visited: set[str] = field(default_factory=set)

    def chains(self, head: Head | None) -> list[Chain]:
        """All chains, oldest first; the one from the chain head is the newest."""
        found: list[Chain] = []
        if head is not None:
            found.append(self._follow(head.key, head.sha256))
            if found[0].end != head.end:
                text = f"The chain head says that {head.key} ends at {rfc3339(head.end)}, and it does not."
                self._problem("HEAD_WRONG", head.key, None, text)
        current = len(found)
        while left := [key for key in self.windows if key not in self._visited]:
            found.append(self._follow(self._newest_tip(left), None))
        found = sorted(found[current:], key=_began_at) + found[:current]
        self._compare([chain for chain in found if not chain.forks])
        return found

    def _follow(self, key: str, sha256: str | None) -> Chain:
        newest_first: list[Step] = []
        ref: tuple[str, str | None] | None = (key, sha256)
        forks = False
        while ref is not None:
            if ref[0] in self._visited:
                forks = True
                self._problem(
                    "SECOND_CHAIN",
                    key,
                    newest_first[0].window,
                    f"{len(newest_first)} manifests follow {ref[0]} and are not in the chain that the chain head ends.",
                    "Find out who wrote them, or who changed the table of pairs; readers see both chains.",
                )
                break
            self._visited.add(ref[0])
            step, previous = self._step(*ref)
            if newest_first:
                self._check_abut(step, newest_first[-1])
            newest_first.append(step)
            ref = previous
        return Chain(newest_first[::-1], forks)

    def _step(self, key: str, sha256: str | None) -> tuple[Step, tuple[str, str | None] | None]:
        """The step of this manifest, and the reference to the one before it."""
        named = window_of(key)
        link = read_link(self.objects, key)
        if link is None:
            self._problem("MANIFEST_MISSING", key, named, f"The manifest {key} is gone.", LOST_MANIFEST, repair=True)
            return Step(key, named, None), self._before(named)
        if isinstance(link, Unreadable):
            text = f"The manifest {key} cannot be read: {link.reason}."
            self._problem("MANIFEST_UNREADABLE", key, named, text, LOST_MANIFEST, repair=True)
            return Step(key, named, None), self._before(named)
        changed = self._changed(link, sha256, named)
        if changed:
            text = f"The manifest {key} is not what was committed: {changed}."
            self._problem("MANIFEST_CHANGED", key, named or link.window, text, LOST_MANIFEST, repair=True)
        return Step(key, link.window or named, link), link.previous

    def _changed(self, link: Link, sha256: str | None, named: Window | None) -> str:
        if sha256 is not None and link.sha256 != sha256:
            return f"its sha256 is {link.sha256}, and {sha256} was recorded"
        if (link.export, link.study) != (self.pair.export, self.pair.study):
            return f"it speaks of {link.export}/{link.study}"
        if link.window != named:
            return f"its window is {span_text(link.window) if link.window else 'none'}, not that of its name"
        return ""

    def _before(self, window: Window | None) -> tuple[str, None] | None:
        """The manifest that ends where `window` starts, by its name."""
        if window is None:
            return None
        ending = [k for k, w in self.windows.items() if w.end == window.start and k not in self._visited]
        return (max(ending, key=lambda key: self.windows[key].start), None) if ending else None

    def _newest_tip(self, keys: Collection[str]) -> str:
        """The latest of the manifests that no other of them follows."""
        followed = {link.previous[0] for link in self._links(keys) if link.previous}
        return max([key for key in keys if key not in followed] or keys, key=lambda key: self.windows[key].end)

    def _links(self, keys: Collection[str]) -> Iterator[Link]:
        for key in keys:
            link = read_link(self.objects, key)
            if isinstance(link, Link):
                yield link

    def _check_abut(self, older: Step, newer: Step) -> None:
        if older.window is None or newer.window is None or older.window.end == newer.window.start:
            return
        self._boundary(older.window, newer.window, newer.key, None)

    def _compare(self, chains: Sequence[Chain]) -> None:
        """Whether each chain begins where the one before it ended, and if not, whether somebody wanted it so."""
        for number, chain in enumerate(chains):
            first, older = chain.steps[0], chains[number - 1] if number else None
            if first.link is None or first.window is None:
                continue
            before = first.link.watermark_before
            ended_at = _last_created(older) if older else None
            explained = self.explain(before, ended_at, first.link.created_at)
            if older is None:
                if before is not None:
                    self._started(first, before, explained)
            elif older.end == first.window.start:
                text = "A new chain starts where the one before it ended: the chain head was not known then."
                self._note("CHAIN_RESTARTED", first, text, explained)
            elif older.start is not None and older.end is not None:
                self._boundary(Window(older.start, older.end), first.window, first.key, explained)

    def _started(self, first: Step, before: datetime, explained: Explanation | None) -> None:
        why = f"it was set by hand ({explained})" if explained else "it was there before Tidegate's first export"
        text = f"The chain starts at a watermark, {rfc3339(before)}, that Tidegate did not commit: {why}."
        self._note("CHAIN_START", first, text, explained)

    def _boundary(self, older: Window, newer: Window, key: str, explained: Explanation | None) -> None:
        """Remark that the window `newer` does not start where `older` ends."""
        gap = older.end < newer.start
        overlap = Window(max(older.start, newer.start), min(older.end, newer.end))
        off = Window(older.end, newer.start) if gap else overlap
        where = (
            f"between the window that ends at {rfc3339(older.end)} and the one that starts at {rfc3339(newer.start)}"
        )
        if explained:
            text = f"{'A gap' if gap else 'An overlap'} {where} was made by hand: {explained}."
            step = Step(key, off, None)
            self._note("GAP_EXPLAINED" if gap else "OVERLAP_EXPLAINED", step, text, explained)
        elif gap:
            text = f"There is a gap {where}; no audit event explains it."
            self._problem("GAP", key, off, text, "Export the gap again.", repair=True)
        else:
            text = f"There is an overlap {where}; no audit event explains it."
            self._problem("OVERLAP", key, off, text, "Its records came twice: drop one copy by (record id, time).")

    def _problem(
        self, code: str, key: str, window: Window | None, text: str, remedy: str = "", *, repair: bool = False
    ) -> None:
        repairable = repair and window is not None and not window.empty
        self.remarks.append(Remark(code, self.pair, text, remedy, window=window, key=key, repairable=repairable))

    def _note(self, code: str, step: Step, text: str, explained: Explanation | None) -> None:
        self.remarks.append(
            Remark(code, self.pair, text, level=Level.NOTE, window=step.window, key=step.key, explained_by=explained)
        )


def _last_created(chain: Chain) -> datetime | None:
    return next((step.link.created_at for step in reversed(chain.steps) if step.link), None)


def _began_at(chain: Chain) -> datetime:
    """When the first of its manifests that can be read was written."""
    written = next((step.link.created_at for step in chain.steps if step.link), None)
    return written or chain.start or datetime.max.replace(tzinfo=UTC)
