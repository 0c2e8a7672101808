"""Checks what one manifest names: that each part exists, and that its size, hash and count are true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from tidegate.errors import FatalError
from tidegate.links import Link, NamedPart
from tidegate.model import Pair
from tidegate.readback import Cells, ReadBack, RowText, read_back
from tidegate.store.objects import Objects
from tidegate.verify.report import Remark

Keep: TypeAlias = tuple[Sequence[str], Callable[[Sequence[Cells]], None]]
"""The columns that somebody wants of a part's records, and who takes them."""

_AGAIN = "Export the window again; readers that took the damaged copy must take the new one."


def check_parts(objects: Objects, pair: Pair, link: Link, keep: Callable[[NamedPart], Keep | None]) -> Iterator[Remark]:
    """What is wrong with the parts of a manifest, and with its own sums. Reads every byte of them."""

    def problem(code: str, key: str, text: str) -> Remark:
        repairable = link.window is not None
        return Remark(code, pair, text, _AGAIN, window=link.window, key=key, repairable=repairable)

    for part in link.parts:
        back = _read(objects, link, part, keep(part))
        if back is None:
            yield problem("PART_MISSING", part.key, f"The part {part.key}, {part.records} records, is gone.")
        elif (back.size, back.sha256) != (part.size, part.sha256):
            yield problem("PART_CHANGED", part.key, _changed(part, back))
        elif back.records is None:
            text = f"The part {part.key} is as it was written, but cannot be read ({back.trouble})."
            yield problem("PART_UNREADABLE", part.key, text)
        elif back.records != part.records:
            text = f"The part {part.key} holds {back.records} records, its manifest says {part.records}."
            yield problem("COUNT_WRONG", part.key, text)
    named = sum(part.records for part in link.parts)
    if named != link.records:
        text = f"The manifest {link.key} says {link.records} records, its parts say {named} together."
        yield problem("COUNT_WRONG", link.key, text)
    if link.failed_key is not None and not objects.exists(link.failed_key):
        text = f"The redrive list {link.failed_key} is gone: nobody knows any more which records could not be exported."
        yield problem("FAILED_LIST_MISSING", link.failed_key, text)


def _read(objects: Objects, link: Link, part: NamedPart, keep: Keep | None) -> ReadBack | None:
    names, sink = keep or ((), None)
    try:
        text = RowText(link.dialect, link.columns.get(part.table, ()))
        return read_back(objects.get(part.key), part.key, names, sink, text)
    except FatalError as error:
        if error.code != "NOT_FOUND":
            raise
        return None


def _changed(part: NamedPart, back: ReadBack) -> str:
    size = f"{back.size} bytes instead of {part.size}" if back.size != part.size else f"{part.size} bytes as before"
    records = back.trouble or (
        f"{back.records} records instead of {part.records}" if back.records != part.records else "as many records"
    )
    return f"The part {part.key} is not what was written: {size}, another sha256, {records}."
