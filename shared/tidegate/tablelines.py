"""The records of one table on a page of bytes: packed lines, of which the writer makes rows table by table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from tidegate.model import Record
from tidegate.native import ItemSpec, Refusal, Rows, RowSpec, TableLines
from tidegate.packing import unpacked
from tidegate.transcoding import Transcoding


class RawTable(Sequence[Record]):
    """One table's records of a page, in their order; for those who ask they become objects, without their times."""

    def __init__(self, transcoding: Transcoding, items: ItemSpec, lines: TableLines) -> None:
        self._transcoding = transcoding
        self._items = items
        self._lines = lines
        self._made: tuple[RowSpec, Rows | Refusal] | None = None

    def packed(self) -> TableLines:
        """The records as packed lines."""
        return self._lines

    def rows(self, target: RowSpec) -> Rows | Refusal:
        """The records for this target, at no cost where they were made for it before."""
        if self._made is None or self._made[0] != target:
            made = self._transcoding.transcoder(self._items, target).lines(bytes(self._lines.data))
            self._made = target, made
        return self._made[1]

    def __len__(self) -> int:
        return len(self._lines.ends)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return unpacked(bytes(self._lines.data))[index]
