"""Strikes every AWS call of a scenario in every way, and looks at what has become of it when all is quiet again.

make crash                                   the scenarios
make crash AT="the tick"                     the calls of one, undisturbed, with their numbers
make crash AT="the tick:12:died after"       one crash point: its calls, and what does not hold
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from faults import invariants, picture
from faults.crash_account import Account, account
from faults.crash_calls import Call, Strike, Way
from faults.crash_forks import Forks, Run
from faults.crash_names import ULID
from faults.crash_scenarios import SCENARIOS, Scenario
from faults.picture import Picture

SAMPLE = 37


@dataclass
class Survey:
    """All runs of a scenario. `failures` is empty where everything was survived."""

    scenario: Scenario
    clean: Run
    again: Run | None = None
    struck: list[Strike] = field(default_factory=list)
    failures: dict[Strike, list[str]] = field(default_factory=dict)

    def report(self) -> str:
        """Every failure, with how to see it alone."""
        return "\n".join(
            f"{point_name(self.scenario, strike)}  {self.clean.calls[strike.number - 1]}\n    " + "\n    ".join(found)
            for strike, found in self.failures.items()
        )


def points(scenario: Scenario, clean: Run, *, full: bool) -> list[Strike]:
    """The crash points of a scenario: every call in every way, or (not `full`) every 37th of these.

    Every 37th, because that takes the ways in turn.
    """
    numbers = range(1, len(clean.calls) + 1)
    everything = [Strike(number, way) for number in numbers for way in scenario.ways]
    return everything if full else everything[::SAMPLE]


def survey(scenario: Scenario, strikes: Iterable[Strike] | None = None, *, full: bool) -> Survey:
    """Run a scenario undisturbed, and once for each of its crash points (or for these)."""
    clean = run(scenario)
    made = Survey(scenario, clean)
    wanted = points(scenario, clean, full=full) if strikes is None else list(strikes)
    forks = Forks(wanted)
    made.again = forks.run(lambda strikes: run(scenario, strikes))
    for strike, disturbed in forks.ended.items():
        made.struck.append(strike)
        if found := list(_compared(scenario, clean, disturbed, strike)):
            made.failures[strike] = found
    return made


def check(made: Survey, *, full: bool) -> None:
    """Raise AssertionError where a run did not survive, or where a crash point of the clean run was left out."""
    assert not made.clean.problems, made.clean.problems
    again = made.again or Run()
    differ = "\n".join(unified_diff(made.clean.calls, again.calls, "recorded", "again", n=1, lineterm=""))
    assert again == made.clean, f"two undisturbed runs differ:\n{differ}\n{made.clean.end}\n{again.end}"
    wanted = points(made.scenario, made.clean, full=full)
    left_out = [point_name(made.scenario, strike) for strike in wanted if strike not in made.struck]
    assert not left_out, f"crash points were left out: {left_out}"
    assert Counter(made.struck) == Counter(wanted), "other crash points were struck than the clean run has"
    assert not made.failures, made.report()


def run(scenario: Scenario, strikes: Callable[[Call], Way | None] = lambda _call: None) -> Run:
    """Play a scenario until all is quiet; `strikes` says of each call what shall happen to it."""
    done = Run()
    size = {"page_records": scenario.page_records, "pages_a_pass": scenario.pages_a_pass}
    with account(**size, **scenario.settings) as acting:
        acting.counted = frozenset()
        scenario.prepare(acting)
        acting.counted, acting.seconds_left = scenario.counted, scenario.seconds_left
        acting.message_dies = scenario.message_dies
        acting.wire.strikes = strikes
        acting.between = lambda: _look_once(acting, done)
        scenario.play(acting)
        done.calls = [call.name for call in acting.wire.calls]
        acting.counted = frozenset()
        if acting.wire.struck is None and not quiet(acting):
            done.problems.append("undisturbed, the scenario leaves work behind")
        acting.settle(lambda: quiet(acting))
        _conclude(acting, scenario, done)
    return done


def quiet(acting: Account) -> bool:
    """Whether nothing is on its way any more."""
    return picture.quiet(acting.world.stack.clients.dynamodb, acting.world.stack.clients.sqs)


def look(acting: Account) -> Picture:
    """A picture of the account."""
    clients = acting.world.stack.clients
    return picture.look(clients.dynamodb, clients.s3, clients.sqs, acting.world.stack.settings.export_bucket)


def point_name(scenario: Scenario, strike: Strike) -> str:
    """The name under which a crash point can be run alone."""
    return f"{scenario.name}:{strike.number}:{strike.way.value}"


def _look_once(acting: Account, done: Run) -> None:
    """After the process that was struck: what a reader sees in that moment."""
    if acting.wire.struck is not None and done.struck is None:
        done.struck = acting.wire.struck.name
        done.problems += [f"just after: {problem}" for problem in invariants.readers(look(acting))]


def _conclude(acting: Account, scenario: Scenario, done: Run) -> None:
    picture = look(acting)
    done.problems += invariants.at_rest(
        picture,
        refused=scenario.refused,
        by_hand=scenario.by_hand,
        letters=scenario.letters + acting.buried,
        tidy=not acting.buried and not acting.wire.unanswered,
    )
    done.problems += acting.wrongs
    done.end = _end(picture)


def _end(picture: Picture) -> dict[str, Any]:
    """How everything ended, without what may differ from run to run: ids of operations, instants."""
    committed = invariants.committed(picture)
    exported: dict[str, list[str]] = {}
    for manifest in committed:
        kind = "override" if "/override=" in manifest.key else "export"
        exported.setdefault(f"{kind} {manifest.pair}", []).extend(picture.records(manifest))
    parts = [part for manifest in committed if manifest.end for part in manifest.content["parts"]]
    operations = [row for row in picture.tables["Operation"] if row["state"] != "REJECTED"]
    named = [
        (ULID.sub("<id>", row["requestId"]), row.get("study"), row["state"], row.get("outcome")) for row in operations
    ]
    return {
        "watermarks": {row["studyId"]: int(row["lastExportDateTime"]) for row in picture.tables["ExportTime"]},
        "exported": {what: sorted(ids) for what, ids in exported.items()},
        "operations": sorted(map(str, (name[:3] for name in named))),
        "outcomes": sorted(map(str, named)),
        "parts": {part["key"]: part["sha256"] for part in parts},
    }


def _compared(scenario: Scenario, clean: Run, disturbed: Run, strike: Strike) -> Iterator[str]:
    expected = clean.calls[strike.number - 1]
    if disturbed.struck != expected:
        yield f"call {strike.number} was {disturbed.struck}, and undisturbed it is {expected}"
    elif disturbed.calls[: strike.number] != clean.calls[: strike.number]:
        yield f"the calls before it differ: {disturbed.calls[: strike.number]}"
    yield from disturbed.problems
    for what in sorted(scenario.same):
        if disturbed.end.get(what) != clean.end[what]:
            yield f"{what}: {disturbed.end.get(what)}, and undisturbed {clean.end[what]}"


def _scenario(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def _lines(found: Run) -> Iterator[str]:
    yield from (f"{number:4d}  {call}" for number, call in enumerate(found.calls, 1))
    yield from (f"does not hold: {problem}" for problem in found.problems)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """See the top of this file."""
    if not arguments:
        _print(scenario.name for scenario in SCENARIOS)
        return 0
    name, *point = arguments[0].split(":")
    found = run(_scenario(name))
    if point:
        strike = Strike(int(point[0]), Way(point[1]))
        clean, found = found, run(_scenario(name), lambda call: strike.way if call.number == strike.number else None)
        found.problems = list(_compared(_scenario(name), clean, found, strike))
        _print([f"struck: {found.struck}, {strike.way.value}"])
    _print(_lines(found))
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
