"""Every AWS call of every scenario is struck, and all that was promised holds afterwards (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults import table
from faults.crash import SAMPLE, check, main, points, run, survey
from faults.crash_calls import Strike, Way
from faults.crash_scenarios import EMPTY, SCENARIOS, TWO_PARTS, Scenario

pytestmark = pytest.mark.timeout(3600 if table.FULL else 300)
TITLE = f"Crash at every step ({'every call in every way' if table.FULL else f'one of {SAMPLE} crash points'})"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_scenario_survives_whatever_happens_to_any_of_its_calls(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    made = survey(scenario, full=table.FULL)
    table.row(
        record_property,
        TITLE,
        scenario=scenario.name,
        calls=len(made.clean.calls),
        crash_points=len(made.struck),
        of=len(made.clean.calls) * len(scenario.ways),
        survived=len(made.struck) - len(made.failures),
    )
    check(made, full=table.FULL)


def test_a_crash_point_that_is_left_out_fails() -> None:
    wanted = points(EMPTY, run(EMPTY), full=False)
    made = survey(EMPTY, [*wanted[:2], *wanted[3:]], full=False)
    with pytest.raises(AssertionError, match=f"left out.*{EMPTY.name}:{wanted[2].number}:{wanted[2].way.value}"):
        check(made, full=False)


def test_a_call_that_the_recorded_run_has_not_fails() -> None:
    made = survey(EMPTY, [], full=False)
    made.clean.calls.append("s3.PutObject something new")
    with pytest.raises(AssertionError, match="two undisturbed runs differ"):
        check(made, full=False)


def test_all_points_are_every_call_in_every_way_and_the_sample_has_every_way() -> None:
    clean = run(TWO_PARTS)
    everything = points(TWO_PARTS, clean, full=True)
    assert set(everything) == {Strike(n, way) for n in range(1, len(clean.calls) + 1) for way in Way}
    sample = points(TWO_PARTS, clean, full=False)
    assert set(sample) < set(everything)
    assert {strike.way for strike in sample} == set(Way)


def test_a_crash_point_can_be_run_alone_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"{EMPTY.name}:4:died after"]) == 0
    shown = capsys.readouterr().out
    assert "   4  dynamodb.GetItem ExportTime a\n" in shown
    assert "struck: dynamodb.GetItem ExportTime a, died after" in shown
