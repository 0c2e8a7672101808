"""A part's bytes on their way into the store: members, pieces, hash; the same bytes however often interrupted.

The states of compressors and hashlib cannot be stored, so nothing here depends on them. A part is a chain of members,
each made of the same number of uncompressed bytes; what has not filled a member yet is kept as it is. A part that was
written by several processes is hashed by reading its pieces back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Protocol, Self

from tidegate.compression import Compression, compression_of
from tidegate.immutable import dataclass
from tidegate.model import JSON, JSONObject, Part, Piece

MEMBER_BYTES = 1 << 20
"""Uncompressed bytes of a member: each open part holds as much at most, and larger ones save 0.1 % only."""
LINES_BYTES = 1 << 20
"""How much of a spool of lines is given out at once, and its memory with it; lines that came at once stay together."""
_WORTH_KEEPING = 1 << 20
"""Memory of a piece from here on is used again for the next; a smaller one is copied."""
PLAIN = compression_of("none")


class PieceStore(Protocol):
    """Where private objects live; the bucket's `work/` in a stack."""

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Stores an object; its key was never used before, unless by an attempt whose outcome got lost.

        A bytearray's bytes are there for this call only.
        """
        ...

    def get(self, key: str) -> Iterator[bytes]:
        """The object's bytes in chunks."""
        ...

    def least_piece(self, stored: int) -> int:
        """How many bytes a piece has at least where so many of its part are stored; the last may have fewer."""
        ...


