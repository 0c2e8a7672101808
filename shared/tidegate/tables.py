"""Which table of its study a record belongs to: the attributes of `tableBy`, joined (SPEC 7)."""

from __future__ import annotations

from tidegate.model import Definition, Record

NO_TABLE = "_none"
"""Where records go that lack one of the attributes."""


def table_of(record: Record, definition: Definition) -> str:
    """The name of a record's table: the text of each `tableBy` attribute, joined by `~`.

    "" where the export has no tables. `_none` where any of the attributes is missing, empty, or neither string nor
    number, so that a record without its table's name is in one predictable place and not in a half-named table.
    """
    texts = []
    for name in definition.table_by:
        value = record.values.get(name, {})
        text = value.get("S") or value.get("N")
        if not text:
            return NO_TABLE
        texts.append(text)
    return "~".join(texts)
