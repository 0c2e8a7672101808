"""Reads a part back as its consumers would: size, hash, how many records it holds, and chosen columns of them.

One pass over the stored bytes, a chunk at a time: memory does not grow with the size of the part.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from tempfile import TemporaryFile
from typing import Any, Final, TypeAlias

from tidegate.compression import compression_of_key
from tidegate.dialects import RFC_4180, Dialect
from tidegate.immutable import dataclass
from tidegate.parquet.reader import rows as parquet_rows

Cells: TypeAlias = tuple[str | None, ...]
"""The chosen columns of one record as text, None where it has no text or number there."""

BATCH = 5_000
_READ = 1 << 16
_LONGEST_CELL = 1 << 30
"""Characters; a DynamoDB item has 400 KB, but other sources have none of its limits."""
_BROKEN: Final = (EOFError, OSError, ValueError, csv.Error, zlib.error, RecursionError)
"""What gzip, zstd, csv, json and UTF-8 raise for bytes that are not theirs."""
_NUMBERS_AS_TEXT: Final[Mapping[str, Any]] = {"parse_int": str, "parse_float": str}


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A part as it is stored. `records` is None and `trouble` says why where its bytes are not of its format."""

    size: int
    sha256: str
    records: int | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RowText:
    """What a part of rows does not say itself: its dialect, and its columns where it has no header."""

    dialect: Dialect = RFC_4180
    columns: Sequence[str] = ()


_AS_USUAL: Final = RowText()


def read_back(
    chunks: Iterable[bytes],
    key: str,
    names: Sequence[str] = (),
    keep: Callable[[Sequence[Cells]], None] | None = None,
    text: RowText = _AS_USUAL,
) -> ReadBack:
    """Read the stored bytes of the part `key`, whose name tells format and compression.

    `keep` gets the columns `names` of its records, batch by batch, as far as they can be read. `text` is what the
    manifest tells of parts that are rows of text.
    """
    raw = Measured(chunks)
    records, trouble = 0, ""
    batch: list[Cells] = []
    try:
        for cells in _rows(raw, key, names, text):
            records += 1
            if keep is not None:
                batch.append(cells)
                if len(batch) >= BATCH:
                    keep(batch)
                    batch = []
    except _BROKEN as error:
        trouble = f"{type(error).__name__}: {_without_content(error)}"
    if keep is not None and batch:
        keep(batch)
    raw.drain()
    return ReadBack(raw.size, raw.hash.hexdigest(), None if trouble else records, trouble)


def extension_of(key: str) -> str:
    """The format's extension in a part's key, without that of the compression: `csv`."""
    return key.removesuffix(compression_of_key(key).suffix).rpartition(".")[2]


def _rows(raw: io.RawIOBase, key: str, names: Sequence[str], text: RowText) -> Iterator[Cells]:
    extension = extension_of(key)
    if extension == "parquet":
        return _parquet_rows(raw, names)
    if extension not in _READERS and extension not in _OF_ROWS:
        raise ValueError(f"no format is known for {extension}")
    stored = io.BufferedReader(raw, 1 << 20)
    plain = compression_of_key(key).reader(stored)
    # newline="" leaves line ends alone: CSV has some within its cells.
    encoding = "utf-8-sig" if text.dialect.bom else "utf-8"
    lines = io.TextIOWrapper(plain, encoding=encoding, newline="")
    return _csv_rows(lines, names, text) if extension in _OF_ROWS else _READERS[extension](lines, names)


def _parquet_rows(raw: io.RawIOBase, names: Sequence[str]) -> Iterator[Cells]:
    """The part is put aside on disk first: where its columns lie stands at its end."""
    with TemporaryFile() as aside:
        shutil.copyfileobj(raw, aside, 1 << 20)
        yield from parquet_rows(aside, names)


def _csv_rows(lines: io.TextIOWrapper, names: Sequence[str], text: RowText) -> Iterator[Cells]:
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(lines, strict=True, delimiter=text.dialect.delimiter)
    header = next(rows, None) if text.dialect.header else list(text.columns)
    if header is None:
        raise ValueError("there is no header")
    places = [header.index(name) if name in header else None for name in names]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"line {rows.line_num} has {len(row)} cells, the header has {len(header)}")
        yield tuple(None if place is None else row[place] for place in places)


def _json_lines(text: io.TextIOWrapper, names: Sequence[str]) -> Iterator[Cells]:
    for line in text:
        yield _cells(json.loads(line, **_NUMBERS_AS_TEXT), names)


def _json_array(text: io.TextIOWrapper, names: Sequence[str]) -> Iterator[Cells]:
    scanner = _Scanner(text)
    scanner.take("[")
    separator = ""
    while scanner.peek() != "]":
        scanner.take(separator)
        yield _cells(scanner.value(), names)
        separator = ","
    scanner.take("]")
    if scanner.peek():
        raise ValueError("something follows the array")


class _Scanner:
    """Reads JSON values one after the other, however they are laid out; holds one value and one read at most."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(**_NUMBERS_AS_TEXT)
        self._held = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            self._held, self._at = self._text.read(_READ), 0
            if not self._held:
                return ""

    def take(self, expected: str) -> None:
        """Step over this character, or over none. Raises ValueError where another one stands there."""
        if expected and self.peek() != expected:
            raise ValueError(f"{expected} was expected")
        self._at += len(expected)

    def value(self) -> Any:
        """The next value. Raises ValueError where there is none."""
        self.peek()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._held, self._at)
            except json.JSONDecodeError:
                # Cut short, or wrong: more text tells. Twice as much each time, because it is tried from the start.
                more = self._text.read(max(_READ, len(self._held) - self._at))
                if not more:
                    raise
                self._held, self._at = self._held[self._at :] + more, 0
            else:
                return value


def _cells(value: Any, names: Sequence[str]) -> Cells:
    if not isinstance(value, dict):
        raise ValueError("a record is not an object")  # noqa: TRY004  # broken bytes, not a wrong argument
    return tuple(found if isinstance(found := value.get(name), str) else None for name in names)


_OF_ROWS: Final = ("csv", "tsv")
_READERS: Mapping[str, Callable[[io.TextIOWrapper, Sequence[str]], Iterator[Cells]]] = {
    "jsonl": _json_lines,
    "json": _json_array,
}


class Measured(io.RawIOBase):
    """Chunks of bytes as a file to read, which measures and hashes what is read of it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")
        self.size = 0
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase."""
        if not self._next():
            return 0
        room = memoryview(buffer).cast("B")
        taken = self._left[: len(room)]
        room[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)

    def drain(self) -> None:
        """Measure what nobody has read."""
        while self._next():
            self._left = memoryview(b"")

    def _next(self) -> bool:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self.size += len(chunk)
            self.hash.update(chunk)
            self._left = memoryview(chunk)
        return True


def _without_content(error: BaseException) -> str:
    """What is wrong, without the bytes around it: JSON's and UTF-8's errors quote none, but carry the document."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return str(error)[:200]
