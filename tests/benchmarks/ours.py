"""Tidegate's own way from page to finished file: its source, its writer, its store. The only file here that knows how
the product is put together; it changes when that does.

What runs is what a worker runs between claim and seal: the same clients, pages, columns found in the records, hash,
pieces. A piece goes into a local file, or to S3 as the worker sends it, and the part is then put together there.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured
from benchmarks.pages import PAGE_RECORDS
from benchmarks.records import identity
from tidegate.bootstrap import AWSClients, clients
from tidegate.collector import made_to_stay
from tidegate.definition import from_document
from tidegate.heap import share_one_heap
from tidegate.instants import from_millis
from tidegate.lookback import Lookback
from tidegate.model import JSON, Definition, Page, Part, Window
from tidegate.pieces import Pieces, PieceStore, Tails
from tidegate.read import read
from tidegate.reading import Live, Reading
from tidegate.remembered import Header
from tidegate.settings import Settings
from tidegate.sources import Ask, Source, source_of, time_unit_of
from tidegate.sources.dynamodb import DynamoDBSource
from tidegate.sources.dynamodb.items import BATCH
from tidegate.store.objects import Objects, least_piece
from tidegate.transcoding import PageCounts, transcoding
from tidegate.write import PartWriter

BUCKET = "exports"
NATIVE_MODULE = "tidegate.native"
FILE_WRITE_BYTES = 64 << 10


class Endless:
    """A pass that has all the time it wants."""

    def spent(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class OneFile:
    """Pieces one behind the other in a file: with one table and no bytes put aside, that is the part."""

    file: BinaryIO

    def put(self, key: str, data: bytes | bytearray) -> None:  # noqa: ARG002 - the protocol's
        """See PieceStore. In small writes, as programs write files: for large ones Linux takes memory that is cold."""
        with memoryview(data) as whole:
            for start in range(0, len(whole), FILE_WRITE_BYTES):
                self.file.write(whole[start : start + FILE_WRITE_BYTES])

    def get(self, key: str) -> Iterator[bytes]:
        """Never needed: nothing is resumed."""
        raise NotImplementedError(key)

    def least_piece(self, stored: int) -> int:  # noqa: ARG002 - the protocol's
        """None: a file takes what there is, while it is still in the processor's cache."""
        return 1


class Nowhere:
    """Takes the pieces of the memory, which is no part of what is compared."""

    def put(self, key: str, data: bytes | bytearray) -> None:
        """See PieceStore."""

    def get(self, key: str) -> Iterator[bytes]:
        """Never needed: nothing is resumed."""
        raise NotImplementedError(key)

    def least_piece(self, stored: int) -> int:
        """As in S3, for the same memory."""
        return least_piece(stored)


def export(task: Task) -> str:
    """Export one study into the file `task.output`, or under that name into S3 where the option `sink` is `s3`."""
    share_one_heap()
    made, native = _clients(task.endpoint), _native(task)
    if task.options.get("sink") == "s3":
        objects = Objects(made.s3, BUCKET)
        for part in _written(task, made, objects):
            objects.publish(part.key, part.pieces, "application/octet-stream")
    else:
        with Path(task.output).open("wb", buffering=0) as file:
            _written(task, made, OneFile(file))
    return "" if native else "without a native module"


def read_all(task: Task, how: str, *, readers: int) -> None:
    """Read one study's pages with so many calls in flight, and keep nothing.

    `how` is `query`, `scan` (as without an index) or `keys` (as for an override: 100 records a call, for as many calls
    as the study has pages).
    """
    chosen = definition(task, index=None) if how == "scan" else definition(task)
    source = DynamoDBSource(_clients(task.endpoint).dynamodb, chosen, readers=readers)
    window = Window(from_millis(task.low), from_millis(task.high + 1))
    wanted, ask = task.count, Ask(task.study, window, transcoding=transcoding(PageCounts()))
    if how == "keys":
        wanted = task.count // PAGE_RECORDS * BATCH
        ask = Ask(task.study, None, keys=[(identity(number),) for number in range(wanted)])
    found = sum(len(page.records) for page in source.pages(ask, None))
    if found != wanted:
        raise SystemExit(f"{found} records were read; {wanted} were wanted")


def _written(task: Task, made: AWSClients, store: PieceStore) -> tuple[Part, ...]:
    """Read the window and write its pieces; the parts that they make up."""
    chosen, name = definition(task), Path(task.output).name
    window = Window(from_millis(task.low), from_millis(task.high + 1))
    source, shared = source_of(chosen, made), transcoding(PageCounts())

    def pages_of(asked: Window, cursor: JSON | None) -> Generator[Page, None, None]:
        return read(source, Ask(task.study, asked, transcoding=shared), cursor, chosen, None)

    late = _lookback(chosen, source, window)
    writer = PartWriter(chosen, f"{name}/", f"{name}-pieces/", store, ("id",), None, shared, _TYPES)
    Live(Reading(window, None), writer, late.pages(pages_of, None), late).read(Endless())
    late.finish(f"{name}-memory")
    written = writer.finish()
    if written.records != task.count or written.failed is not None:
        raise SystemExit(f"{written.records} records were written and some failed; {task.count} were wanted")
    _TYPES.update(written.schema or {})
    return written.parts


_TYPES: dict[str, Mapping[str, str]] = {}
"""Of Parquet's columns, as the export before found them out: a window takes them from the last manifest."""


def _lookback(chosen: Definition, source: Source, window: Window) -> Lookback:
    """What remembers the end of the window, so that the next one can drop what it finds again."""
    span = timedelta(seconds=chosen.lookback_seconds)
    names = ("id", chosen.source.time_key)
    since = max(window.start, window.end - span)
    header = Header("benchmark", "study", since, window.end, names, time_unit_of(source), "manifest.json")
    pieces = Pieces(Nowhere(), "memory/", put_so_far=0)
    return Lookback(window, header, pieces, None, span, None, Tails(memoryview(b"")))


def definition(task: Task, index: str | None = INDEX) -> Definition:
    """What is exported and how; the rest is as in an export that says nothing of it."""
    return from_document(
        {
            "exportId": "benchmark",
            "source": {"table": TABLE, "recordKey": ["id"], **({"index": index} if index else {})},
            "format": {
                "type": task.options.get("format", "CSV"),
                "compression": task.options.get("compression", "none"),
            },
        },
        1,
    )


def _native(task: Task) -> bool:
    """Whether a native module does the work; where the option `native` is `no`, none does from now on."""
    if find_spec(NATIVE_MODULE) is None:
        return False
    native = importlib.import_module(NATIVE_MODULE)
    if task.options.get("native") == "no":
        native.available = lambda: False  # type: ignore[attr-defined]  # what the module has in place of it
    return bool(native.available())


@cache
def _clients(endpoint: str) -> AWSClients:
    names = dict.fromkeys(
        ("study_table", "export_time_table", "export_table", "operation_table", "request_table", "pair_table",
         "history_table", "record_table", "export_bucket"), "",
    )  # fmt: skip
    with made_to_stay():  # as a worker's init does
        return clients(Settings(**names, region=REGION, endpoint_url=endpoint))  # type: ignore[arg-type]  # all of them text


if __name__ == "__main__":
    measured(export)
