"""A fifth of all calls go wrong on the wire, and processes are killed: nothing lost, nothing twice, nothing stuck."""

from pathlib import Path

import pytest

from faults.wire import BOUNDED, report, run

SEED = 4


@pytest.mark.timeout(280)
def test_with_a_fifth_of_all_calls_going_wrong_nothing_is_lost_twice_or_stuck(tmp_path: Path) -> None:
    outcome = run(BOUNDED, SEED, tmp_path)
    print(f"\n{report(outcome)}")  # noqa: T201  # the tables, shown by pytest -s and where it fails
    assert outcome.flaws == []
