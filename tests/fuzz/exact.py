"""The library behind buffers of exactly the size that it is told, so that a sanitizer sees every byte beyond."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.native.library import MOST_TABLES, SHORT_OF_NAMES, SHORT_OF_OUT, SHORT_OF_RECORDS, Library, Outcome, Room

_SHORT = frozenset({SHORT_OF_OUT, SHORT_OF_RECORDS, SHORT_OF_NAMES})


class ExactLibrary(Library):
    """Gives each input and output memory of its own from malloc, which a sanitizer surrounds with red zones.

    Outputs begin far too small and grow by little until the library says that they suffice: so it writes close to
    their ends, and is stopped at any point before.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        c = ctypes.CDLL(None)
        self._malloc, self._free = c.malloc, c.free
        self._malloc.restype, self._malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        self._free.restype, self._free.argtypes = None, [ctypes.c_void_p]
        self.page = self._with_exact_buffers(self.page)
        self.lines = self._with_exact_buffers(self.lines)
        self.columns = self._with_exact_columns(self.columns)

    def _with_exact_buffers(self, function: Callable[..., None]) -> Callable[..., None]:
        def exactly(plan: Any, body: bytes, *rest: Any) -> None:
            *numbers, room, outcome = rest
            source = self._malloc(len(body))
            ctypes.memmove(source, body, len(body))
            sizes = _Sizes(room)
            while not self._tried(sizes, plan, lambda exact: function(plan, source, *numbers, exact, outcome), outcome):
                sizes.grow(outcome.status)
            self._free(source)

        return exactly

    def _with_exact_columns(self, function: Callable[..., int]) -> Callable[..., int]:
        def exactly(rows: bytes, size: int, *rest: Any) -> int:
            *numbers, columns, count, out, bits, stride, records = rest
            source = self._malloc(size)
            ctypes.memmove(source, rows, size)
            outputs = [(room, self._malloc(ctypes.sizeof(room))) for room in (out, bits) if room is not None]
            for room, block in outputs:
                ctypes.memset(block, 0, ctypes.sizeof(room))
            blocks = [block for _, block in outputs] or [None, None]
            end = function(source, size, *numbers, columns, count, *blocks, stride, records)
            for room, block in outputs:
                ctypes.memmove(room, block, ctypes.sizeof(room))
                self._free(block)
            self._free(source)
            return end

        return exactly

    def _tried(self, sizes: _Sizes, plan: Any, call: Callable[[Room], None], outcome: Outcome) -> bool:
        """Whether it was the last call; what that one wrote is in the caller's room then."""
        wanted = sizes.bytes(plan.contents)
        blocks = {name: self._malloc(size) for name, size in wanted.items()}
        call(Room(**blocks, out_size=sizes.out, records=sizes.records, name_count=sizes.names))
        last = outcome.status not in _SHORT or sizes.at_most(outcome.status)
        if last:
            names = [] if not outcome.table_count else self._names(blocks["groups"], outcome.table_count)
            written = {**wanted, "out": max((outcome.size, *names))}
            for name, block in blocks.items():
                ctypes.memmove(getattr(sizes.room, name), block, written[name])
        for block in blocks.values():
            self._free(block)
        return last

    @staticmethod
    def _names(groups: int, count: int) -> list[int]:
        """Where the name of each table ends."""
        numbers = (ctypes.c_int64 * (5 * count)).from_address(groups)
        return [numbers[at + 3] + numbers[at + 4] for at in range(0, 5 * count, 5)]


class _Sizes:
    """Of the outputs, up to those of the caller's room."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.out, self.records, self.names = 0, 0, 0

    def bytes(self, plan: Any) -> dict[str, int]:
        number = 8 * self.records
        arrays = {"ends": number, "times": number, "keys": 2 * plan.key_count * number, "kinds": 8 * plan.column_count}
        by_table = {"tables": number, "groups": 40 * MOST_TABLES} if plan.table_count else {}
        return {"out": self.out, **arrays, **by_table, "names": 16 * self.names}

    def grow(self, status: int) -> None:
        if status == SHORT_OF_OUT:
            self.out = min(self.out + self.out // 4 + 400, self.room.out_size)
        elif status == SHORT_OF_RECORDS:
            self.records = min(2 * self.records + 1, self.room.records)
        else:
            self.names = min(2 * self.names + 1, self.room.name_count)

    def at_most(self, status: int) -> bool:
        if status == SHORT_OF_OUT:
            return self.out == self.room.out_size
        return (self.records == self.room.records) if status == SHORT_OF_RECORDS else self.names == self.room.name_count
