"""How much faster four readers are than one where each answer takes time to arrive: the clock, and no file.

Run as `python -m benchmarks.parallel_reading ENDPOINT PAGES READERS...`, where the endpoint's table has so many pages;
prints, for each way to read, the seconds with each number of readers as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import ours, ways
from benchmarks.pages import PAGE_RECORDS

WAYS: Final = ("query", "scan", "keys")


def main(arguments: Sequence[str]) -> None:
    """Read the same study with each number of readers, after a first page that opens the connections' way."""
    endpoint, pages, *readers = arguments
    count = int(pages) * PAGE_RECORDS
    seconds: dict[str, dict[str, float]] = {how: {} for how in WAYS}
    for number in readers:
        ours.read_all(ways.task(PAGE_RECORDS, Path("none"), endpoint, {}), "query", readers=int(number))
        for how in WAYS:
            started = time.perf_counter()
            ours.read_all(ways.task(count, Path("none"), endpoint, {}), how, readers=int(number))
            seconds[how][number] = time.perf_counter() - started
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
