"""The redrive list: the records of an operation that could not be exported, a line of JSON each, ids and reasons only.

The lines wait in spools, one for what the source told and one for each table, and become one object at the end: so the
list depends on the records and their order alone, as the parts do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from tidegate.errors import FatalError
from tidegate.layout import LIST_NAME
from tidegate.model import JSON, FailedRecord, JSONObject, Part
from tidegate.pieces import PartStream, Pieces, Spool, Tails

LIST_MEDIA_TYPE: Final = "application/x-ndjson"
MOST_FAILED = 100_000
"""As many ids as an override may have: a longer list could not be redriven as a whole."""
TOO_MANY: Final = "TOO_MANY_FAILED_RECORDS"
SHOWN = 5


@dataclass(slots=True)
class FailedRecords:
    """The failed records of one table, or those that the source told of, in their order."""

    count: int = 0
    lines: Spool = field(default_factory=Spool)

    def add(self, failed: FailedRecord) -> None:
        """One more, behind the others."""
        self.lines.append(_line(failed))
        self.count += 1

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`; None for none."""
        return {"count": self.count, "lines": self.lines.state(tails)} if self.count else None

    @classmethod
    def restored(cls, state: JSONObject | None, tails: Tails) -> FailedRecords:
        """What `state` described."""
        return cls() if state is None else cls(state["count"], Spool.restored(state["lines"], tails))


@dataclass(frozen=True, slots=True)
class FailedList:
    """The finished list, as a file among the parts (`file.records` counts its lines), and the first few ids."""

    file: Part
    first: tuple[str, ...]


def finished(groups: Sequence[FailedRecords], directory: str, pieces: Pieces) -> FailedList | None:
    """All groups as one list in pieces, None where nothing failed. Memory is that of one piece."""
    count = sum(group.count for group in groups)
    if not count:
        return None
    stream = PartStream(pieces)
    for chunk in _chunks(groups, pieces):
        stream.write(chunk)
    stored = stream.finish()
    file = Part(f"{directory}{LIST_NAME}", "", count, stored.size, stored.sha256, stored.pieces)
    return FailedList(file, _first(groups, pieces))


def list_of(records: Iterable[FailedRecord]) -> bytes:
    """These records as a whole list."""
    return b"".join(map(_line, records))


def keys_of(chunks: Iterable[bytes]) -> list[tuple[str, ...]]:
    """The keys of a redrive list's records, in its order, each once; what has no key at all is left out."""
    return list(dict.fromkeys(key for key in _keys(chunks) if key))


def too_many(count: int, first: Iterable[str], limit: str) -> FatalError:
    """The error for more failed records than `limit`, a phrase, allows."""
    # Ids of records are in the remedy, which the history, being kept for ever, leaves out.
    return FatalError(
        f"{count} records cannot be exported, more than {limit}.",
        code=TOO_MANY,
        remedy=f"Correct the records, of which the first are {', '.join(first)}, or raise the export's"
        " maxFailedRecords; then retry the operation.",
    )


def check_cap(count: int, groups: Callable[[], Sequence[FailedRecords]], pieces: Pieces) -> None:
    """Raises FatalError (TOO_MANY_FAILED_RECORDS) where these groups have more records than any list may have."""
    if count > MOST_FAILED:
        limit = f"the {MOST_FAILED} that a redrive list can have"
        raise too_many(count, _first(groups(), pieces), limit)


def _first(groups: Sequence[FailedRecords], pieces: Pieces) -> tuple[str, ...]:
    keys = islice(_keys(_chunks(groups, pieces)), SHOWN)
    return tuple(json.dumps(key if len(key) != 1 else key[0]) for key in keys)


def _chunks(groups: Sequence[FailedRecords], pieces: Pieces) -> Iterable[bytes]:
    return chain.from_iterable(group.lines.chunks(pieces) for group in groups)


def _keys(chunks: Iterable[bytes]) -> Iterable[tuple[str, ...]]:
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            yield tuple(json.loads(line)["key"])


def _line(failed: FailedRecord) -> bytes:
    # ASCII, because what failed may be half of a surrogate pair, which UTF-8 cannot hold.
    document = {"key": failed.key, "table": failed.table, "errorCode": failed.code, "reason": failed.reason}
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"
