"""Asks a source of one's own page by page, and goes on behind any page, in another process too.

What it gives is cut into slices of at most 1,000 rows. The cursor behind a slice says from which of the source's own
cursors to ask, and how many slices to pass over then. These are compared by a hash, so that a source that gives
something else the second time is found out before anything is delivered.
"""

from __future__ import annotations

import hashlib
import json
import logging
import traceback
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import translate
from tidegate.datasource import Asked
from tidegate.errors import FatalError, ForeignError, TidegateError
from tidegate.instants import rfc3339, to_millis
from tidegate.model import JSON, Definition, Finding, Page, Record, Window
from tidegate.sources.own.catalogue import Place
from tidegate.sources.own.module import SourceModule, load
from tidegate.sources.own.result import CURSOR, RowPage, Rules, extra_keys, page_of, record_of
from tidegate.sources.source import Ask

logger = logging.getLogger(__name__)

SLICE: Final = 1_000
_WITHOUT_HEADER: Final = frozenset({"JSON", "JSONL"})
"""Formats that write a record's own keys, so that a list of rows is enough."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a reading stands behind a slice: `origin` is the source's own cursor, `slices` and `digest` what follows.

    `rows` counts those of the whole window so far, `origin_rows` those before the source's own cursor; `header` is the
    one that they came with.
    """

    origin: JSON | None = None
    origin_rows: int = 0
    slices: int = 0
    digest: str = ""
    rows: int = 0
    header: tuple[str, ...] | None = None

    @classmethod
    def of(cls, cursor: JSON | None) -> _Mark:
        if cursor is None:
            return cls()
        header = cursor["header"]
        return cls(**{**cursor, "header": None if header is None else tuple(header)})

    def at_origin(self) -> _Mark:
        """The mark from which the source has to be asked to come to this one."""
        return _Mark(self.origin, self.origin_rows, rows=self.origin_rows, header=self.header)

    def behind(self, records: Sequence[Record], page: RowPage, *, whole: bool) -> _Mark:
        """The mark behind further records; `whole` where they end their page, whose cursor then counts."""
        rows = self.rows + len(records)
        if whole and page.cursor is not None:
            return _Mark(page.cursor, rows, rows=rows, header=page.header)
        told = json.dumps([(record.key, record.values) for record in records], sort_keys=True, default=_base64)
        digest = hashlib.sha256((self.digest + told).encode()).hexdigest()
        return replace(self, slices=self.slices + 1, digest=digest, rows=rows, header=page.header)


@dataclass(frozen=True, slots=True)
class _Slice:
    records: Sequence[Record]
    mark: _Mark


