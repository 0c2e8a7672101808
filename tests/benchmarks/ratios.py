"""Medians and ratios over rounds: what is compared was measured in the same round, minutes of it apart at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Cost

FEWEST_RECORDS, MOST_RECORDS = 2_000, 1_000_000
FAST = 30_000
"""Records per CPU second, from which on a way is fast."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some numbers, and the smallest and largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """The spread of at least one number."""
        return cls(median(numbers), min(numbers), max(numbers))


def rate(cost: Cost) -> float:
    """Records per second of CPU."""
    return cost.records / cost.cpu


def fixed_work(proof: Cost, seconds: float, many: int) -> int:
    """About how many records a way exports in so many seconds of CPU, as 1, 2 or 5 times a power of ten.

    So coarse, that another run on the same machine mostly measures the same work. A way that is fast exports `many` at
    least: what it does once an export shall weigh as little as it does in a large one.
    """
    wanted = rate(proof) * seconds
    if rate(proof) > FAST:
        wanted = max(wanted, many)
    wanted = min(MOST_RECORDS, max(FEWEST_RECORDS, wanted))
    steps = [step * power for power in (1_000, 10_000, 100_000, 1_000_000) for step in (1, 2, 5)]
    return max(step for step in steps if step <= wanted)


def rates(rounds: Sequence[Mapping[str, Cost]], way: str) -> Spread:
    """The way's records per CPU second over all rounds."""
    return Spread.of([rate(one[way]) for one in rounds])


def compared(rounds: Sequence[Mapping[str, Cost]], way: str, other: str) -> Spread:
    """How many times the other's rate the way's is, round by round, so that a slow minute counts for both."""
    return Spread.of([rate(one[way]) / rate(one[other]) for one in rounds])


def peak(rounds: Sequence[Mapping[str, Cost]], way: str) -> int:
    """The largest peak of all rounds, in bytes."""
    return max(one[way].peak for one in rounds)
