"""Processes that meet, in many orders of their AWS calls: nothing is lost, and nothing comes twice (docs/faults.md)."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice

import pytest

from faults import table
from faults.mutant import MUTANTS, Ordered
from faults.race import TO_THE_END, Race, run, schedules, shrunk
from faults.race_scenarios import EXPIRED, RACES

pytestmark = pytest.mark.timeout(0 if table.FULL else 300)
ORDERS = 300 if table.FULL else 6
SEED = random.SystemRandom().randrange(10**6) if table.FULL else 1


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name.replace(" ", "-"))
def test_a_race_loses_nothing_in_any_order_of_its_calls(
    race: Race, record_property: Callable[[str, object], None]
) -> None:
    orders: set[tuple[str, ...]] = set()
    broken = []
    for schedule in islice(schedules(SEED), ORDERS):
        outcome = run(race, schedule)
        orders.add(tuple(outcome.trace))
        if outcome.problems:
            broken.append(schedule)
    table.row(
        record_property, f"Races (seed {SEED})", race=race.name, runs=ORDERS, orders=len(orders), broken=len(broken)
    )
    if broken:
        least = shrunk(race, broken[0])
        pytest.fail(f"{race.name}, {least}:\n{run(race, least).report()}", pytrace=False)


def test_the_same_order_gives_the_same_run() -> None:
    schedule = [(0, 7), (1, 9), (0, 3)]
    assert run(EXPIRED, schedule) == run(EXPIRED, schedule)


def test_an_order_that_breaks_a_race_is_shrunk_to_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "no acknowledgement after a lost lease")
    assert isinstance(mutant.place, Ordered)
    mutant.infect(monkeypatch)
    least = shrunk(EXPIRED, [(0, 1), *mutant.place.schedule, (1, TO_THE_END)])
    assert len(least) == 2
    assert run(EXPIRED, least).problems
