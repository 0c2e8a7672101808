"""Python's collector of cycles, kept away from what hardly has any garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Look for no cycles meanwhile, in any thread; afterwards as before, whatever has happened."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Look for no cycles meanwhile, and afterwards never in what is there then, unless it has failed.

    For a function's init: of the 60,000 objects that are there at its end 50 are garbage, and each look takes 16 ms.
    """
    with paused():
        yield
    gc.freeze()
