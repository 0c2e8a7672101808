"""Compares the native library with the reference on random pages and their mutations.

PYTHONPATH=tests .venv/bin/python -m fuzz.transcoder --pages 1000000
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from fuzz.exact import ExactLibrary
from fuzz.pages import PageMaker, mutated
from fuzz.reference import NotPlainError, Result, lines_result, page_result
from tidegate.native import ByTable, Refusal, Rows, RowSpec, Transcoder
from tidegate.native import columns as native_columns
from tidegate.native.library import PATH, Library
from tidegate.parquet.columntypes import column_type
from tidegate.parquet.rowgroup import transposed

_MUTATIONS_A_PAGE = 9
_MUTATIONS_OF_LINES = 3


def compare(answer: Rows | Refusal, expected: Callable[[], Result]) -> str:
    """How they agree. Raises AssertionError where they do not."""
    try:
        wanted = expected()
    except NotPlainError:
        assert isinstance(answer, Refusal), "accepted what the reference treats in a special way"
        return "refused by both"
    if isinstance(answer, Refusal):
        assert answer is not Refusal.OTHER_COLUMN, "saw another column where the reference sees none"
        return "refused by the library alone"
    found = Result.of(answer)
    for name in Result.__slots__:
        assert getattr(found, name) == getattr(wanted, name), (
            f"{name}: {getattr(found, name)!r}, not {getattr(wanted, name)!r}"
        )
    return "equal"


def fuzz(seed: int, pages: int, native: Library, shown: Callable[[bytes], None]) -> Counter[str]:
    """Tries so many pages, mutations included; returns how often what came of it. Raises AssertionError."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    maker = PageMaker(random)
    counts: Counter[str] = Counter()
    while counts.total() < pages:
        spec, target = maker.items_spec(), maker.target()
        kind = _kind(target)
        transcoder = Transcoder(spec, target, native=native)
        whole = maker.page(maker.items(spec))
        low, high = maker.window()
        for body in (whole, *(mutated(random, whole) for _ in range(_MUTATIONS_A_PAGE))):
            shown(body)
            how = compare(transcoder.page(body, low, high), lambda: page_result(body, spec, target, low, high))  # noqa: B023
            counts[f"{kind}page {'as made' if body is whole else 'mutated'}: {how}"] += 1
        made = transcoder.page(whole, low, high)
        rows = target if isinstance(target, RowSpec) else None
        if rows is not None and rows.types and isinstance(made, Rows):
            counts["columns: " + _columns(random, bytes(made.data), rows, native)] += 1
        packed = Transcoder(spec, None, native=native).page(whole, low, high)
        if isinstance(packed, Rows):
            lines = bytes(packed.data)
            for body in (lines, *(mutated(random, lines) for _ in range(_MUTATIONS_OF_LINES))):
                shown(body)
                how = compare(transcoder.lines(body), lambda: lines_result(body, rows))  # noqa: B023
                counts[f"{kind}lines {'as made' if body is lines else 'mutated'}: {how}"] += 1
    return counts


def _kind(target: RowSpec | ByTable | None) -> str:
    if isinstance(target, ByTable):
        return "tabled "
    return "typed " if target is not None and target.types else ""


def _columns(random: Random, data: bytes, rows: RowSpec, native: Library) -> str:
    """Rows as columns, as the reference has them; changed or cut short they are refused, or some columns."""
    types = [column_type(text) for text in rows.types]
    limit, most = random.choice(((len(data), 1000), (len(data) // 2, 1000), (len(data), 2)))
    found = native_columns.transposed(data, 0, limit, types, most, native)
    wanted = transposed(data, 0, limit, types, most)
    assert (found[0], found[2]) == (wanted[0], wanted[2])
    for one, other in zip(found[1], wanted[1], strict=True):
        assert (one.nulls, one.low, one.high) == (other.nulls, other.low, other.high)
        assert (bytes(one.present), bytes(one.data)) == (bytes(other.present), bytes(other.data))
    for broken in (data[: random.randrange(len(data) + 1)], mutated(random, data)):
        with suppress(ValueError):
            native_columns.transposed(broken, 0, len(broken), types, most, native)
    return "equal"


def main() -> None:
    """Prints the counts; where something differs, the seed and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--library", type=Path, default=PATH)
    parser.add_argument("--exact", action="store_true", help="give the library buffers of exactly the size it is told")
    options = parser.parse_args()
    native = ExactLibrary(options.library) if options.exact else Library(options.library)
    last = b""

    def remember(body: bytes) -> None:
        nonlocal last
        last = body

    try:
        counts = fuzz(options.seed, options.pages, native, remember)
    except BaseException:
        sys.stderr.write(f"seed {options.seed}: {last!r}\n")
        raise
    for how, count in sorted(counts.items()):
        sys.stdout.write(f"{count:9d}  {how}\n")


if __name__ == "__main__":
    main()
