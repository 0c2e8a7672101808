"""`tidegate verify`: proves, pair by pair, that nothing that was exported is missing, or says what is, and the cure.

Each (export, study) is taken by itself: what lies under its final names, then the chain of manifests from the chain
head back, every part that they name, the watermark, and, if asked for, the source. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain as concatenated
from threading import Event

from tidegate.layout import EXPORTS, pair_of, percent_encoded
from tidegate.model import Definition, Pair
from tidegate.sources import Source
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.verify.pair import PairCheck
from tidegate.verify.repair import repairs_of
from tidegate.verify.report import Explanation, Level, PairReport, Remark, Repair, Report, SourceReport

__all__ = [
    "Explanation",
    "Level",
    "PairReport",
    "Remark",
    "Repair",
    "Report",
    "SourceReport",
    "Verification",
    "repairs_of",
]

PAIRS_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Verification:
    """Verifies one stack. `definition_of` raises RejectedError for an export that is not defined any more."""

    ledger: Ledger
    objects: Objects
    source_of: Callable[[Definition], Source]
    definition_of: Callable[[str], Definition]

    def pairs(self, export: str | None = None, studies: Collection[str] = ()) -> list[Pair]:
        """The pairs that have been worked on, have a watermark, or have files; narrowed, by export and study."""
        found = set(self.ledger.pairs.alive()) | {pair for pair, _ in self.ledger.watermarks.everything()}
        found.update(self._with_files(export))
        wanted = (p for p in found if export in (None, p.export) and (not studies or p.study in studies))
        return sorted(wanted, key=lambda pair: (pair.export, pair.study))

    def run(
        self, pairs: Sequence[Pair], *, against_source: bool = False, told: Callable[[Pair, str], None] | None = None
    ) -> Report:
        """Check these pairs, a few at once. `told` hears how far each is, from several threads.

        Raises TidegateError where the stack's tables or the bucket cannot be read; a source that cannot be is a
        problem of its pair.
        """
        stopped = Event()

        def tell(pair: Pair, text: str) -> None:
            if stopped.is_set():
                raise _StoppedError
            if told is not None:
                told(pair, text)

        def check(pair: Pair) -> PairReport:
            return PairCheck(self.ledger, self.objects, pair, tell).run(
                (lambda: (self.definition_of(pair.export), self.source_of)) if against_source else None
            )

        with ThreadPoolExecutor(PAIRS_AT_ONCE) as pool:
            try:
                return Report(tuple(pool.map(check, pairs)))
            except BaseException:
                # An error, or Ctrl-C: the other pairs may have hours to go.
                stopped.set()
                raise

    def _with_files(self, export: str | None) -> Iterable[Pair]:
        exports = self.objects.folders(f"{EXPORTS}export=") if export is None else [_folder(export)]
        folders = concatenated.from_iterable(self.objects.folders(f"{of_export}study=") for of_export in exports)
        return (pair for folder in folders if (pair := pair_of(folder)) is not None)


def _folder(export: str) -> str:
    return f"{EXPORTS}export={percent_encoded(export)}/"


class _StoppedError(Exception):
    """Ends the checks that nobody waits for any more."""
