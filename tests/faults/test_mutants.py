"""The harness can fail: each guard that is taken out of the product is missed, and where it is in place all holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from faults import crash, race, table
from faults.mutant import MUTANTS, Mutant, Ordered, Struck


def broken(place: Struck | Ordered) -> list[str]:
    """The sentences that do not hold after a run at this place; for a race with the way there."""
    if isinstance(place, Struck):
        return crash.run(place.scenario, place.strikes()).problems
    outcome = race.run(place.race, place.schedule)
    return [f"{problem}\n{outcome.report()}" for problem in outcome.problems]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard.replace(" ", "-"))
def test_a_guard_that_is_taken_out_is_missed(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    assert broken(mutant.place) == [], "with the guard in place all holds"
    with monkeypatch.context() as patch:
        mutant.infect(patch)
        problems = broken(mutant.place)
    caught = [problem for problem in problems if re.search(mutant.caught, problem)]
    where = mutant.place.scenario.name if isinstance(mutant.place, Struck) else mutant.place.race.name
    table.row(record_property, "Deliberate bugs", without=mutant.guard, where=where, caught="yes" if caught else "NO")
    assert caught, problems


def test_a_broken_race_shows_actor_and_call_in_the_order_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "no acknowledgement after a lost lease")
    mutant.infect(monkeypatch)
    assert isinstance(mutant.place, Ordered)
    report = race.run(mutant.place.race, mutant.place.schedule).report()
    assert re.search(r"old worker   dynamodb\.TransactWriteItems .*\n(.*\n)*?new worker   dynamodb", report), report
