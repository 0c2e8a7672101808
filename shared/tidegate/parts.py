"""The parts of one table: which records go into which, with which columns.

A record that the format cannot hold is left out and told of. A part ends before the record that would make it too
long, too big, or that has an attribute which is not among its columns. Where the definition has no list of columns, a
part's are those of its first 10,000 records or 8 MiB, which wait in a spool until they are known. All of it depends on
the table's records alone, in their order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence

from tidegate.columnar import ColumnarStream
from tidegate.columns import contents, have_all, named, printable, selected
from tidegate.errors import FatalError
from tidegate.facts import of_table
from tidegate.failed import FailedRecords
from tidegate.formats import Column, UnwritableValueError
from tidegate.formats.wire import MALFORMED
from tidegate.model import JSON, FailedRecord, JSONObject, Part, Record
from tidegate.openpart import OpenPart, Plan
from tidegate.packing import unpacked, unpacked_pieces
from tidegate.partnames import part_key
from tidegate.pieces import Spool, Tails, part_json, part_of
from tidegate.tablelines import RawTable
from tidegate.transcoding import RawPage, Refusal, Rows
from tidegate.waiting import Ahead, Waiting

DISCOVERY_RECORDS = 10_000
DISCOVERY_BYTES = 8 << 20
_BATCH = 500
UNWRITABLE = "UNWRITABLE_VALUE"


class TableWriter:
    """Turns one table's records into parts; at most one part is open at a time."""

    def __init__(self, plan: Plan, table: str) -> None:
        self._plan = plan
        self._chosen = of_table(plan.definition.columns or (), table)
        self._part: OpenPart | None = None
        self._kinds: dict[str, set[str]] = {}
        self._begun = 0
        self._written = 0
        self.table = table
        self.types: dict[str, str] = {} if plan.schema is None else dict(plan.schema.inherited.get(table, {}))
        """Of the columns of this table's files, earlier ones too, in a format that has types."""
        self.failed = FailedRecords()
        self.plain_bytes = 0
        self.parts: list[Part] = []

    def write(self, records: Sequence[Record]) -> None:
        """Adds records in their order; those that the format cannot hold go to `failed`."""
        start = 0
        while start < len(records):
            part = self._part or self._begin()
            if part.names is None:
                start = self._discover(part, records, start)
            else:
                start = self._emit(part, part.names, records, start)

    def write_raw(self, page: RawPage | RawTable) -> None:
        """Adds a page's records, or this table's of it, as `write` does, where possible without making objects."""
        start = 0
        while start < len(page):
            self.fold()
            part = self._part or self._begin()
            taken = self._pack(part, page, start) if part.names is None else self._transcode(part, page, start)
            if taken is None:
                self.write(page[start:])
                return
            start += taken

    def close(self) -> None:
        """Ends the open part, if there is one; the next record starts another."""
        while self._part is not None and self._part.names is None and self._part.waiting.records:
            self._settle(self._part)
        if self._part is not None:
            self._end_or_drop(self._part)

    def write_header_only(self) -> None:
        """Makes one part without a record."""
        part = self._new()
        self._name_columns(part)
        self._end(part)

    def columns(self) -> dict[str, frozenset[str]]:
        """The kinds of values that occurred in each column, in the columns' order."""
        names = self._plan.order.of(self._kinds.keys() - {column.name for column in self._chosen})
        return {name: frozenset(self._kinds.get(name, ())) for name in names}

    def spools(self) -> Iterator[Spool]:
        """What may be put aside to save memory; that changes no byte of any part."""
        if self._part is not None:
            yield self._part.waiting
            yield from self._part.stream.spools()

    def _begin(self) -> OpenPart:
        part = self._new()
        if not self._plan.order.is_open and not self._untyped(part):
            self._name_columns(part)
        self._part = part
        return part

    def _new(self) -> OpenPart:
        self._begun += 1
        part = OpenPart(self._begun, self._plan.stream(), self._plan.format)
        part.waiting.most_records, part.waiting.most_bytes = self._discovery
        return part

    def _untyped(self, part: OpenPart) -> list[str]:
        """The part's columns that need a type which nobody knows yet."""
        schema = self._plan.schema
        return [] if schema is None else schema.lacking(self.types, self._plan.order.of(part.waiting.seen))

    def _find_types(self, part: OpenPart, lines: bytes) -> None:
        """Finds out the types that nobody knows yet, by the records that have waited; the library reads them faster."""
        schema, untyped = self._plan.schema, frozenset(self._untyped(part))
        if schema is None or not untyped:
            return
        names = self._plan.order.of(part.waiting.seen)
        by_library = self._plan.first_values(self._chosen, names, lines)
        found = by_library or [contents(column) for column in self._columns(names, self._readable(unpacked(lines)))]
        for name, (kinds, values) in zip(names, found, strict=True):
            if name in untyped:
                self.types[name] = schema.found(name, kinds, values)

    def _readable(self, records: Sequence[Record]) -> list[Record]:
        """Those whose columns are what the definition says; the others fail when they are written."""
        good = []
        for record in records:
            try:
                selected(self._chosen, [record.values])
            except UnwritableValueError:
                continue
            good.append(record)
        return good

    def _name_columns(self, part: OpenPart) -> None:
        part.names = self._plan.order.of(part.waiting.seen)
        part.known = self._plan.order.known(part.names)
        try:
            header = part.format.header(part.names)
        except UnwritableValueError as error:
            raise FatalError(
                f"Column {printable(error.column)} cannot be in a {self._plan.definition.format.type} file: "
                f"it {error.reason}.",
                code="COLUMN_UNWRITABLE",
                remedy="Give the column another name in the export's columns, then retry the operation.",
            ) from None
        if isinstance(part.stream, ColumnarStream) and self._plan.schema is not None:
            columns = self._plan.schema.types(self.types, part.names)
            self.types.update(columns)
            part.stream.begin(columns)
            part.format = self._plan.format_of(part.stream)
        self._aim(part)
        self._to_stream(part, header)

    @property
    def _discovery(self) -> tuple[int, int]:
        """How many records, and how many bytes of them, wait at most until the part's columns are known."""
        return min(DISCOVERY_RECORDS, self._plan.max_records), min(DISCOVERY_BYTES, self._plan.max_bytes)

    def _discover(self, part: OpenPart, records: Sequence[Record], start: int) -> int:
        """Lets records wait for the part's columns, and writes them once these are known; returns where to go on."""
        waiting = part.waiting
        stop = min(len(records), start + _BATCH, start + waiting.most_records - waiting.records)
        all_of_them = (start, stop) == (0, len(records))
        ahead = self._ahead(part, records if all_of_them else records[start:stop])
        if ahead is not None:
            waiting.add_ahead(ahead)
        else:
            stop = self._pack_each(waiting, records, start, stop)
        if waiting.is_full:
            self._settle(part)
        return stop

    def _ahead(self, part: OpenPart, batch: Sequence[Record]) -> Ahead | None:
        """The rows of records that wait, in case that no other column comes; None where each has to be looked at."""
        plan = self._plan
        if plan.definition.columns or plan.schema or self._discovery != (DISCOVERY_RECORDS, DISCOVERY_BYTES):
            return None
        seen, new = part.waiting.seen, frozenset[str]()
        try:
            columns = self._columns(plan.order.of(seen), batch)
            if not self._have_all(columns, batch):
                new = _attributes(batch) - seen
                "".join(new).encode()  # a name that is no text
                columns = self._columns(plan.order.of(seen | new), batch)
            return Ahead.of(batch, part.format.records(columns), columns, new)
        except MALFORMED:
            return None

    def _pack_each(self, waiting: Waiting, records: Sequence[Record], start: int, stop: int) -> int:
        """Lets records wait as lines until the limit is reached; returns where that was."""
        for index in range(start, stop):
            try:
                waiting.add(records[index])
            except UnwritableValueError as error:
                self._fail(records[index], error)
            if waiting.is_full:
                return index + 1
        return stop

    def _settle(self, part: OpenPart) -> None:
        """Fixes the part's columns and writes the records that have waited for them."""
        part.waiting.fold(as_needed=True)
        waiting = part.waiting.drain(self._plan.pieces)
        if self._untyped(part):
            known = list(waiting)
            self._find_types(part, b"".join(known))
            waiting = iter(known)
        self._name_columns(part)
        ahead = part.waiting.take_ahead()
        for lines in waiting:
            taken = self._write_lines(part, lines) if part is self._part else 0
            if taken is None:
                continue
            for records in unpacked_pieces(lines):
                self.write(records[taken:])
                taken = max(0, taken - len(records))
        for one in ahead:
            self._write_ahead(part, one)

    def _write_ahead(self, part: OpenPart, ahead: Ahead) -> None:
        """Writes rows as they are where they are those of the part, and fit into it; else the records anew."""
        if part is self._part and part.names == ahead.names and self._that_fit(part, ahead.rows) == len(ahead.rows):
            self._write_rows(part, ahead.columns, ahead.rows)
        else:
            self.write(ahead.records())

    def _write_lines(self, part: OpenPart, lines: bytes) -> int | None:
        """Writes packed records; None where these were all, otherwise how many of them the part has taken."""
        transcoding, target = self._plan.transcoding, part.target
        if transcoding is None or target is None:
            return 0
        rows = transcoding.transcoder(self._plan.items, target).lines(lines)
        if isinstance(rows, Refusal):
            return 0
        taken = self._take(part, rows, 0)
        return taken if taken < rows.count else None

    def _pack(self, part: OpenPart, page: RawPage | RawTable, start: int) -> int | None:
        """As `_discover`, for a page's records from `start` on; how many now wait, None where it needs objects."""
        lines, waiting = page.packed(), part.waiting
        if isinstance(lines, Refusal):
            return None
        before = lines.ends[start - 1] if start else 0
        enough = bisect_left(lines.ends, before + waiting.most_bytes - waiting.size, lo=start) + 1
        stop = min(len(page), enough, start + waiting.most_records - waiting.records)
        packed_lines = memoryview(lines.data)[before : lines.ends[stop - 1]]
        seen: Collection[str]
        if isinstance(lines, Rows) and ((start, stop) == (0, lines.count) or lines.seen <= waiting.seen):
            seen = lines.seen
        else:  # those of the page that are new may all be in other records of it
            seen = self._plan.attributes(bytes(packed_lines))
        waiting.add_lines(packed_lines, stop - start, seen)
        if waiting.is_full:
            self._settle(part)
        return stop - start

    def _transcode(self, part: OpenPart, page: RawPage | RawTable, start: int) -> int | None:
        """As `_emit`, for a page's records from `start` on; how many were written, None where it needs objects."""
        if part.target is None:
            return None
        rows = page.rows(part.target)
        return None if isinstance(rows, Refusal) else self._take(part, rows, start)

    def _take(self, part: OpenPart, rows: Rows, start: int) -> int:
        """Writes as many of the rows from `start` on as the part can take, and ends the part where that is none."""
        separator = self._plan.format.separator
        room = self._plan.max_bytes - part.stream.plain_size - len(self._plan.format.footer())
        begin = rows.ends[start - 1] + len(separator) if start else 0
        room += begin - (len(separator) if part.records else 0)
        stop = min(bisect_right(rows.ends, room, lo=start), start + self._plan.max_records - part.records, rows.count)
        if stop == start and not part.records:
            stop = start + 1  # an empty part takes one of any size
        if stop == start:
            self._end_or_drop(part)
            return 0
        if part.records and separator:
            self._to_stream(part, separator)
        self._to_stream(part, memoryview(rows.data)[begin : rows.ends[stop - 1]])
        part.records += stop - start
        self._written += stop - start
        if part.target is not None and rows.kinds != part.noted:
            part.noted = rows.kinds
            for (name, _), kinds in zip(part.target.columns, rows.kinds, strict=True):
                self._kinds.setdefault(name, set()).update(kinds)
        return stop - start

    def _emit(self, part: OpenPart, names: tuple[str, ...], records: Sequence[Record], start: int) -> int:
        """Writes as many records as belong to this part, a batch at most; returns where to go on."""
        size = min(_BATCH, self._plan.max_records - part.records, self._likely_to_fit(part))
        batch = records[start : start + size]
        self._plan.order.check(batch)
        columns = self._good_columns(names, batch)
        has_all = columns is not None and self._have_all(columns, batch)
        if self._plan.order.is_open and not has_all and not _attributes(batch) <= part.known:
            fits = (index for index, record in enumerate(batch) if not record.values.keys() <= part.known)
            batch = batch[: next(fits, len(batch))]
            columns = self._good_columns(names, batch)
        written, rows, bad = self._rows(part, names, batch, columns)
        fit = self._that_fit(part, rows)
        taken = len(batch) if fit == len(rows) else _place(fit, bad)
        for index, error in bad.items():
            if index < taken:
                self._fail(batch[index], error)
        if not taken:
            self._end_or_drop(part)
        elif fit:
            self._write_rows(part, written, rows[:fit])
        return start + taken

    def _write_rows(self, part: OpenPart, columns: Sequence[Column], rows: Sequence[bytes]) -> None:
        separator = self._plan.format.separator
        self._to_stream(part, (separator if part.records else b"") + separator.join(rows))
        part.records += len(rows)
        self._written += len(rows)
        for column in columns:
            self._kinds.setdefault(column.name, set()).update(column.kinds)

    def _columns(self, names: tuple[str, ...], batch: Sequence[Record]) -> list[Column]:
        values = [record.values for record in batch]
        return [*selected(self._chosen, values), *named(names[len(self._chosen) :], values)]

    def _good_columns(self, names: tuple[str, ...], batch: Sequence[Record]) -> list[Column] | None:
        """The columns of these records; None where a value is nothing like one."""
        try:
            return self._columns(names, batch)
        except UnwritableValueError:
            return None

    def _have_all(self, columns: Sequence[Column], batch: Sequence[Record]) -> bool:
        """Whether the columns surely have all that is in these records."""
        return not self._chosen and have_all(columns, [record.values for record in batch])

    def _rows(
        self, part: OpenPart, names: tuple[str, ...], batch: Sequence[Record], columns: Sequence[Column] | None
    ) -> tuple[Sequence[Column], list[bytes], dict[int, UnwritableValueError]]:
        """The rows of those that the format can hold, with their columns, and the others by their place in the batch.

        Where one cannot be held, or there are no `columns` of all, each is tried alone, which gives the same bytes.
        """
        if not batch:
            return (), [], {}
        if columns is not None:
            try:
                return columns, part.format.records(columns), {}
            except UnwritableValueError:
                pass
        good, rows, bad = [], [], {}
        for index, record in enumerate(batch):
            try:
                rows += part.format.records(self._columns(names, [record]))
                good.append(record)
            except UnwritableValueError as error:
                bad[index] = error
        return self._columns(names, good) if good else (), rows, bad

    def _likely_to_fit(self, part: OpenPart) -> int:
        """A guess from the records so far, so that few are converted in vain; `_that_fit` decides."""
        if not self._written:
            return _BATCH
        average = self.plain_bytes // self._written + 1
        return max(1, (self._plan.max_bytes - part.stream.plain_size) // average + 1)

    def _that_fit(self, part: OpenPart, rows: Sequence[bytes]) -> int:
        """How many of the rows the part can take; an empty part takes one of any size."""
        separator = len(self._plan.format.separator)
        room = self._plan.max_bytes - part.stream.plain_size - len(self._plan.format.footer())
        room += 0 if part.records else separator
        if sum(map(len, rows)) + separator * len(rows) <= room:
            return len(rows)
        for index, row in enumerate(rows):
            room -= len(row) + separator
            if room < 0 and (index or part.records):
                return index
        return len(rows)

    def _aim(self, part: OpenPart) -> None:
        """Says what rows the part's columns call for, where there is one table also to the source that reads ahead."""
        if self._plan.transcoding is not None and part.names is not None:
            part.target = self._plan.row_spec(self._chosen, part.names, part.types)
            if not self._plan.definition.table_by:
                self._plan.transcoding.target = part.target

    def _to_stream(self, part: OpenPart, data: bytes | memoryview) -> None:
        part.stream.write(data)
        self.plain_bytes += len(data)

    def _end(self, part: OpenPart) -> None:
        self._to_stream(part, self._plan.format.footer())
        stored = part.stream.finish()
        key = part_key(self._plan.directory, self.table, part.number, self._plan.extension)
        self.parts.append(Part(key, self.table, part.records, stored.size, stored.sha256, stored.pieces))
        self._part = None

    def _end_or_drop(self, part: OpenPart) -> None:
        """Ends the part; one in which every record failed never was."""
        if part.records:
            self._end(part)
            return
        self.plain_bytes -= part.stream.plain_size
        self._begun -= 1
        self._part = None

    def _fail(self, record: Record, error: UnwritableValueError) -> None:
        column = f"column {printable(error.column)} {error.reason}"
        reason = f"cannot be written as {self._plan.definition.format.type}: {column}"
        self.failed.add(FailedRecord(record.key, UNWRITABLE, reason, self.table))

    def fold(self) -> None:
        """Makes lines of all that waits, as a state has it; what turns out to have waited long enough is written."""
        while self._part is not None and self._part.names is None:
            self._part.waiting.fold()
            if not self._part.waiting.is_full:
                return
            self._settle(self._part)

    def state(self, tails: list[bytes | bytearray]) -> JSON:
        """What a later process needs to go on: JSON here, and bytes at the end of `tails`; `fold` comes first."""
        part = self._part
        return {
            "table": self.table,
            "begun": self._begun,
            "written": self._written,
            "plainBytes": self.plain_bytes,
            "kinds": {name: sorted(kinds) for name, kinds in self._kinds.items()},
            "parts": [part_json(finished) for finished in self.parts],
            "types": self.types,
            "failed": self.failed.state(tails),
            "open": None if part is None else part.state(tails),
        }

    @classmethod
    def restored(cls, plan: Plan, state: JSONObject, tails: Tails) -> TableWriter:
        """The writer that `state` described."""
        writer = cls(plan, state["table"])
        writer._begun, writer._written, writer.plain_bytes = state["begun"], state["written"], state["plainBytes"]
        writer._kinds = {name: set(kinds) for name, kinds in state["kinds"].items()}
        writer.parts = [part_of(document) for document in state["parts"]]
        writer.types = dict(state.get("types", {}))
        # In the order in which `state` wrote their bytes.
        writer.failed = FailedRecords.restored(state["failed"], tails)
        if state["open"] is not None:
            writer._part = OpenPart.restored(plan, state["open"], tails)
            writer._part.waiting.most_records, writer._part.waiting.most_bytes = writer._discovery
            writer._aim(writer._part)
        return writer


def _attributes(batch: Sequence[Record]) -> frozenset[str]:
    """All that occur in these records."""
    return frozenset[str]().union(*[record.values for record in batch])


def _place(number: int, bad: Collection[int]) -> int:
    """The place in a batch of its good record of this number, counted from 0, where those at `bad` are not good."""
    place = number
    for index in sorted(bad):
        place += index <= place
    return place
