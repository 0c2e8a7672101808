"""AWS calls of a small export, and what acceptance costs as studies grow in number; counted on moto, in this process.

Run as `python -m benchmarks.accepting STUDIES...`; prints JSON. The counts are those of AWS, the times are moto's.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from moto import mock_aws

from benchmarks.measure import cpu_seconds
from integration.faults import Faults
from integration.world import NOON, Clock, World, build

SMALL_EXPORT_RECORDS = 100
LAMBDAS_OWN = frozenset({"ReceiveMessage", "DeleteMessage"})
"""The event source mapping takes these off the worker's hands, and off its bill."""


def calls_of_small_export() -> dict[str, dict[str, int]]:
    """Intake's and worker's AWS calls for one study's window of a hundred records, by kind.

    It is the second window, as most are: the first one has no watermark and no chain to go on from.
    """
    world = _world(1)
    world.put_records("study-0000", [NOON - timedelta(minutes=5, seconds=n) for n in range(SMALL_EXPORT_RECORDS)])
    world.export(exportType="INSTANT")
    world.clock.tick(hours=1)
    world.put_records("study-0000", [NOON + timedelta(seconds=n) for n in range(SMALL_EXPORT_RECORDS)])
    faults = Faults()
    with faults.watching(world.stack.clients):
        world.submit(exportType="INSTANT")
        intake = _counted(faults)
        faults.clear()
        world.work_once()
        worker = _counted(faults)
    (*_, operation) = world.manifests("study-0000")
    if operation["records"] != SMALL_EXPORT_RECORDS:
        raise SystemExit(f"the small export has {operation['records']} records; {SMALL_EXPORT_RECORDS} were wanted")
    return {"intake": intake, "worker": worker}


def acceptance(studies: int) -> dict[str, Any]:
    """One request for so many studies: AWS calls by kind, seconds of the clock and of CPU, emulator included."""
    world, faults = _world(studies), Faults()
    with faults.watching(world.stack.clients):
        cpu, wall = cpu_seconds(), time.perf_counter()
        operations = world.submit(exportType="INSTANT")
        cost = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
    if len(operations) != studies:
        raise SystemExit(f"{len(operations)} operations were made for {studies} studies")
    return {"studies": studies, "calls": _counted(faults), **cost}


def _world(studies: int) -> World:
    world = build(Clock())
    for number in range(studies):
        world.put_study(f"study-{number:04d}")
    return world


def _counted(faults: Faults) -> dict[str, int]:
    return dict(sorted(Counter(name for name in faults.names() if name not in LAMBDAS_OWN).items()))


def main(arguments: Sequence[str]) -> None:
    """Print what was counted."""
    with mock_aws():
        calls = calls_of_small_export()
    accepted = []
    for studies in map(int, arguments):
        with mock_aws():
            accepted.append(acceptance(studies))
    sys.stdout.write(json.dumps({"calls": calls, "acceptance": accepted}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
