"""What every measured process does the same: read its job, warm up, export once, say what that cost.

Nothing but the standard library: this runs in the environments of other tools too.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

TABLE = "Records"
INDEX = "study-uploadedOn-index"
REGION = "eu-west-2"


@dataclass(frozen=True, slots=True)
class Task:
    """One export: the records of `study` with low <= uploadedOn <= high (milliseconds), into the file `output`.

    `columns` are all attributes that occur. `options` differ from way to way.
    """

    study: str
    count: int
    low: int
    high: int
    output: str
    columns: tuple[str, ...]
    endpoint: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Cost:
    """What an export took in this process: seconds of CPU (user and system, its children's too) and of the clock.

    `peak` is the most memory that was ever resident, in bytes; of the whole process, interpreter and imports included.
    """

    records: int
    cpu: float
    wall: float
    peak: int
    note: str = ""


def measured(export: Callable[[Task], str]) -> None:
    """Run a process's job, given as JSON in its first argument, and print its cost as JSON.

    A small export comes first, so that imports, connections and caches that are made once are not counted: what is
    measured goes from the first request for a page to the finished file. `export` returns a note, mostly none.
    """
    warm, full = (_task(document) for document in json.loads(sys.argv[1]))
    export(warm)
    cpu, wall = cpu_seconds(), time.perf_counter()
    note = export(full)
    cost = Cost(full.count, cpu_seconds() - cpu, time.perf_counter() - wall, peak_bytes(), note)
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_bytes() -> int:
    """The most memory that this process ever had resident.

    Linux hands ru_maxrss of the process that started this one down to it, so there the kernel's own count of this
    program is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _task(document: dict[str, object]) -> Task:
    return Task(**{**document, "columns": tuple(document["columns"])})  # type: ignore[arg-type]  # JSON of our own
