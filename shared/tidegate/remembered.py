"""The memory of the look-back: which records the last windows exported within it, as a private file of marks.

Gzip of JSON lines: a header, then a mark for each record in the order of time, `[milliseconds, time as it is written,
key...]`, then those that were listed as failed and whose time nobody knows, with null for both. The file of a chain
head says all that a look-back from there needs; it is bounded by the look-back, not by the history.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice, repeat
from json.encoder import encode_basestring_ascii as _in_quotes
from typing import Final, TypeAlias

from tidegate.compression import compression_of
from tidegate.errors import FatalError
from tidegate.formats import MISSING
from tidegate.formats.wire import cell_text, cell_texts
from tidegate.immutable import dataclass
from tidegate.instants import parse_rfc3339, rfc3339, to_millis
from tidegate.model import JSON, FailedRecord, JSONObject, Part, Record
from tidegate.pieces import PartStream, Pieces, PieceStore, Spool, Tails
from tidegate.readback import Measured
from tidegate.store.pairs import Memory
from tidegate.transcoding import RawPage

Key: TypeAlias = tuple[str, ...]
Mark: TypeAlias = tuple[int, str | None, Key]
"""Milliseconds, the time as the record has it (None where the record's attributes leave it out), the record's key."""

MEDIA_TYPE: Final = "application/gzip"
_VERSION: Final = 1
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_TIMELESS: Final = b"[null,"
_HELD_BYTES = 8 << 20
"""A file of this size at most is read once and kept; a larger one is read twice."""
_CARRIED_BYTES = 256 << 10
"""What is carried in a checkpoint of bytes that wait to become a piece."""
_BROKEN: Final = (EOFError, OSError, ValueError, KeyError, TypeError, zlib.error)


@dataclass(frozen=True, slots=True)
class Header:
    """What a memory says of itself: it knows every record that its chain exported with a time in [since, end).

    `names` are the attributes of a record's key and, last, its time. `unit` is the source's `TimeOrdered.time_unit`
    when it was written, so says in which order the marks are. `manifest` is the key of the window that ends there.
    """

    export: str
    study: str
    since: datetime
    end: datetime
    names: tuple[str, ...]
    unit: int | None
    manifest: str

    def line(self) -> bytes:
        """The first line of the file."""
        document = {
            "version": _VERSION,
            "export": self.export,
            "study": self.study,
            "since": rfc3339(self.since),
            "end": rfc3339(self.end),
            "names": self.names,
            "unit": self.unit,
            "manifest": self.manifest,
        }
        return _line(document)

    @classmethod
    def of_line(cls, line: bytes | str) -> Header:
        """What `line` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        document = json.loads(line)
        if document["version"] != _VERSION:
            raise ValueError(f"version {document['version']} is not known")
        return cls(
            document["export"],
            document["study"],
            parse_rfc3339(document["since"]),
            parse_rfc3339(document["end"]),
            tuple(document["names"]),
            document["unit"],
            document["manifest"],
        )


def mark_of(record: Record, time_name: str) -> Mark | None:
    """The mark of a record; None for one without a time, as only an override gives it."""
    if record.time_millis is None:
        return None
    return record.time_millis, cell_text(record.values.get(time_name, {})), record.key


def marks_of(records: Sequence[Record], time_name: str) -> Iterator[Mark]:
    """The mark of each record that has a time, as `mark_of` gives it."""
    times = cell_texts([record.values.get(time_name, MISSING) for record in records])
    for record, time in zip(records, times, strict=True):
        if record.time_millis is not None:
            yield record.time_millis, time, record.key


class Remembering:
    """Writes the memory that a window leaves, into private pieces; the same bytes however often interrupted.

    Only what is in the header's [since, end) is kept, so callers may give everything; what lies before `floor`, in
    milliseconds, need not be given. With the `state` of an earlier one it goes on where that one stood.
    """

    def __init__(self, header: Header, pieces: Pieces, state: JSONObject | None, tails: Tails) -> None:
        self._pieces = pieces
        self._time_name = header.names[-1]
        self._unit = header.unit
        self.floor = to_millis(header.since)
        if state is None:
            self._count = 0
            self._stream = PartStream(pieces, compression_of("gzip"))
            self._stream.write(header.line())
            self._failed = Spool()
        else:
            pieces.put_so_far = state["put"]
            self._count = state["count"]
            self._stream = PartStream.restored(state["stream"], tails, pieces, compression_of("gzip"))
            self._failed = Spool.restored(state["failed"], tails)

    def note(self, records: Sequence[Record]) -> None:
        """Take the window's next exported records, in the source's order."""
        if isinstance(records, RawPage):
            unit = self._unit or 1
            found = records.marks(self.floor // unit * unit, self._unit)
            if found is not None:
                self.keep(found)
                return
        if not records or self._all_before(records[-1]):
            return
        self.keep(marks_of(records, self._time_name))

    def keep(self, marks: Iterable[Mark]) -> None:
        """Take marks, in their order."""
        kept = [mark for mark in marks if mark[0] >= self.floor]
        if kept:
            self._stream.write(_mark_lines(kept).encode("ascii"))
            self._count += len(kept)

    def fail(self, failed: Iterable[FailedRecord]) -> None:
        """Take records that cannot be exported and whose time is not known; they are known by their key alone."""
        for one in failed:
            if one.key:
                self._failed.append(_line([None, None, *one.key]))
                self._count += 1

    def finish(self, key: str) -> Part:
        """The finished file, to be published under this key."""
        # Last, because the order among marks and failed records depends on how the source divides its pages.
        for chunk in self._failed.chunks(self._pieces):
            self._stream.write(chunk)
        stored = self._stream.finish()
        return Part(key, "", self._count, stored.size, stored.sha256, stored.pieces)

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`."""
        for spool in (self._stream.unsent, self._failed):
            if spool.held > _CARRIED_BYTES:
                spool.put_aside(self._pieces)
        stream, failed = self._stream.state(tails), self._failed.state(tails)
        return {"put": self._pieces.put_so_far, "count": self._count, "stream": stream, "failed": failed}

    def _all_before(self, last: Record) -> bool:
        """Whether these records, which come in order, all lie before what is remembered: most of a long window does."""
        if self._unit is None or last.time_millis is None:
            return False
        return last.time_millis // self._unit < self.floor // self._unit


class Remembered:
    """The memory that a chain head names, whole and as it was written. `failed` are the keys without a time."""

    def __init__(
        self, objects: PieceStore, ref: Memory, header: Header, failed: frozenset[Key], held: bytes | None
    ) -> None:
        self._objects = objects
        self._held = held
        self.ref = ref
        self.header = header
        self.failed = failed

    @classmethod
    def opened(cls, objects: PieceStore, ref: Memory) -> Remembered | None:
        """Read it once from end to end; None where it is gone, or is not what was written."""
        held = bytearray()
        large = False

        def stored() -> Iterator[bytes]:
            nonlocal large
            for chunk in objects.get(ref.key):
                large = large or len(held) + len(chunk) > _HELD_BYTES
                if not large:
                    held.extend(chunk)
                yield chunk

        raw = Measured(stored())
        try:
            lines = _lines(raw)
            header = Header.of_line(next(lines, b""))
            failed = frozenset(tuple(json.loads(line)[2:]) for line in lines if line.startswith(_TIMELESS))
            raw.drain()
        except FatalError as error:
            if error.code != "NOT_FOUND":
                raise
            return None
        except _BROKEN:
            return None
        if raw.hash.hexdigest() != ref.sha256:
            return None
        return cls(objects, ref, header, failed, None if large else bytes(held))

    def marks(self, skip: int = 0) -> Iterator[Mark]:
        """The marks of records that have a time, in the file's order, behind the first `skip` of them."""
        chunks = self._objects.get(self.ref.key) if self._held is None else [self._held]
        lines = islice(_lines(Measured(chunks)), 1, None)
        for line in islice((line for line in lines if not line.startswith(_TIMELESS)), skip, None):
            millis, time, *key = json.loads(line)
            yield millis, time, tuple(key)


def put_memory(
    objects: PieceStore, key: str, header: Header, marks: Iterable[Mark], failed: Iterable[Key]
) -> Remembered:
    """Write a memory whole, as a private object. It is held in memory, which its look-back bounds."""
    lines = [header.line(), *(_line([millis, time, *of]) for millis, time, of in marks)]
    lines += [_line([None, None, *one]) for one in failed]
    data = gzip.compress(b"".join(lines), mtime=0)
    objects.put(key, data)
    ref = Memory(key, hashlib.sha256(data).hexdigest())
    return Remembered(objects, ref, header, frozenset(failed), data)


def _lines(raw: Measured) -> Iterator[bytes]:
    return iter(gzip.GzipFile(fileobj=io.BufferedReader(raw, 1 << 20), mode="rb"))


def _mark_lines(marks: Sequence[Mark]) -> str:
    """As `_line` of each, many times faster: a short look-back over many records makes a line for each of them."""
    millis, times, keys = zip(*marks, strict=True)
    # Nearly always all have a time, and nothing has to be escaped: one look at all of them says so.
    written = None if None in times else "".join(chain(times, *keys))
    if written is None or not (written.isascii() and written.isprintable()) or '"' in written or "\\" in written:
        return "".join([_mark_line(*mark) for mark in marks])
    names = map('","'.join, keys)
    members = zip(
        repeat("["), map(str, millis), repeat(',"'), times, repeat('","'), names, repeat('"]\n'), strict=False
    )
    return "".join(chain.from_iterable(members))


def _mark_line(millis: int, time: str | None, key: Key) -> str:
    texts = ",".join(map(_in_quotes, key))
    return f"[{millis},{'null' if time is None else _in_quotes(time)},{texts}]\n"


def _line(value: JSON) -> bytes:
    # ASCII, because a key may hold half of a surrogate pair, which UTF-8 cannot hold.
    return _encode(value).encode("ascii") + b"\n"
