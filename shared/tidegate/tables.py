"""Which table of its study a record belongs to: the attributes of `tableBy`, joined (SPEC 7)."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.model import AttributeValue, Definition, Record

NO_TABLE = "_none"
"""Where records go that lack one of the attributes."""


def table_of(record: Record, definition: Definition) -> str:
    """The name of a record's table: the text of each `tableBy` attribute, joined by `~`.

    "" where the export has no tables. `_none` where any of the attributes is missing, empty, no Unicode text, or
    neither string nor number, so that a record without its table's name is in one predictable place and not in a
    half-named table.
    """
    return table_of_values(record.values, definition)


def table_of_values(values: Mapping[str, AttributeValue], definition: Definition) -> str:
    """As `table_of`, for the attributes of what could not become a record."""
    texts = []
    for name in definition.table_by:
        value = values.get(name)
        text = (value.get("S") or value.get("N")) if isinstance(value, Mapping) else None
        if not text or not isinstance(text, str) or not _is_unicode(text):
            return NO_TABLE
        texts.append(text)
    return "~".join(texts)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
