"""The step that turns an operation's records into parts, table by table, with the same bytes however often interrupted.

What a part holds depends on the records and their order only: not on how they are divided among calls of `add`, nor on
how often the work went on in another process (`state`). Memory is bounded by the number of open tables, 50 at most.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidegate.columns import ColumnOrder, type_of
from tidegate.columnschema import ColumnSchema
from tidegate.errors import FatalError
from tidegate.failed import FailedList, FailedRecords, check_cap, finished
from tidegate.formats import format_of
from tidegate.immutable import dataclass
from tidegate.model import JSON, Definition, FailedRecord, JSONObject, Part, Record
from tidegate.openpart import Plan
from tidegate.parts import TableWriter
from tidegate.pieces import Pieces, PieceStore, Tails, part_json, part_of
from tidegate.tablelines import RawTable
from tidegate.tables import table_of
from tidegate.transcoding import ByTable, ItemSpec, RawPage, Refusal, Transcoding

MAX_OPEN_TABLES = 50
SPOOL_BYTES = 32 << 20
"""What all tables' waiting bytes may take of the memory; beyond it the largest are put aside into the store."""
CHECKPOINT_BYTES = 1 << 20
"""What of them a state may carry. It is copied, sent and kept until the next one, each time as a whole."""
_STATE_VERSION: Final = 3
_MAGIC: Final = b"tidegate parts"


@dataclass(frozen=True, slots=True)
class Written:
    """All parts of an operation, by table and number, and what the manifest says of them.

    `columns` has a list of `{name, type}` for each table. `records` counts records, `bytes` uncompressed bytes; the
    size of each object is its part's own. `schema` has by table the types of columns, those of earlier windows too; it
    is None in formats without types. `failed` lists the records that could not be written, None without any.
    """

    parts: tuple[Part, ...]
    columns: Mapping[str, Sequence[Mapping[str, str]]]
    records: int
    bytes: int
    failed: FailedList | None = None
    schema: Mapping[str, Mapping[str, str]] | None = None

    @property
    def columns_of_records(self) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """The columns of the tables that have records; a part with nothing but a header tells nothing of any."""
        tables = {part.table for part in self.parts if part.records}
        return {table: listed for table, listed in self.columns.items() if table in tables}

    def document(self) -> JSONObject:
        """The same as JSON, for a checkpoint."""
        parts = [part_json(part) for part in self.parts]
        failed = None if self.failed is None else {"file": part_json(self.failed.file), "first": self.failed.first}
        counts = {"records": self.records, "bytes": self.bytes}
        typed = {} if self.schema is None else {"schema": self.schema}
        return {"parts": parts, "columns": self.columns, **counts, "failed": failed, **typed}

    @classmethod
    def of(cls, document: JSONObject) -> Written:
        """What `document` wrote."""
        parts = tuple(part_of(part) for part in document["parts"])
        listed = document["failed"]
        failed = None if listed is None else FailedList(part_of(listed["file"]), tuple(listed["first"]))
        schema = document.get("schema")
        return cls(parts, document["columns"], document["records"], document["bytes"], failed, schema)


