"""What a fuzz test has tried, as a row of the table that a run prints: target, inputs, rejected, accepted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings

from tidegate.errors import TidegateError

FULL = os.environ.get("FULL", "") not in ("", "0")
"""Whether everything is wanted (`make faults FULL=1`), or what fits into half a minute."""
TITLE = "Bad input: each is refused with a code, or accepted and read back the same"
MOST_CHARACTERS = 1000
ROW = "row of a table"
"""The property of a test's report that holds a row; the run prints them all at its end."""


@dataclass
class Tally:
    """Counts the inputs of one target. Both outcomes have to occur, or the inputs are no good."""

    inputs: int = 0
    accepted: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def refused(self, error: TidegateError, *, by_command: bool = False) -> None:
        """One more input that was refused, by an error that says what happened and what to do, in bounded size.

        What only our own commands write (`by_command`) needs no advice on what to do.
        """
        assert error.code, error
        assert error.remedy or by_command, error
        assert 0 < len(error.message) < MOST_CHARACTERS, error
        error.message.encode()
        self.codes[error.code] += 1

    def listed(self, code: str) -> None:
        """One more record that was left out of the file and listed with this code."""
        self.codes[code] += 1


@contextmanager
def counted(record_property: Callable[[str, object], None], target: str) -> Iterator[Tally]:
    """A tally that becomes a row; `record_property` is pytest's fixture."""
    tally = Tally()
    yield tally
    assert tally.accepted > 0, f"no input of {target} was accepted"
    assert tally.codes, f"no input of {target} was refused"
    rejected = sum(tally.codes.values())
    assert tally.accepted + rejected == tally.inputs
    codes = ", ".join(f"{code} {count}" for code, count in sorted(tally.codes.items()))
    row = {"target": target, "inputs": tally.inputs, "rejected with a code": rejected, "round-tripped": tally.accepted}
    record_property(ROW, [TITLE, {name: str(value) for name, value in {**row, "codes": codes}.items()}])


def tries(few: int, many: int) -> settings:
    """So many inputs, always the same ones; in a full run many, each time others."""
    return settings(
        max_examples=many if FULL else few,
        derandomize=not FULL,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )
