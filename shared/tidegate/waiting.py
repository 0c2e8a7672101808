"""Records that wait until their part's columns are known, because the columns are those of its first records.

They wait as lines (packing.py), as a state carries them. To read lines back costs more than to write the records, so
where all columns are copies they wait together with the rows that they make if no other column comes, as is the rule.
Only where one comes, or somebody wants a state, do they become records or lines: of the bytes in which they came, where
the source has left these with them (rereadable.py), otherwise of a list in JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tidegate.formats import Column
from tidegate.model import JSON, Record
from tidegate.packing import most_bytes_packed, most_bytes_saved, packed, packed_together, unpacked_together
from tidegate.pieces import LineSpool, Pieces
from tidegate.rereadable import Rereadable


@dataclass(frozen=True, slots=True)
class Ahead:
    """Records, and the rows that they make in a part of the columns `names`; `columns` tell the kinds of their values.

    `new` are their attributes that no record before them has. As lines the records have `most_bytes` or fewer.
    """

    names: tuple[str, ...]
    rows: Sequence[bytes]
    columns: Sequence[Column]
    new: frozenset[str]
    most_bytes: int
    _text: bytes = field(repr=False)
    _read: Callable[[bytes], list[Record]] | None

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        rows: Sequence[bytes],
        columns: Sequence[Column],
        new: frozenset[str],
    ) -> Ahead:
        """These records, one at least, with columns for all attributes that they have.

        Raises TypeError or ValueError where one cannot be packed.
        """
        names = tuple(column.name for column in columns)
        kinds = [Column(column.name, (), column.kinds) for column in columns]
        if isinstance(records, Rereadable):
            most = most_bytes_packed(records)
            return cls(names, rows, kinds, new, most, records.text, records.read)
        lines = packed_together(records)
        return cls(names, rows, kinds, new, len(lines) - 1, lines, None)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self._text) + sum(map(len, self.rows))

    @property
    def least_bytes(self) -> int:
        """As many bytes as that the records surely have as lines."""
        if self._read is None:
            return self.most_bytes
        return self.most_bytes - most_bytes_saved(self._text)

    def records(self) -> list[Record]:
        """The records; their times may be missing."""
        return unpacked_together(self._text) if self._read is None else self._read(self._text)


class Waiting(LineSpool):
    """The records of a part that wait, in their order: first those that are lines, then those with rows.

    The part's columns are the attributes of its first `most_records` records, or of as many as make `most_bytes` of
    lines, with the one that reaches the limit; in whichever form they wait, and however often they were stored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.most_records = 0
        self.most_bytes = 0
        self.records = 0
        self._seen: set[str] = set()
        self._lines = 0
        self._ahead: list[Ahead] = []
        self._ahead_size = self._ahead_most = 0
        self._ahead_least: list[int] = []
        self._seen_ahead: set[str] = set()
        self._limit_reached = False

    @property
    def held(self) -> int:
        """How many bytes are in memory."""
        return super().held + self._ahead_size

    @property
    def seen(self) -> set[str]:
        """The attributes that count for the part's columns; certain behind `fold(as_needed=True)`."""
        return self._seen if self._limit_reached else self._seen | self._seen_ahead

    @property
    def is_full(self) -> bool:
        """Whether the limit is surely reached; some records behind it may wait as well."""
        if self._limit_reached or self.records >= self.most_records:
            return True
        missing = self.most_bytes - (self.size - self._ahead_size)
        return self._ahead_most >= missing and self._surely_ahead() >= missing

    def add(self, record: Record) -> None:
        """One more. Raises UnwritableValueError where it cannot be packed."""
        line = packed(record)
        self.fold()
        self.records += 1
        self._add_line(line, record)

    def add_lines(self, lines: memoryview, count: int, attributes: Iterable[str]) -> None:
        """So many more, packed by the library, none of them behind the limit; nothing waits with rows."""
        self.append(lines)
        self.records += count
        self._lines += count
        self._seen.update(attributes)
        self._look_at_limit()

    def add_ahead(self, ahead: Ahead) -> None:
        """Those with their rows."""
        self._ahead.append(ahead)
        self._ahead_size += ahead.size
        self._ahead_most += ahead.most_bytes
        self._seen_ahead |= ahead.new
        self.records += len(ahead.rows)

    def fold(self, *, as_needed: bool = False) -> None:
        """Makes lines of what waits with rows; `as_needed` only until `seen` is certain, which takes few of them.

        That is as far as attributes were new: if the limit lies behind these, it does not matter where.
        """
        stop = len(self._ahead)
        while as_needed and stop and not self._ahead[stop - 1].new:
            stop -= 1
        folded, self._ahead = self._ahead[:stop], self._ahead[stop:]
        self._ahead_size -= sum(ahead.size for ahead in folded)
        self._ahead_most -= sum(ahead.most_bytes for ahead in folded)
        self._ahead_least = self._ahead_least[stop:]
        for ahead in folded:
            for record in ahead.records():
                self._add_line(packed(record), record)

    def take_ahead(self) -> list[Ahead]:
        """What waits with rows, to be written behind the lines; none is left, and the count starts anew."""
        taken, self._ahead = self._ahead, []
        self._ahead_size = self._ahead_most = self.records = 0
        self._ahead_least = []
        return taken

    def put_aside(self, pieces: Pieces) -> None:
        """Moves what is in memory into the store; what is read from here stays the same."""
        self.fold()
        super().put_aside(pieces)

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and the bytes in memory at the end of `tails`."""
        self.fold()
        return super().state(tails)

    def resume(self, records: int, seen: Iterable[str]) -> None:
        """So many records wait here as lines, with these attributes: they were restored."""
        self.records = self._lines = records
        self._seen = set(seen)

    def _surely_ahead(self) -> int:
        """So many bytes, or more, has what waits with rows as lines."""
        self._ahead_least += [ahead.least_bytes for ahead in self._ahead[len(self._ahead_least) :]]
        return sum(self._ahead_least)

    def _add_line(self, line: bytes, record: Record) -> None:
        self.append(line)
        self._lines += 1
        if not self._limit_reached:
            self._seen.update(record.values)
            self._look_at_limit()

    def _look_at_limit(self) -> None:
        reached = self.size - self._ahead_size >= self.most_bytes
        self._limit_reached = reached or self._lines >= self.most_records
