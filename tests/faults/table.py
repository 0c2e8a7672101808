"""Tables that tests fill row by row and that are printed at the end of the run, whichever process the tests ran in.

A test adds a row with `row(record_property, "Title", scenario="...", calls=12, ...)`; all rows of a title make a table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

ROW = "row of a table"
TEXT = "tables as text"
FULL = os.environ.get("FULL", "") not in ("", "0")
"""Whether everything is wanted (`make faults FULL=1`), or what fits into a minute or two."""


def row(record_property: Callable[[str, object], None], title: str, **cells: object) -> None:
    """Add a row to the table of that title; `record_property` is pytest's fixture."""
    record_property(ROW, [title, {name.replace("_", " "): str(value) for name, value in cells.items()}])


def text(record_property: Callable[[str, object], None], tables: str) -> None:
    """Print tables that a test has made by itself."""
    record_property(TEXT, tables)


def lines(rows: Sequence[Any]) -> Iterator[str]:
    """The tables as text, in the order of their titles; the rows in that of their first cell."""
    for title in sorted({found[0] for found in rows}):
        cells = sorted((found[1] for found in rows if found[0] == title), key=lambda row: next(iter(row.values())))
        names = list(dict.fromkeys(name for found in cells for name in found))
        widths = [max(len(name), *(len(found.get(name, "")) for found in cells)) for name in names]
        yield ""
        yield title
        yield "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip()
        for found in cells:
            yield "  ".join(found.get(n, "").ljust(width) for n, width in zip(names, widths, strict=True)).rstrip()
