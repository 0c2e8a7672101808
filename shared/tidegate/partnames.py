"""Names of parts. The same records always give the same names, whatever their tables are called."""

from __future__ import annotations

import hashlib
import re

from tidegate.layout import percent_encoded

_LONGEST = 200
_KEPT = 171
_SPLIT_ESCAPE = re.compile(r"%[0-9A-F]?$")


def table_segment(table: str) -> str:
    """A table's name in a key, percent-encoded outside [A-Za-z0-9._-].

    What would be longer than 200 bytes is cut and gets a hash of the whole name; the result is then longer than 200
    bytes itself, so it can never be that of another table. Raises UnicodeEncodeError for half a surrogate pair.
    """
    name = percent_encoded(table)
    if len(name) <= _LONGEST:
        return name
    return f"{_SPLIT_ESCAPE.sub('', name[:_KEPT])}-{hashlib.sha256(table.encode()).hexdigest()[:32]}"


def part_key(directory: str, table: str, number: int, extension: str) -> str:
    """The final key of a part: `<directory>[table=<table>/]part-00001.csv.gz`; numbers count from 1 for each table."""
    folder = f"table={table_segment(table)}/" if table else ""
    return f"{directory}{folder}part-{number:05d}.{extension}"
