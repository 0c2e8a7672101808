"""What one run of the benchmark found out, and on which machine."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cold_start import Started
from benchmarks.measure import Cost


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran, with what, and how busy it was before."""

    processor: str
    cores: int
    system: str
    python: str
    openssl: str
    compiler: str
    load: float
    at: datetime

    @classmethod
    def here(cls) -> Machine:
        """This machine, now."""
        return cls(
            _processor(),
            os.cpu_count() or 1,
            f"{platform.system()} {platform.release()} {platform.machine()}",
            platform.python_version(),
            ssl.OPENSSL_VERSION,
            _first_line("cc", "--version"),
            os.getloadavg()[0],
            datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True)
class Grown:
    """One size of the growth curve; `cost` is None where it was left out, and `why` then says why."""

    records: int
    cost: Cost | None
    why: str = ""


@dataclass(slots=True)
class Results:
    """Everything that the report is made of; what has not been measured is empty."""

    command: str
    machine: Machine
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    sizes: dict[str, int] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)
    rounds: list[dict[str, Cost]] = field(default_factory=list)
    growth: list[Grown] = field(default_factory=list)
    accepting: Mapping[str, Any] = field(default_factory=dict)
    starts: Sequence[Started] = ()
    readers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reading: str = ""
    sftp: Mapping[str, Any] = field(default_factory=dict)

    def ran(self, name: str) -> bool:
        """Whether the rounds have this way."""
        return bool(self.rounds) and name in self.rounds[0]

    def grown(self, records: int) -> Cost | None:
        """The cost at one size of the growth curve."""
        return next((one.cost for one in self.growth if one.records == records), None)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _first_line(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return "none"
    return run.stdout.splitlines()[0] if run.stdout else "none"
