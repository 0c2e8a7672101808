"""A Parquet part's bytes on their way into the store: rows wait until they make a row group, then become its columns.

Row groups end by the bytes of their rows alone, and everything that a group is made of is in the state, so the file is
the same however often the work went on in another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.model import JSON, JSONObject
from tidegate.parquet.columntypes import ColumnType, column_type
from tidegate.parquet.footer import MAGIC, Group, StoredChunk, footer
from tidegate.parquet.pagecompression import Codec
from tidegate.parquet.rowgroup import Transpose, row_group, transposed
from tidegate.pieces import PLAIN, PartStream, Pieces, Spool, Stored, Tails

GROUP_BYTES = 8 << 20
"""A row group ends with the row that reaches so many bytes of rows."""


class ColumnarStream:
    """Takes a part's rows, as formats/parquet.py writes them, and stores them as one Parquet file, piece by piece.

    It is told the columns once, before the first row. It holds the rows of one group, which may be put aside, and one
    piece. `transpose` turns rows into columns: the reference in Python, or the native library. After an exception of
    the store it is of no use any more; go on from the last state.
    """

    def __init__(self, pieces: Pieces, codec: Codec, transpose: Transpose = transposed) -> None:
        self._store = pieces
        self._transpose = transpose
        self._codec = codec
        self._file = PartStream(pieces)
        self._rows = Spool()
        self._groups: list[Group] = []
        self._types: list[ColumnType] = []
        self.columns: tuple[tuple[str, str], ...] = ()
        self.plain_size = 0

    def begin(self, columns: Sequence[tuple[str, str]]) -> None:
        """Names the columns, each with its type as definitions write it."""
        self.columns = tuple(columns)
        self._types = [column_type(text) for _, text in columns]
        self._file.write(MAGIC)

    def write(self, data: bytes | memoryview) -> None:
        """Adds whole rows; how they are divided among calls has no influence on what is stored."""
        self.plain_size += len(data)
        self._rows.append(data)
        if self._rows.size >= GROUP_BYTES:
            rows = self._rows.take(self._store)
            start = 0
            while len(rows) - start >= GROUP_BYTES:
                start = self._end_group(rows, start)
            self._rows.append(memoryview(rows)[start:])

    def finish(self) -> Stored:
        """Stores what is left, and the footer. A part without a row is a whole file too."""
        rows = self._rows.take(self._store)
        if rows:
            self._end_group(rows, 0)
        names = [name for name, _ in self.columns]
        self._file.write(footer(list(zip(names, self._types, strict=True)), self._groups, self._codec))
        return self._file.finish()

    def spools(self) -> Iterator[Spool]:
        """What may be put aside to save memory."""
        yield self._rows
        yield self._file.unsent

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`."""
        return {
            "columns": self.columns,
            "plain": self.plain_size,
            "groups": [[group.records, [chunk.document() for chunk in group.chunks]] for group in self._groups],
            "rows": self._rows.state(tails),
            "file": self._file.state(tails),
        }

    @classmethod
    def restored(
        cls, state: JSONObject, tails: Tails, pieces: Pieces, codec: Codec, transpose: Transpose = transposed
    ) -> ColumnarStream:
        """The stream that `state` described."""
        stream = cls(pieces, codec, transpose)
        stream.columns = tuple((name, text) for name, text in state["columns"])
        stream._types = [column_type(text) for _, text in stream.columns]
        stream.plain_size = state["plain"]
        stream._groups = [
            Group(records, tuple(StoredChunk(*chunk) for chunk in chunks)) for records, chunks in state["groups"]
        ]
        # In the order in which `state` wrote their bytes.
        stream._rows = Spool.restored(state["rows"], tails)
        stream._file = PartStream.restored(state["file"], tails, pieces, PLAIN)
        return stream

    def _end_group(self, rows: bytes | bytearray, start: int) -> int:
        """Makes one group of the rows from `start` on; returns where it ends."""
        records, chunks, end = row_group(rows, start, start + GROUP_BYTES, self._types, self._codec, self._transpose)
        stored = []
        for chunk in chunks:
            stored.append(StoredChunk.of(chunk, self._file.plain_size))
            for page in chunk.pages:
                self._file.write(page)
        self._groups.append(Group(records, tuple(stored)))
        return end
