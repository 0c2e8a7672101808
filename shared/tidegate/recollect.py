"""Finds the memory of the look-back that a chain head names, or makes it anew from the parts that the chain exported.

A memory can be missing: deleted, damaged, written for another identity of the records, or never written, because an
older version or `lookbackSeconds: 0` exported the last windows. Then the manifests from the chain head back, as far as
the look-back reaches, say what was exported, where their parts carry each record's key and time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from tidegate.errors import FatalError
from tidegate.failed import keys_of
from tidegate.formats.delimited import GUARDED
from tidegate.identity import Identity
from tidegate.instants import rfc3339, to_millis
from tidegate.links import Link, NamedPart, read_link
from tidegate.model import Definition, Pair
from tidegate.readback import Cells, RowText, extension_of, read_back
from tidegate.remembered import Header, Key, Mark, Remembered, put_memory
from tidegate.sources import time_type_of
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head

logger = logging.getLogger(__name__)

UNKNOWN = "LOOKBACK_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Written:
    """How the parts of a manifest were written: by which definition, where key and time stand, and in which order.

    `unit` is that of TimeOrdered, None where the records are in no order, or nobody knows in which.
    """

    definition: Definition
    identity: Identity | None
    unit: int | None


@dataclass(slots=True)
class Recollection:
    """What is needed to find the memory of one pair's chain head, or to make it anew under `scratch_key`.

    `names` are the attributes of a record's key and its time; `unit` is the source's order; `written` says how the
    parts of a manifest were written.
    """

    objects: Objects
    pair: Pair
    head: Head
    span: timedelta
    names: tuple[str, ...]
    unit: int | None
    scratch_key: str
    written: Callable[[Link], Written]
    _marks: set[Mark] = field(default_factory=set)
    _failed: set[Key] = field(default_factory=set)

    def memory(self) -> Remembered:
        """The memory that the head names, if it is whole and knows the records by the same names; else a new one.

        Raises FatalError LOOKBACK_UNKNOWN where neither is possible.
        """
        if self.head.memory is not None:
            found = Remembered.opened(self.objects, self.head.memory)
            if found is not None and found.header.names == self.names:
                return found
        logger.warning("reading the exported parts to know what was exported", extra={"pair": self.pair.key})
        since = self._read_chain()
        header = Header(self.pair.export, self.pair.study, since, self.head.end, self.names, self.unit, self.head.key)
        marks = sorted(self._marks, key=lambda mark: (mark[0], mark[1] or "", mark[2]))
        return put_memory(self.objects, self.scratch_key, header, marks, sorted(self._failed))

    @property
    def _from(self) -> datetime:
        return self.head.end - self.span

    def _read_chain(self) -> datetime:
        """Read what the windows exported that reach into the look-back; the time from which on it is known."""
        ref: tuple[str, str] | None = (self.head.key, self.head.sha256)
        since = self.head.end
        while ref is not None and since > self._from:
            link = self._link(*ref)
            if link.window is None or link.window.end <= self._from:
                return self._from
            self._read(link)
            since, ref = link.window.start, link.previous
        return max(since, self._from)

    def _link(self, key: str, sha256: str) -> Link:
        link = read_link(self.objects, key)
        if not isinstance(link, Link) or link.sha256 != sha256:
            raise self._unknown(f"the manifest {key} is gone or is not what was committed")
        return link

    def _read(self, link: Link) -> None:
        how = self.written(link)
        columns = how.identity.columns if how.identity else ()
        parts = [part for part in link.parts if part.records]
        for table, of_table in groupby(parts, key=lambda part: part.table):
            if not columns or not set(columns).issubset(link.columns.get(table, ())):
                raise self._unknown(f"the parts of {link.key} do not carry each record's key and time")
            self._read_back(list(of_table), how, columns, RowText(link.dialect, link.columns[table]))
        if link.failed_key is not None:
            try:
                self._failed.update(keys_of(self.objects.get(link.failed_key)))
            except FatalError as error:
                raise self._gone(error, link.failed_key) from None

    def _read_back(self, parts: Sequence[NamedPart], how: Written, columns: tuple[str, ...], text: RowText) -> None:
        """Read a table's parts, the last one first, and only as far as the look-back reaches where they keep order."""
        for part in reversed(parts):
            reader = _Reader(how.definition, part.key, to_millis(self._from), self._marks)
            try:
                back = read_back(self.objects.get(part.key), part.key, columns, reader.take, text)
            except FatalError as error:
                raise self._gone(error, part.key) from None
            if (back.sha256, back.records) != (part.sha256, part.records):
                raise self._unknown(f"the part {part.key} is not what was written")
            if reader.lacking:
                raise self._unknown(f"the part {part.key} has a record without a key, or without a time")
            if how.unit is not None and reader.first is not None and reader.first + how.unit <= reader.floor:
                return

    def _gone(self, error: FatalError, key: str) -> FatalError:
        return self._unknown(f"{key} is gone") if error.code == "NOT_FOUND" else error

    def _unknown(self, why: str) -> FatalError:
        export = "" if self.pair.export == "default" else f" --export {self.pair.export}"
        again = f"tidegate watermark set {self.pair.study}{export} --to {rfc3339(self._from)} --reason ..."
        return FatalError(
            f"What was exported before {rfc3339(self.head.end)} within lookbackSeconds is not known any more: {why}.",
            code=UNKNOWN,
            remedy="Set lookbackSeconds of the export to 0: then nothing looks for late records. Or accept duplicates: "
            f"'{again}' exports the time from there on a second time, and looks back again from then on.",
        )


@dataclass(slots=True)
class _Reader:
    """Turns the key and time columns of one part into marks, from the floor on."""

    definition: Definition
    part: str
    floor: int
    marks: set[Mark]
    first: int | None = None
    lacking: bool = False

    def take(self, batch: Sequence[Cells]) -> None:
        """See readback.read_back. What is no key and time is not raised, which would count as a broken part."""
        time_type = time_type_of(self.definition.source.time_type)
        guarded = extension_of(self.part) in ("csv", "tsv") and self.definition.format.formula_guard
        for *key, time in batch:
            texts = [text for text in key if text is not None]
            try:
                millis = time_type.millis({time_type.attribute_type: time})
            except ValueError:
                self.lacking = True
                return
            self.lacking = self.lacking or len(texts) < len(key)
            self.first = millis if self.first is None else self.first
            if millis >= self.floor:
                self.marks.update((millis, time, one) for one in _keys(texts, guarded=guarded))


def _keys(key: Sequence[str], *, guarded: bool) -> list[Key]:
    """The keys that cells can stand for: an apostrophe before a formula is CSV's, or the author's own. Both count."""
    keys: list[Key] = [()]
    for text in key:
        forms = (text, text[1:]) if guarded and text.startswith(GUARDED) else (text,)
        keys = [(*before, form) for before in keys for form in forms]
    return keys
