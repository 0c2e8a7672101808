"""Records with the bytes that they came in: who wants them once more later need not write them down for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tidegate.model import Record


class Rereadable(list[Record]):
    """Records made of `text`, all that are in it; a part of them is an ordinary list.

    `text` is JSON with a map in wire form for each record, all its attributes and nothing besides, with something
    between two of them; no name is twice in a map. `read` makes the same records of it once more.
    """

    def __init__(self, records: Iterable[Record], text: bytes, read: Callable[[bytes], list[Record]]) -> None:
        super().__init__(records)
        self.text = text
        self.read = read