class OwnSource:
    """The source of a definition whose type is the name of a module. Nothing is imported before something is asked."""

    def __init__(self, definition: Definition, place: Place) -> None:
        self._definition = definition
        self._place = place

    def pages(self, ask: Ask, cursor: JSON | None) -> Generator[Page, None, None]:
        """See Source.pages. Raises ForeignError besides, where the module's own code does not know what to do."""
        if ask.window is None:
            raise FatalError(
                f"The source {self._place.name} can be asked for a window only, not for single records.",
                code="SOURCE_WITHOUT_KEYS",
                remedy="Correct its records where they are, and export their window again: 'tidegate redrive window'.",
            )
        if ask.window.empty:
            return
        module = load(self._place)
        rules = self._rules(module)
        known = _Mark.of(cursor)
        asked = Asked(ask.study, ask.window.start, ask.window.end, None, known.origin)
        ahead: _Slice | None = None
        for one in self._unknown(module, rules, asked, known):
            if ahead is not None:
                yield self._page(ahead, ask.window, rules, last=False)
            ahead = one
        if ahead is not None:
            yield self._page(ahead, ask.window, rules, last=True)
        else:
            yield Page((), None, columns=known.header or rules.header)

    def warnings(self, studies: Sequence[str]) -> Sequence[str]:  # noqa: ARG002  the protocol's
        """See Inspectable."""
        if load(self._place).time:
            return ()
        warning = (
            f"The source {self._place.name} names no TIME: whatever it gives for a window is exported with it, and"
            " whether a record comes twice, or never, is up to the source."
        )
        return (warning,)

    def inspect(self, studies: Sequence[str], window: Window) -> Sequence[Finding]:
        """See Inspectable: module, options, and one slice of the first study, read with the rights of who asks."""
        try:
            module = load(self._place)
            module.parameters_of(self._definition.source.options)
            found = [Finding(ok=True, what=f"The source {module.name} is there: {self._place.origin}.")]
            for study in studies[:1]:
                with closing(self.pages(Ask(study, window), None)) as pages:
                    page = next(pages)
                more = "or more " if page.cursor is not None else ""
                columns = f" of {len(page.columns)} columns" if page.columns else ""
                count = len(page.records) + page.filtered
                text = f"It gave {count} {more}rows{columns} for the study {study}, {len(page.records)} of them in"
                found.append(Finding(ok=True, what=f"{text} {rfc3339(window.start)} to {rfc3339(window.end)}."))
        except TidegateError as error:
            return [Finding(ok=False, what=error.message, remedy=error.remedy)]
        return found

    def _rules(self, module: SourceModule) -> Rules:
        definition = self._definition
        json_like = definition.format.type in _WITHOUT_HEADER
        chosen = definition.columns is not None
        return Rules(
            source=module.name,
            key=definition.source.record_key,
            time=definition.source.time_key,
            header=module.columns,
            header_wanted=not json_like and not chosen,
            extra_kept=json_like or chosen,
            needed=() if json_like or chosen else definition.table_by,
        )

    def _page(self, one: _Slice, window: Window, rules: Rules, *, last: bool) -> Page:
        kept = one.records
        if rules.time:
            low, high = to_millis(window.start), to_millis(window.end)
            kept = [record for record in kept if low <= (record.time_millis or 0) < high]
        cursor = None if last else asdict(one.mark)
        return Page(kept, cursor, filtered=len(one.records) - len(kept), columns=one.mark.header)

    def _unknown(self, module: SourceModule, rules: Rules, asked: Asked, known: _Mark) -> Iterator[_Slice]:
        """The slices behind `known`. Raises FatalError where those before it are not what they were."""
        before = known.slices
        for one in self._slices(module, rules, asked, known.at_origin()):
            if before:
                before -= 1
                if not before and one.mark != known:
                    raise self._changed(asked)
            else:
                yield one
        if before:
            raise self._changed(asked)

    def _slices(self, module: SourceModule, rules: Rules, asked: Asked, mark: _Mark) -> Iterator[_Slice]:
        before = None if mark.origin is None else RowPage(mark.header, (), None)
        extra = 0
        for result in self._results(module, rules, asked):
            before = page = page_of(result, rules, before, mark.rows)
            extra += 0 if rules.extra_kept else extra_keys(page.rows, page.header)
            for at in range(0, len(page.rows) or 1, SLICE):
                rows = enumerate(page.rows[at : at + SLICE], mark.rows + 1)
                records = [record_of(number, row, page.header, rules) for number, row in rows]
                mark = mark.behind(records, page, whole=at + SLICE >= len(page.rows))
                yield _Slice(records, mark)
        if extra:
            told = {"source": self._place.name, "values": extra}
            logger.warning("left out the values under keys that the headerRow does not name", extra=told)

    def _results(self, module: SourceModule, rules: Rules, asked: Asked) -> Iterator[object]:
        """What the module gives, page by page: it yields them, or is called again with the cursor of the last one."""
        with self._theirs(module, asked):
            ask, parameters = module.asking(self._definition.source.options)
        while True:
            with self._theirs(module, asked):
                result = ask(replace(asked, parameters=parameters))
            if isinstance(result, Iterator):
                yield from self._iterated(module, asked, result)
                return
            yield result
            cursor = result.get(CURSOR) if isinstance(result, Mapping) else None
            if cursor is None:
                return
            cursor = json.loads(json.dumps(cursor))
            if cursor == asked.cursor:
                raise rules.wrong(f"the same '{CURSOR}' as it was asked with, so that it would never end")
            asked = replace(asked, cursor=cursor)

    def _iterated(self, module: SourceModule, asked: Asked, results: Iterator[object]) -> Iterator[object]:
        try:
            while True:
                with self._theirs(module, asked):
                    result = next(results, _END)
                if result is _END:
                    return
                yield result
        finally:
            close: Callable[[], None] = getattr(results, "close", lambda: None)
            with self._theirs(module, asked):
                close()

    @contextmanager
    def _theirs(self, module: SourceModule, asked: Asked) -> Iterator[None]:
        """What the module's own code raises, as errors of ours; those that it raises on purpose pass."""
        try:
            yield
        except TidegateError:
            raise
        except (BotoCoreError, ClientError) as error:
            raise translate(error, f"Reading the source {module.name}") from error
        except Exception as error:
            raise ForeignError(
                f"The source {module.name} raised {type(error).__name__} at {_where(error, module)}, asked for the"
                f" study {asked.study}.",
                code="SOURCE_RAISED",
                remedy="Correct the source, deploy it, and retry the operation. What may work later it should raise as"
                " RetriableError, what cannot work as FatalError. The worker's log has the lines that it passed.",
            ) from error

    def _changed(self, asked: Asked) -> FatalError:
        return FatalError(
            f"The source {self._place.name} was asked a second time for the same records of the study {asked.study},"
            " and gave others.",
            code="SOURCE_NOT_REPEATABLE",
            remedy="Have it give the same rows in the same order for the same window, or pages with a cursor; then"
            " retry the operation.",
        )


_END: Final = object()


def _where(error: Exception, module: SourceModule) -> str:
    """The last line of the module that an error passed, of other code where it passed none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == module.file]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
