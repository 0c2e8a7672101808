"""Waiting for a condition, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

from tidegate_local.errors import TooLateError

T = TypeVar("T")
LOOK_EVERY_SECONDS = 0.1


def wait_for(
    probe: Callable[[], T | None],
    *,
    what: str,
    within: float = 30.0,
    every: float = LOOK_EVERY_SECONDS,
    remedy: str = "",
) -> T:
    """Return the first true value of `probe`, which is asked each `every` seconds; what it raises ends the waiting.

    Raises TooLateError after `within` seconds. `what` names the thing waited for in its message, as in "an answer".
    """
    deadline = time.monotonic() + within
    while True:
        if value := probe():
            return value
        if time.monotonic() > deadline:
            raise TooLateError(f"Waited {within:.0f} seconds in vain for {what}.", remedy=remedy)
        time.sleep(every)
