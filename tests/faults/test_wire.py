"""A fifth of all calls go wrong on the wire, and processes are killed: nothing lost, nothing twice, nothing stuck."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults import table
from faults.wire import BOUNDED, FULL, report, run

SEED = 4


@pytest.mark.timeout(3600 if table.FULL else 280)
def test_with_a_fifth_of_all_calls_going_wrong_nothing_is_lost_twice_or_stuck(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcome = run(FULL if table.FULL else BOUNDED, SEED, tmp_path)
    table.text(record_property, report(outcome))
    assert outcome.flaws == []
