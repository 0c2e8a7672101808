"""How much a run of the benchmark measures: quick, usual or full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.cold_start import FUNCTIONS
from benchmarks.environments import PROJECT

PAGE_DELAY_MILLIS: Final = 60
READERS: Final = (1, 4)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured, and where the report goes.

    A run takes about `cpu_seconds`; that of a fast way exports `many` records at least, one of boto3 `slow` ones:
    several pages. Our way without a library exports `by_reference` ones at least, because it does once an export what
    boto3 does not do at all: ten thousand records wait for their columns, a quarter of an hour is remembered. A size of
    the `growth` curve that would take longer than `patience` seconds is left out. `pages` are read by each number of
    readers. A file of `megabytes` goes to an SFTP server.
    """

    command: str
    rounds: int
    cpu_seconds: float
    many: int
    slow: int
    by_reference: int
    growth: Sequence[int]
    patience: float
    studies: Sequence[int]
    functions: Sequence[str]
    starts: int
    pages: int
    megabytes: int
    report: Path


QUICK: Final = Scale(
    command="make bench QUICK=1",
    rounds=3,
    cpu_seconds=0.4,
    many=200_000,
    slow=5_000,
    by_reference=20_000,
    growth=(20_000, 100_000, 1_000_000),
    patience=15,
    studies=(10, 100),
    functions=("worker",),
    starts=3,
    pages=24,
    megabytes=32,
    report=PROJECT / ".bench",
)
USUAL: Final = Scale(
    command="make bench",
    rounds=5,
    cpu_seconds=2.0,
    many=1_000_000,
    slow=20_000,
    by_reference=100_000,
    growth=(20_000, 100_000, 1_000_000, 10_000_000),
    patience=300,
    studies=(10, 100, 1000),
    functions=FUNCTIONS,
    starts=11,
    pages=60,
    megabytes=128,
    report=PROJECT / "docs/benchmarks",
)
FULL: Final = replace(
    USUAL,
    command="make bench FULL=1",
    rounds=9,
    cpu_seconds=4.0,
    starts=21,
)
