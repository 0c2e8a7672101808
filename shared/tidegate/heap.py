"""How the C library hands out memory, chosen for a process whose threads pass large buffers on.

glibc gives each thread a heap of its own. The bytes of an answer are taken by the thread that reads and given back by
the one that writes, so each of these heaps keeps what it once needed: several pages each. With one heap, what is given
back by one thread the next takes. Threads wait for each other there no more than they do for the interpreter.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_LARGEST_ON_HEAP: Final = 32 << 20
_KEPT_FREE: Final = 64 << 20


@cache
def share_one_heap() -> None:
    """Let all threads of this process, which are still to be started, share one heap. Does nothing without glibc.

    Buffers stay on it: given back to the system and taken anew, each page would be cleared again and again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGEST_ON_HEAP)
        mallopt(_TRIM_THRESHOLD, _KEPT_FREE)
