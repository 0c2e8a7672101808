"""Waiting for a condition, with a limit that is an error."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(probe: Callable[[], T], *, what: str, within: float = 30.0) -> T:
    """Return the first true value of `probe`, asked ten times a second; fail after `within` seconds, saying `what`."""
    deadline = time.monotonic() + within
    while True:
        if value := probe():
            return value
        assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"
        time.sleep(0.1)
