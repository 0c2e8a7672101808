"""How much faster four readers are than one where each page takes time to arrive: the clock, and no file.

Run as `python -m benchmarks.parallel_reading ENDPOINT RECORDS READERS...`; prints the seconds of each as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import ours, ways
from benchmarks.pages import PAGE_RECORDS


def main(arguments: Sequence[str]) -> None:
    """Read the same study with each number of readers, after a first page that opens the connections' way."""
    endpoint, count, *readers = arguments
    seconds = {}
    for number in map(int, readers):
        ours.read_all(ways.task(PAGE_RECORDS, Path("none"), endpoint, {}), readers=number)
        started = time.perf_counter()
        ours.read_all(ways.task(int(count), Path("none"), endpoint, {}), readers=number)
        seconds[str(number)] = time.perf_counter() - started
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
