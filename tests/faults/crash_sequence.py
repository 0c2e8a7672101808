"""One thread for each process: what the product does in parallel is done in a fixed order.

A call can then be found again by its number, and a process is always at one place. What is left out is only read-ahead
and parallel writes of things that do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tidegate.sources.dynamodb.stretches import StretchReader


@contextmanager
def in_sequence() -> Iterator[None]:
    """Within this block pools run what they are given at once, and pages are read when they are wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", _at_once)
        patch.setattr(StretchReader, "batches", _batches)
        yield


def _at_once(_pool: Any, work: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
    done: Future[Any] = Future()
    try:
        done.set_result(work(*arguments, **named))
    except BaseException as error:  # noqa: BLE001  as a pool does: whoever asks for the result gets it
        done.set_exception(error)
    return done


def _batches(reader: Any) -> Generator[Any, None, None]:
    while True:
        front = reader._stretches[0]
        if front.ahead:
            yield front.ahead.popleft()
        elif not front.finished:
            reader._advance(front)
        elif len(reader._stretches) > 1:
            reader._stretches.pop(0)
            reader._look_ahead()
        else:
            return
