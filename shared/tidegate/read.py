"""The first step of an export: the pages of its source, with the tables that were asked for and the counts of the rest.

It is taken twice where the export looks back: see lookback.py.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import replace

from tidegate.model import JSON, Definition, FailedRecord, Page
from tidegate.sources import Ask, Source
from tidegate.tables import table_of

NOT_THERE = "NOT_THERE"


def read(
    source: Source, ask: Ask, cursor: JSON | None, definition: Definition, tables: Collection[str] | None
) -> Generator[Page, None, None]:
    """The source's pages from the cursor on, restricted to these tables (None: all of them).

    Records of other tables are counted in Page.filtered, failed ones too. Keys that are nowhere become failed records
    of no known table, so `missing` is empty. Pages may be empty; the last one's cursor is None. Raises what
    Source.pages raises. Close this generator to stop early: it ends the source's threads.
    """
    wanted = None if tables is None else frozenset(tables)
    pages = source.pages(ask, cursor)
    try:
        for page in pages:
            told = _told(page) if page.missing else page
            yield told if wanted is None else _only(told, definition, wanted)
    finally:
        if isinstance(pages, Generator):
            pages.close()


def _only(page: Page, definition: Definition, tables: Collection[str]) -> Page:
    kept = [record for record in page.records if table_of(record, definition) in tables]
    failed = [one for one in page.failed if one.table is None or one.table in tables]
    dropped = len(page.records) - len(kept) + len(page.failed) - len(failed)
    return replace(page, records=kept, failed=failed, filtered=page.filtered + dropped)


def _told(page: Page) -> Page:
    gone = [FailedRecord(key, NOT_THERE, "is no longer there", table=None) for key in page.missing]
    return replace(page, missing=(), failed=[*page.failed, *gone])