class Pieces:
    """Puts private objects under a prefix, each under a number of its own, and reads them back."""

    def __init__(self, store: PieceStore, prefix: str, *, put_so_far: int) -> None:
        self._store = store
        self._prefix = prefix
        self._spare = bytearray()
        self.least_piece = store.least_piece
        self.put_so_far = put_so_far

    def put(self, data: bytes | bytearray) -> Piece:
        """Stores the bytes as a new object."""
        self.put_so_far += 1
        piece = Piece(f"{self._prefix}{self.put_so_far:08d}", len(data))
        self._store.put(piece.key, data)
        return piece

    def put_written(self, buffer: bytearray) -> Piece:
        """Stores the bytes as a new object, and keeps their memory for the next one who needs a buffer."""
        piece = self.put(buffer)
        self._spare = buffer
        return piece

    def buffer(self) -> bytearray:
        """A buffer to write over, of whatever size: the last one that was stored, if nobody has it yet."""
        spare, self._spare = self._spare, bytearray()
        return spare

    def read(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """The bytes of these objects, one after the other, in chunks."""
        for piece in pieces:
            yield from self._store.get(piece.key)


class Spool:
    """Bytes that wait to be used all at once. The older ones may be put aside into the store, to save memory."""

    def __init__(self) -> None:
        self._aside: list[Piece] = []
        self._held = BytesIO()

    @property
    def held(self) -> int:
        """How many bytes are in memory."""
        return self._held.tell()

    @property
    def size(self) -> int:
        """How many bytes there are, in memory and in the store."""
        return self.held + sum(piece.size for piece in self._aside)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes at the end."""
        self._held.write(data)

    def put_aside(self, pieces: Pieces) -> None:
        """Moves what is in memory into the store; what `take` gives stays the same."""
        self._aside.append(pieces.put(b"".join(self._emptied())))

    def chunks(self, pieces: Pieces) -> Iterator[bytes]:
        """All the bytes, piece by piece; they stay where they are."""
        yield from pieces.read(self._aside)
        yield from self._in_memory()

    def take(self, pieces: Pieces) -> bytes:
        """All the bytes; the spool is empty then."""
        aside, self._aside = self._aside, []
        return b"".join((*pieces.read(aside), *self._emptied()))

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and the bytes in memory at the end of `tails`."""
        tails.extend(self._in_memory())
        return {"aside": pieces_json(self._aside), "held": self.held}

    @classmethod
    def restored(cls, state: JSONObject, tails: Tails) -> Self:
        """The spool that `state` described."""
        spool = cls()
        spool._aside = list(pieces_of(state["aside"]))
        spool.append(tails.take(state["held"]))
        return spool

    def in_memory(self) -> bytes | None:
        """The bytes, where all of them are in memory; None otherwise."""
        return None if self._aside else b"".join(self._in_memory())

    def _in_memory(self) -> list[bytes]:
        return [self._held.getvalue()]

    def _emptied(self) -> list[bytes]:
        data, self._held = self._in_memory(), BytesIO()
        return data


class LineSpool(Spool):
    """A spool of whole lines: each `append` adds some. Draining them gives their memory back bit by bit."""

    def __init__(self) -> None:
        super().__init__()
        self._full: list[bytes] = []
        self._full_size = 0

    @property
    def held(self) -> int:
        """How many bytes are in memory."""
        return self._full_size + super().held

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Adds whole lines at the end."""
        begun = self._held.tell()
        if begun and begun + len(data) > LINES_BYTES:
            self._full.append(self._held.getvalue())
            self._full_size += begun
            self._held = BytesIO()
        super().append(data)

    def drain(self, pieces: Pieces) -> Iterator[bytes]:
        """All the bytes, whole lines at a time, a mebibyte or so; the spool is empty from the first ones on."""
        aside, self._aside = self._aside, []
        waiting = [chunk for chunk in reversed(self._emptied()) if chunk]
        begun = b""
        for chunk in pieces.read(aside):
            whole, end, begun = (begun + chunk).rpartition(b"\n")
            if end:
                yield whole + end
        while waiting:
            yield waiting.pop()

    def _in_memory(self) -> list[bytes]:
        return [*self._full, *super()._in_memory()]

    def _emptied(self) -> list[bytes]:
        data = super()._emptied()
        self._full, self._full_size = [], 0
        return data


class PieceSpool(Spool):
    """A spool of what will be one piece. It can be written into the memory of the piece before it."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._written = 0

    @property
    def held(self) -> int:
        """How many bytes are in memory."""
        return self._written

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes at the end."""
        end = self._written + len(data)
        if end > len(self._buffer):
            del self._buffer[self._written :]
            self._buffer += data
        else:
            self._buffer[self._written : end] = data
        self._written = end

    def use(self, buffer: bytearray) -> None:
        """Goes on in this buffer, from its start. Nothing may be in memory."""
        self._buffer = buffer

    def send(self, pieces: Pieces) -> Piece:
        """Stores all the bytes as one object; the spool is empty then."""
        if self._aside or self._written < _WORTH_KEEPING:
            return pieces.put(self.take(pieces))
        sent, self._buffer = self._buffer, bytearray()
        del sent[self._written :]
        self._written = 0
        return pieces.put_written(sent)

    def _in_memory(self) -> list[bytes]:
        with memoryview(self._buffer) as whole:
            return [bytes(whole[: self._written])]

    def _emptied(self) -> list[bytes]:
        data = self._in_memory()
        self._buffer, self._written = bytearray(), 0
        return data


class Tails:
    """Reads back, in order, the bytes that a state carries behind its JSON."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, size: int) -> memoryview:
        """The next so many bytes."""
        taken, self._data = self._data[:size], self._data[size:]
        return taken


@dataclass(frozen=True, slots=True)
class Stored:
    """The finished bytes of a part: size and sha256 as stored, and the pieces that hold them in order."""

    size: int
    sha256: str
    pieces: tuple[Piece, ...]


class PartStream:
    """Takes a part's plain bytes, compresses them if asked to, and puts them into the store piece by piece.

    A piece is cut at the first end of a member at which it is as large as the store wants it.
    It holds at most one member of plain bytes and one piece, whatever the part's size. After an exception of the store
    it is of no use any more; go on from the last state.
    """

    def __init__(self, pieces: Pieces, compression: Compression = PLAIN) -> None:
        self._store = pieces
        self._compression = compression
        self._open_member = bytearray()
        self._pieces: list[Piece] = []
        self._size = 0
        self._hash = hashlib.sha256()
        self._hash_is_whole = True
        self.unsent = PieceSpool()
        self.plain_size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Adds plain bytes; how they are divided among calls has no influence on what is stored."""
        view = memoryview(data)
        while view:
            missing = MEMBER_BYTES - self.plain_size % MEMBER_BYTES
            taken, view = view[:missing], view[missing:]
            self.plain_size += len(taken)
            if self._compression is PLAIN:  # its members are what they are made of, and need not be collected first
                self._add(taken)
            elif self._open_member or len(taken) < missing:
                self._open_member += taken
                if len(taken) == missing:
                    self._end_member()
            else:
                self._add(self._compression.compress(taken))
            if len(taken) == missing and self.unsent.size >= self._store.least_piece(len(self._pieces)):
                self._end_piece()

    def finish(self) -> Stored:
        """Stores what is left. A part without a byte still is an object: an empty one, or an empty member."""
        if self._open_member or not self._size:
            self._end_member()
        if self.unsent.size or not self._pieces:
            self._end_piece()
        if not self._hash_is_whole:
            self._hash = hashlib.sha256()
            for chunk in self._store.read(self._pieces):
                self._hash.update(chunk)
        return Stored(self._size, self._hash.hexdigest(), tuple(self._pieces))

    def spools(self) -> Iterator[Spool]:
        """What may be put aside to save memory."""
        yield self.unsent

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`."""
        tails.append(self._open_member)
        return {
            "plain": self.plain_size,
            "openMember": len(self._open_member),
            "size": self._size,
            "pieces": pieces_json(self._pieces),
            "unsent": self.unsent.state(tails),
        }

    @classmethod
    def restored(cls, state: JSONObject, tails: Tails, pieces: Pieces, compression: Compression) -> PartStream:
        """The stream that `state` described."""
        stream = cls(pieces, compression)
        stream.plain_size = state["plain"]
        stream._open_member = bytearray(tails.take(state["openMember"]))
        stream._size = state["size"]
        stream._pieces = list(pieces_of(state["pieces"]))
        stream.unsent = PieceSpool.restored(state["unsent"], tails)
        everything = None if stream._pieces else stream.unsent.in_memory()
        if everything is None:
            stream._hash_is_whole = False
        else:
            stream._hash.update(everything)
        if compression is PLAIN:  # a checkpoint of an earlier version has an open member
            stream._end_member()
        return stream

    def _end_member(self) -> None:
        self._add(self._compression.compress(self._open_member))
        self._open_member = bytearray()

    def _add(self, data: bytes | memoryview) -> None:
        self._size += len(data)
        if self._hash_is_whole:
            self._hash.update(data)
        if not self.unsent.held:
            self.unsent.use(self._store.buffer())
        self.unsent.append(data)

    def _end_piece(self) -> None:
        self._pieces.append(self.unsent.send(self._store))


def pieces_json(pieces: Iterable[Piece]) -> JSON:
    """Pieces as JSON: a list of key and size."""
    return [[piece.key, piece.size] for piece in pieces]


def pieces_of(document: JSON) -> Iterator[Piece]:
    """The pieces that `pieces_json` wrote."""
    return (Piece(key, size) for key, size in document)


def part_json(part: Part) -> JSON:
    """A finished part as JSON, pieces and all; `part_of` reads it back."""
    return {
        "key": part.key,
        "table": part.table,
        "records": part.records,
        "size": part.size,
        "sha256": part.sha256,
        "pieces": pieces_json(part.pieces),
    }


def part_of(document: JSONObject) -> Part:
    """The part that `part_json` wrote."""
    return Part(
        key=document["key"],
        table=document["table"],
        records=document["records"],
        size=document["size"],
        sha256=document["sha256"],
        pieces=tuple(pieces_of(document["pieces"])),
    )
