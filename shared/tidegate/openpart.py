"""A part that is being written, and what all parts of an operation have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tidegate.columnar import ColumnarStream
from tidegate.columns import ColumnOrder
from tidegate.columnschema import ColumnSchema
from tidegate.compression import Compression, compression_of
from tidegate.constants import constant_of
from tidegate.formats import Format
from tidegate.formats.parquet import ParquetFormat
from tidegate.model import JSON, ColumnSpec, Definition, JSONObject
from tidegate.native import Inside, Origin, writes_dialect, writes_type
from tidegate.native import columns as native_columns
from tidegate.packing import unpacked
from tidegate.parquet.columntypes import column_type
from tidegate.parquet.pagecompression import Codec, codec_of
from tidegate.parquet.rowgroup import Transpose, texts, transposed
from tidegate.paths import is_plain, steps_of
from tidegate.pieces import PLAIN, PartStream, Pieces, Tails
from tidegate.transcoding import FORMATS, ItemSpec, Refusal, Rows, RowSpec, Transcoding
from tidegate.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Plan:
    """What all tables of an operation have in common."""

    definition: Definition
    directory: str
    format: Format
    order: ColumnOrder
    pieces: Pieces
    max_records: int
    max_bytes: int
    items: ItemSpec
    transcoding: Transcoding | None = None
    schema: ColumnSchema | None = None

    @property
    def compression(self) -> Compression:
        """How parts are compressed as a whole; Parquet compresses inside."""
        return PLAIN if self.schema else compression_of(self.definition.format.compression)

    @property
    def extension(self) -> str:
        """Of the parts' names: csv.gz, or csv without compression."""
        return self.format.extension + self.compression.suffix

    def stream(self) -> PartStream | ColumnarStream:
        """Where a new part's bytes go."""
        if self.schema is None:
            return PartStream(self.pieces, self.compression)
        return ColumnarStream(self.pieces, self._codec, self._transpose)

    def restored_stream(self, state: JSONObject, tails: Tails) -> PartStream | ColumnarStream:
        """The stream that `state` described."""
        if self.schema is None:
            return PartStream.restored(state, tails, self.pieces, self.compression)
        return ColumnarStream.restored(state, tails, self.pieces, self._codec, self._transpose)

    @property
    def _codec(self) -> Codec:
        return codec_of(self.definition.format.compression)

    @property
    def _transpose(self) -> Transpose:
        """The native library's where it writes the rows too."""
        return transposed if self.transcoding is None else native_columns.transposed

    def format_of(self, stream: PartStream | ColumnarStream) -> Format:
        """What makes the rows of a part with this stream: one whose columns have types needs these."""
        if isinstance(stream, PartStream):
            return self.format
        return ParquetFormat([column_type(text) for _, text in stream.columns])

    def first_values(
        self, chosen: Sequence[ColumnSpec], names: tuple[str, ...], lines: bytes
    ) -> list[tuple[frozenset[str], Callable[[], Iterator[str]]]] | None:
        """Of each column the kinds of values in these packed records, and what is in those that are not null, as text.

        None where the records must become objects to know.
        """
        spec = None if self.transcoding is None else self.row_spec(chosen, names)  # all text: there are no types yet
        if self.transcoding is None or spec is None:
            return None
        rows = self.transcoding.transcoder(self.items, spec).lines(lines)
        if isinstance(rows, Refusal):
            return None
        types = [column_type("text")] * len(names)
        _, columns, _ = self._transpose(rows.data, 0, len(rows.data), types, rows.count)
        return [(kinds, partial(texts, values)) for kinds, values in zip(rows.kinds, columns, strict=True)]

    def attributes(self, lines: bytes) -> Collection[str]:
        """Those that occur in these packed records."""
        if self.transcoding is not None:
            found = self.transcoding.transcoder(self.items, None).lines(lines)
            if isinstance(found, Rows):
                return found.seen
        return {name for record in unpacked(lines) for name in record.values}

    def row_spec(
        self, chosen: Sequence[ColumnSpec], names: tuple[str, ...], types: tuple[str, ...] = ()
    ) -> RowSpec | None:
        """What the transcoder is to make of records in a part of these columns; None where only objects will do.

        The first columns are the `chosen` ones, if there are any, the others attributes of their own name.
        """
        spec = self.definition.format
        if spec.type not in FORMATS or not writes_dialect(spec.dialect) or not all(map(writes_type, types)):
            return None
        columns: list[tuple[str, Origin]] = []
        for column, type_text in zip(chosen, types or ["text"] * len(chosen), strict=False):
            found = self._origin_of(column, type_text)
            if found is None:
                return None
            columns.append((column.name, found))
        others = bool(chosen) and self.definition.unknown_columns == "ignore"
        return RowSpec(
            spec.type,
            spec.formula_guard,
            (*columns, *((name, name) for name in names[len(chosen) :])),
            others=others,
            types=types,
            dialect=spec.dialect,
            ignored=self.order.known(names) if chosen and not others else frozenset(),
        )

    def _origin_of(self, column: ColumnSpec, type_text: str) -> Origin | None:
        """Where a column's values come from; None where they are more than copied."""
        if column.path is None:
            return constant_of(column, self.definition.format, self.format, type_text)
        if column.date is not None:
            return None
        return column.path if is_plain(column.path) else Inside(column.path, steps_of(column.path))


@dataclass(slots=True)
class OpenPart:
    """A part that is being written. `names` is None while its columns are still being found out.

    `target` is what the transcoder makes for it, None where it cannot. `noted` are the kinds of values of the rows that
    were noted last, column by column; most pages have the same ones.
    """

    number: int
    stream: PartStream | ColumnarStream
    format: Format
    names: tuple[str, ...] | None = None
    known: frozenset[str] = frozenset()
    records: int = 0
    waiting: Waiting = field(default_factory=Waiting)
    target: RowSpec | None = None
    noted: Sequence[frozenset[str]] | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """Of its columns, in a format that has types."""
        return tuple(text for _, text in self.stream.columns) if isinstance(self.stream, ColumnarStream) else ()

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`."""
        waiting = self.waiting.state(tails)
        return {
            "number": self.number,
            "names": self.names,
            "records": self.records,
            "waitingRecords": self.waiting.records,
            "seen": sorted(self.waiting.seen) if self.waiting.records else [],
            "waiting": waiting,
            "stream": self.stream.state(tails),
        }

    @classmethod
    def restored(cls, plan: Plan, state: JSONObject, tails: Tails) -> OpenPart:
        """The part that `state` described."""
        names = None if state["names"] is None else tuple(state["names"])
        waiting = Waiting.restored(state["waiting"], tails)
        waiting.resume(state["waitingRecords"], state["seen"])
        stream = plan.restored_stream(state["stream"], tails)
        return cls(
            number=state["number"],
            stream=stream,
            format=plan.format_of(stream),
            names=names,
            known=plan.order.known(names or ()),
            records=state["records"],
            waiting=waiting,
        )