class PartWriter:
    """Writes the records of one operation into private pieces; nothing of it is visible under a final name.

    `directory` is the final prefix of the parts and `piece_prefix` that of the private objects; both end in a slash.
    `key_names` are the attributes of the record key. With the `state` of an earlier writer it goes on where that one
    stood. `inherited` are the types that columns have in earlier files, by table; it counts only where there is no
    state. With the `transcoding` that the source has too, pages of bytes are written without becoming objects. After
    an exception the writer is of no use any more; go on from the last state.
    """

    def __init__(
        self,
        definition: Definition,
        directory: str,
        piece_prefix: str,
        store: PieceStore,
        key_names: tuple[str, ...],
        state: bytes | None,
        transcoding: Transcoding | None = None,
        inherited: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        header, tails = ({}, Tails(memoryview(b""))) if state is None else _opened(state)
        self._definition = definition
        self._pieces = Pieces(store, piece_prefix, put_so_far=header.get("put", 0))
        self._limit = definition.row_limit if definition.row_limit_policy == "error" else None
        split = definition.row_limit if definition.row_limit_policy == "split" else None
        self._plan = Plan(
            definition=definition,
            directory=directory,
            format=format_of(definition.format),
            order=ColumnOrder(definition, key_names),
            pieces=self._pieces,
            max_records=min(definition.max_records_per_part, split or definition.max_records_per_part),
            max_bytes=definition.max_bytes_per_part,
            items=ItemSpec(key_names, definition.source.time_key, definition.source.time_type, None),
            transcoding=transcoding,
            schema=ColumnSchema.of(definition, header.get("inherited", inherited or {})),
        )
        self._directory = directory
        self._added: int = header.get("added", 0)
        self._tables = {
            document["table"]: TableWriter.restored(self._plan, document, tails)
            for document in header.get("tables", ())
        }
        self._open = OrderedDict((table, self._tables[table]) for table in header.get("open", ()))
        self._failed = FailedRecords.restored(header.get("failed"), tails)
        self._apart = ByTable(definition.table_by) if definition.table_by else None
        if transcoding is not None:
            transcoding.target = self._apart
        self._leading: tuple[str, ...] = ()
        self.lead(header.get("leading", ()))

    def lead(self, columns: Sequence[str]) -> None:
        """Puts the source's own columns first, in its order, in parts whose definition has no list of columns."""
        if columns and tuple(columns) != self._leading:
            self._leading = tuple(columns)
            self._plan.order.lead(self._leading)

    def add(self, records: Sequence[Record]) -> None:
        """Adds the next records, a page or so at once, in the order in which they shall be in the parts.

        A record that the format cannot hold is left out and listed. Raises FatalError: ROW_LIMIT where the definition's
        strict limit is exceeded, TOO_MANY_FAILED_RECORDS where no list could hold them all.
        """
        self._check_limit(len(records))
        if not (isinstance(records, RawPage) and self._add_raw(records)):
            self._add_objects(records)
        self._added += len(records)
        check_cap(self.failed, self._groups, self._pieces)
        self._hold_at_most(SPOOL_BYTES)

    def _add_raw(self, page: RawPage) -> bool:
        """Adds a page of bytes; False where its records must become objects for that."""
        if self._apart is not None:
            return self._add_by_table(page, self._apart)
        if len(page):
            self._touch("", {})
            self._tables[""].write_raw(page)
        return True

    def _add_by_table(self, page: RawPage, apart: ByTable) -> bool:
        rows = page.rows(apart)
        if isinstance(rows, Refusal) or self._plan.transcoding is None:
            return False
        names = [found.table for found in rows.by_table]
        if len(self._open.keys() | names) > MAX_OPEN_TABLES:
            return False  # one of them ends on this page, and what comes before decides which
        for number in reversed(dict.fromkeys(reversed(rows.tables))):
            self._touch(names[number], {})
        for found in rows.by_table:
            self._tables[found.table].write_raw(RawTable(self._plan.transcoding, self._plan.items, found))
        return True

    def _add_objects(self, records: Sequence[Record]) -> None:
        if records and not self._definition.table_by:
            self._touch("", {})
            self._tables[""].write(records)
            return
        pending: dict[str, list[Record]] = {}
        last = None
        for record in records:
            table = table_of(record, self._definition)
            if table != last:
                self._touch(table, pending)
                last = table
            pending.setdefault(table, []).append(record)
        for table, belonging in pending.items():
            self._tables[table].write(belonging)

    def fail(self, failed: Sequence[FailedRecord]) -> None:
        """Lists records that did not even get here, in the source's order. Raises FatalError as `add` does."""
        for one in failed:
            self._failed.add(one)
        if failed:
            check_cap(self.failed, self._groups, self._pieces)

    def finish(self) -> Written:
        """Ends all open parts. With emptyPolicy `header` and no record there is one part all the same."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()
        tables = [self._tables[table] for table in self.tables if self._tables[table].parts]
        if not tables and self._definition.empty_policy == "header":
            tables = [TableWriter(self._plan, "")]
            tables[0].write_header_only()
        columns = {
            writer.table: [{"name": name, "type": type_of(kinds)} for name, kinds in writer.columns().items()]
            for writer in tables
        }
        parts = tuple(part for writer in tables for part in writer.parts)
        size = sum(writer.plain_bytes for writer in tables)
        failed = finished(self._groups(), self._directory, self._pieces)
        return Written(parts, columns, self.records, size, failed, self._schema())

    def _schema(self) -> Mapping[str, Mapping[str, str]] | None:
        """The types of all columns, also of tables that do not occur this time: the next window goes by them."""
        if self._plan.schema is None:
            return None
        found = {**self._plan.schema.inherited, **{writer.table: writer.types for writer in self._tables.values()}}
        return {table: dict(sorted(types.items())) for table, types in sorted(found.items()) if types}

    def state(self) -> bytes:
        """All that a writer in another process needs to go on from here, beside the private objects."""
        for writer in self._open.values():
            writer.fold()
        self._hold_at_most(CHECKPOINT_BYTES)
        tails: list[bytes | bytearray] = []
        document = {
            "put": self._pieces.put_so_far,
            "added": self._added,
            "tables": [writer.state(tails) for writer in self._tables.values()],
            "open": list(self._open),
            "failed": self._failed.state(tails),
            **({"leading": self._leading} if self._leading else {}),
            **({} if self._plan.schema is None else {"inherited": self._plan.schema.inherited}),
        }
        header = json.dumps(document, separators=(",", ":")).encode()
        return b"".join((b"%b %d %d\n" % (_MAGIC, _STATE_VERSION, len(header)), header, *tails))

    @property
    def records(self) -> int:
        """How many records were added so far and have not failed."""
        return self._added - sum(writer.failed.count for writer in self._tables.values())

    @property
    def failed(self) -> int:
        """How many records have failed so far; some may still wait to be tried."""
        return sum(group.count for group in self._unsorted_groups())

    @property
    def bytes(self) -> int:
        """Uncompressed bytes written so far; records that wait for their part's columns come later."""
        return sum(writer.plain_bytes for writer in self._tables.values())

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that occurred so far, sorted; "" where the export has none."""
        return tuple(sorted(self._tables))

    def _groups(self) -> list[FailedRecords]:
        """What failed: what the source told of, then table by table."""
        return [self._failed, *(self._tables[table].failed for table in self.tables)]

    def _unsorted_groups(self) -> Iterator[FailedRecords]:
        yield self._failed
        for writer in self._tables.values():
            yield writer.failed

    def _touch(self, table: str, pending: dict[str, list[Record]]) -> None:
        """Makes the table the one used last; ends the part of the one that was not used for longest if need be."""
        if table in self._open:
            self._open.move_to_end(table)
            return
        if len(self._open) >= MAX_OPEN_TABLES:
            oldest, writer = self._open.popitem(last=False)
            writer.write(pending.pop(oldest, ()))
            writer.close()
        if table not in self._tables:
            self._tables[table] = TableWriter(self._plan, table)
        self._open[table] = self._tables[table]

    def _check_limit(self, more: int) -> None:
        if self._limit is not None and self._added + more > self._limit:
            raise FatalError(
                f"The export has at least {self._added + more} records, more than its rowLimit of {self._limit}.",
                code="ROW_LIMIT",
                remedy="Ask for a shorter window, raise rowLimit, or set rowLimitPolicy to split.",
            )

    def _hold_at_most(self, size: int) -> None:
        """Puts waiting bytes aside, the largest first, until no more than `size` of them are in memory."""
        spools = [spool for writer in self._open.values() for spool in writer.spools()]
        spools += [group.lines for group in self._unsorted_groups() if group.count]
        held = sum(spool.held for spool in spools)
        for spool in sorted(spools, key=lambda spool: spool.held, reverse=True):
            if held <= size:
                return
            held -= spool.held
            spool.put_aside(self._pieces)


def _opened(state: bytes) -> tuple[JSON, Tails]:
    line, _, _ = state[:64].partition(b"\n")
    magic, _, numbers = line.rpartition(b" ")[0].rpartition(b" ")
    if magic != _MAGIC or numbers != str(_STATE_VERSION).encode():
        raise FatalError(
            "The checkpoint was written by another version of Tidegate.",
            code="CHECKPOINT_UNREADABLE",
            remedy="Retry the operation; it then starts anew.",
        )
    rest = memoryview(state)[len(line) + 1 :]
    size = int(line.rpartition(b" ")[2])
    return json.loads(bytes(rest[:size])), Tails(rest[size:])
