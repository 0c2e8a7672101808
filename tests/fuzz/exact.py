"""The library behind buffers of exactly the size that it is told, so that a sanitizer sees every byte beyond."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.native.library import Library, Room


class ExactLibrary(Library):
    """Copies each input and output to memory from malloc, which a sanitizer surrounds with red zones."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        c = ctypes.CDLL(None)
        self._malloc, self._free = c.malloc, c.free
        self._malloc.restype, self._malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        self._free.restype, self._free.argtypes = None, [ctypes.c_void_p]
        self.page = self._with_exact_buffers(self.page)
        self.lines = self._with_exact_buffers(self.lines)

    def _with_exact_buffers(self, function: Callable[..., None]) -> Callable[..., None]:
        def exactly(plan: Any, body: bytes, *rest: Any) -> None:
            *numbers, room, outcome = rest
            source, out = self._malloc(len(body)), self._malloc(room.out_size)
            ctypes.memmove(source, body, len(body))
            exact = Room.from_buffer_copy(room)
            exact.out = out
            function(plan, source, *numbers, exact, outcome)
            ctypes.memmove(room.out, out, outcome.size)
            self._free(source)
            self._free(out)

        return exactly
