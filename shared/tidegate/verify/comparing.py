"""One pair's way to its source and back: which parts can be compared, and what is said where they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from tidegate.definition import from_document
from tidegate.errors import TidegateError
from tidegate.identity import Identity
from tidegate.links import Link, NamedPart
from tidegate.model import Definition, Pair, Window
from tidegate.sources import Source
from tidegate.store.ledger import Ledger
from tidegate.verify.chain import Step
from tidegate.verify.parts import Keep
from tidegate.verify.report import Level, Remark, SourceReport, span_text
from tidegate.verify.source import Comparison

ToSource: TypeAlias = Callable[[], tuple[Definition, Callable[[Definition], Source]]]
"""The definition that counts now, and what makes a source of a definition. Raises TidegateError."""


class Comparing:
    """Collects what the parts hold, link by link, then compares it with the source. `report` is the outcome."""

    def __init__(self, ledger: Ledger, pair: Pair, to_source: ToSource, told: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._pair = pair
        self._told = told
        self._comparison: Comparison | None = None
        self._not_comparable: list[Link] = []
        self._trouble: TidegateError | None = None
        self.report = SourceReport(comparable=False)
        try:
            self._definition, source_of = to_source()
            source = source_of(self._definition)
            self._identity = Identity.of(self._definition, source)
            self._comparison = Comparison(pair, source)
        except TidegateError as error:
            self._trouble = error

    def close(self) -> None:
        """Remove what was collected."""
        if self._comparison is not None:
            self._comparison.close()

    def keep(self, link: Link, chain: int) -> Callable[[NamedPart], Keep | None]:
        """What is to be kept of each part of a manifest; `chain` as for `Comparison.keeper`."""
        comparison = self._comparison
        if comparison is None:
            return lambda _part: None
        identity = self._identity_of(link, comparison.source)
        wanted = frozenset(identity.columns) if identity else frozenset()
        lacking = any(
            identity is None or not wanted.issubset(link.columns.get(part.table, wanted))
            for part in link.parts
            if part.records
        )
        if lacking and chain:
            self._not_comparable.append(link)
        if identity is None or lacking:
            return lambda _part: None
        keeping = (identity.columns, comparison.keeper(chain))
        return lambda _part: keeping

    def failed(self, chunks: Iterable[bytes]) -> None:
        """Take a redrive list."""
        if self._comparison is not None:
            self._comparison.failed(b"".join(chunks).splitlines())

    def judge(self, steps: Sequence[Step], so_far: Sequence[Remark]) -> Iterator[Remark]:
        """Read the source over the span of these steps and compare; the remarks, `report` is set behind them."""
        yield from self._apart()
        if self._comparison is None or self._identity is None:
            return
        left_out = {link.key for link in self._not_comparable}
        windows = [s.window for s in steps if s.window and not s.window.empty and s.key not in left_out]
        try:
            self._comparison.read_source(
                self._identity, _merged(windows), lambda read: self._told(f"{read:,} records of the source")
            )
            wanted_twice = any(remark.code == "OVERLAP_EXPLAINED" for remark in so_far)
            self.report, remarks = self._comparison.judge(windows, wanted_twice=wanted_twice)
            yield from remarks
        except TidegateError as error:
            yield self._unreadable(error)

    def _identity_of(self, link: Link, source: Source) -> Identity | None:
        """By the definition of the operation that wrote it while that is kept, else by the one that counts now."""
        operation = self._ledger.operations.read(link.operation_id)
        document = operation.params.get("definition") if operation else None
        return self._identity if document is None else Identity.of(from_document(document, 0), source)

    def _apart(self) -> Iterator[Remark]:
        if self._trouble is not None:
            yield self._unreadable(self._trouble)
        elif self._identity is None:
            text = "The export's columns leave out the record's id or time: no part can be compared with the source."
            yield self._note(text, None)
        else:
            for link in self._not_comparable:
                window = f" of {span_text(link.window)}" if link.window else ""
                text = f"The parts{window} carry no id and time: they cannot be compared with the source."
                yield self._note(text, link.window)

    def _note(self, text: str, window: Window | None) -> Remark:
        remedy = "Name both in the export's columns to have later windows compared."
        return Remark("NOT_COMPARABLE", self._pair, text, remedy, level=Level.NOTE, window=window)

    def _unreadable(self, error: TidegateError) -> Remark:
        text = f"The source could not be read: {error.code}: {error.message}"
        return Remark("SOURCE_UNREADABLE", self._pair, text, error.remedy)


def _merged(windows: Sequence[Window]) -> list[Window]:
    """The same stretch of time in windows that neither touch nor overlap, so that the source is read once."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged
