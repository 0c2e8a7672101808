"""Plays a scenario once, and at each of its calls goes on in a copy of this process in which that call is struck.

The copy has everything that was before the call, so that only what comes after it has to be played each time.
"""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.crash_calls import Call, Strike, Way

AT_ONCE = os.cpu_count() or 1


@dataclass
class Run:
    """What a run was: its calls by number, what was struck, how it ended, and which sentences do not hold."""

    calls: list[str] = field(default_factory=list)
    struck: str | None = None
    end: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass
class Forks:
    """The copies of one run; `ended` has what became of each, in the order of `wanted`."""

    wanted: Sequence[Strike]
    ended: dict[Strike, Run] = field(default_factory=dict)
    _running: list[tuple[int, int, Strike]] = field(default_factory=list)
    _copy: int | None = None

    def run(self, play: Callable[[Callable[[Call], Way | None]], Run]) -> Run:
        """Play, undisturbed; afterwards every copy has ended."""
        try:
            whole = play(self._strikes)
        except BaseException:
            if self._copy is None:
                raise
            whole = Run(problems=[traceback.format_exc()])
        if self._copy is not None:
            with os.fdopen(self._copy, "wb") as pipe:
                pipe.write(pickle.dumps(whole))
            os._exit(0)
        while self._running:
            self._await_one()
        return whole

    def _strikes(self, call: Call) -> Way | None:
        if self._copy is not None:
            return None
        for strike in (strike for strike in self.wanted if strike.number == call.number):
            if len(self._running) >= AT_ONCE:
                self._await_one()
            reading, writing = os.pipe()
            process = _forked()
            if process == 0:
                self._copy = writing
                return strike.way
            os.close(writing)
            self._running.append((process, reading, strike))
        return None

    def _await_one(self) -> None:
        process, reading, strike = self._running.pop(0)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        os.waitpid(process, 0)
        # What a copy of ours wrote, nobody else's.
        self.ended[strike] = pickle.loads(told) if told else Run(problems=["its process ended without a word"])  # noqa: S301


def _forked() -> int:
    """As os.fork. From Python 3.12 on it warns where pytest-xdist has threads, none of which a copy needs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
