"""What compressing costs: CPU and size of each way, for members of 1 MiB, relative to zlib's level 6.

Run it as `.venv/bin/python tests/benchmarks/compression.py`; it prints a table in Markdown.
"""

import json
import random
import sys
import time
import zlib
from collections.abc import Callable

from isal import isal_zlib

from tidegate.compression import compression_of

MEMBER = 1 << 20
ROUNDS = 5


def rows(count: int) -> bytes:
    """CSV of ids, times, numbers, flags, nested answers and text; about 700 bytes each, always the same."""
    chance = random.Random(1)  # noqa: S311  # sample data
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(2000)]

    def row(number: int) -> str:
        answers = {"q1": chance.choice(words), "q2": chance.randint(0, 9), "q3": chance.choices(words, k=6)}
        cells = (
            f"{chance.getrandbits(128):032x}",
            str(1_700_000_000_000 + number * 37),
            f"{chance.random() * 1000:.4f}",
            chance.choice(("true", "false")),
            '"' + json.dumps(answers).replace('"', '""') + '"',
            " ".join(chance.choices(words, k=70)),
        )
        return ",".join(cells) + "\r\n"

    return "".join(map(row, range(count))).encode()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "zlib 6": lambda data: zlib.compress(data, 6, wbits=31),
    "zlib 4": lambda data: zlib.compress(data, 4, wbits=31),
    "zlib 1": lambda data: zlib.compress(data, 1, wbits=31),
    "ISA-L 1": lambda data: isal_zlib.compress(data, 1, 31),
    "ISA-L 3": lambda data: isal_zlib.compress(data, 3, 31),
    "gzip, as Tidegate writes it": compression_of("gzip").compress,
    "zstd, as Tidegate writes it": compression_of("zstd").compress,
}


def main() -> None:
    """Measure all ways in turn, several rounds, and print the medians."""
    data = rows(8_000)
    members = [data[start : start + MEMBER] for start in range(0, len(data), MEMBER)]
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    sizes = {}
    for _ in range(ROUNDS):
        for name, compress in random.sample(list(WAYS.items()), len(WAYS)):
            began = time.process_time()
            sizes[name] = sum(len(compress(member)) for member in members)
            seconds[name].append(time.process_time() - began)
    median = {name: sorted(taken)[ROUNDS // 2] for name, taken in seconds.items()}
    sys.stdout.write("| | CPU | size |\n|---|---|---|\n")
    for name in WAYS:
        cpu, size = median[name] / median["zlib 6"], sizes[name] / sizes["zlib 6"]
        sys.stdout.write(f"| {name} | {cpu:.2f} | {size:.2f} |\n")


if __name__ == "__main__":
    main()
