from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tidegate.model import Failure, Pair, State, Window
from tidegate.verify import Explanation, Level, PairReport, Remark, Report, SourceReport

if TYPE_CHECKING:
    from unit.cli.conftest import Cli

ASTHMA, SLEEP = Pair("default", "asthma"), Pair("default", "sleep")
DAY = Window(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
GONE = Remark(
    "PART_MISSING",
    ASTHMA,
    "The part exports/p1 is gone.",
    "Export it again.",
    window=DAY,
    key="exports/p1",
    repairable=True,
)
SOUND = PairReport(ASTHMA, 3, 4, 1200, 56_789, DAY, DAY.end, ())


@dataclass
class Verifying:
    """A verification whose reports the test sets, one for each run."""

    reports: list[Sequence[PairReport]]
    ran: list[tuple[Sequence[Pair], bool]] = field(default_factory=list)
    after: Callable[[], object] = lambda: None

    def pairs(self, export: str | None = None, studies: Collection[str] = ()) -> list[Pair]:
        known = [report.pair for report in self.reports[0]]
        return [pair for pair in known if export in (None, pair.export) and (not studies or pair.study in studies)]

    def run(
        self, pairs: Sequence[Pair], *, against_source: bool = False, told: Callable[[Pair, str], None] | None = None
    ) -> Report:
        self.ran.append((pairs, against_source))
        assert told is not None
        for pair in pairs:
            self.after()
            told(pair, "window 1 of 3")
        reports = self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]
        return Report(tuple(report for report in reports if report.pair in pairs))


def damaged(**changes: object) -> PairReport:
    return replace(SOUND, remarks=(replace(GONE, **changes),))  # type: ignore[arg-type]


def test_a_sound_stack_is_a_line_for_each_pair_and_exit_0(cli: Cli) -> None:
    cli.stack.verification = Verifying([[SOUND, replace(SOUND, pair=SLEEP)]])
    result = cli("verify")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[:6] == ["ok", "default", "asthma", "3", "4", "1,200"]
    assert result.stdout.splitlines()[2].split()[2] == "sleep"
    assert result.stderr == ""


def test_a_problem_is_told_with_what_to_do_and_exit_1(cli: Cli) -> None:
    cli.stack.verification = Verifying([[damaged()]])
    result = cli("verify")
    assert result.exit_code == 1
    assert "PROBLEM" in result.stdout
    assert "PART_MISSING default/asthma 2026-01-31 00:00:00Z to 2026-02-01 00:00:00Z" in result.stdout
    assert "The part exports/p1 is gone." in result.stdout
    assert "Export it again." in result.stdout
    assert "--repair" in result.stderr


def test_json_is_one_object_of_pairs_findings_and_ok(cli: Cli) -> None:
    cli.stack.verification = Verifying(
        [[replace(damaged(), source=SourceReport(comparable=True, records=9, missing=1))]]
    )
    result = cli("verify", "--against-source", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert set(answer) == {"pairs", "findings", "ok"}
    assert answer["ok"] is False
    assert answer["pairs"][0]["source"]["missing"] == 1
    assert answer["findings"][0]["code"] == "PART_MISSING"
    assert answer["findings"][0]["window"] == {"start": "2026-01-31T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"}
    assert cli.stack.verification.ran == [([ASTHMA], True)]


def test_what_is_cured_or_explained_is_shown_and_is_exit_0(cli: Cli) -> None:
    explained = Explanation("WATERMARK_SET", DAY.end, "night shift", "disk lost")
    note = replace(GONE, code="GAP_EXPLAINED", level=Level.NOTE, explained_by=explained)
    report = replace(SOUND, remarks=(replace(GONE, cured_by="exports/again/manifest.json"), note))
    cli.stack.verification = Verifying([[report]])
    result = cli("verify")
    assert result.exit_code == 0
    assert "Cured: exports/again/manifest.json" in result.stdout
    assert cli.json("verify")["findings"][1]["explainedBy"]["reason"] == "disk lost"


def test_export_and_study_narrow_it_and_an_unknown_study_is_an_error(cli: Cli) -> None:
    cli.stack.verification = Verifying([[SOUND, replace(SOUND, pair=SLEEP)]])
    assert cli("verify", "--export", "default", "--study", "sleep").exit_code == 0
    assert cli.stack.verification.ran == [([SLEEP], False)]
    result = cli("verify", "--study", "asthma", "--study", "nope")
    assert result.exit_code == 1
    assert "No study nope has been exported." in result.stderr


def test_an_empty_stack_is_sound(cli: Cli) -> None:
    cli.stack.verification = Verifying([[]])
    assert "Nothing has been exported yet." in cli("verify").stdout
    assert cli.json("verify") == {"pairs": [], "findings": [], "ok": True}


def test_a_dry_run_of_the_repair_shows_the_requests_and_sends_none(cli: Cli) -> None:
    cli.stack.verification = Verifying([[damaged()]])
    result = cli("verify", "--repair", "--dry-run", "--json")
    assert result.exit_code == 1
    (repair,) = json.loads(result.stdout)["repairs"]
    assert repair["request"] == {
        "exportType": "INSTANT",
        "startDateTime": "2026-01-31T00:00:00.000Z",
        "endDateTime": "2026-02-01T00:00:00.000Z",
        "ignoreLastExportTime": True,
        "studyWhitelist": ["asthma"],
        "export": "default",
        "tag": "repair; verify found PART_MISSING",
    }
    assert repair["operations"] == []
    assert "Nothing has been sent yet." in cli("verify", "--repair", "--dry-run").stderr
    assert not cli.stack.sent


def test_a_repair_is_sent_followed_and_verified_again(cli: Cli) -> None:
    cli.stack.verification = Verifying([[damaged(), replace(SOUND, pair=SLEEP)], [damaged(cured_by="exports/again")]])
    cli.stack.answers = [[cli.operation(state=State.RUNNING)], [cli.operation(state=State.SUCCEEDED)]]
    result = cli("verify", "--repair", "--yes")
    assert result.exit_code == 0
    assert [body["tag"] for body in cli.stack.sent] == ["repair; verify found PART_MISSING"]
    assert [pairs for pairs, _ in cli.stack.verification.ran] == [[ASTHMA, SLEEP], [ASTHMA]]
    assert "Cured: exports/again" in result.stdout


def test_what_a_repair_cannot_cure_stays_exit_1_and_nothing_is_sent_for_it(cli: Cli) -> None:
    cli.stack.verification = Verifying([[damaged(code="OVERLAP", repairable=False)]])
    result = cli("verify", "--repair", "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["repairs"] == []
    assert not cli.stack.sent


def test_a_refused_repair_is_told_and_the_answer_is_still_given(cli: Cli) -> None:
    cli.stack.verification = Verifying([[damaged()]])
    refusal = Failure("STUDY_DISABLED", "The study asthma is disabled.", "Enable it.")
    cli.stack.answers = [[cli.operation(state=State.REJECTED, error=refusal)]]
    result = cli("verify", "--repair", "--yes")
    assert result.exit_code == 1
    assert "STUDY_DISABLED: The study asthma is disabled. Enable it." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(["--repair"], "Add --yes"), (["--dry-run"], "verify sends nothing unless --repair")]
)
def test_wrong_usage_is_exit_2_before_anything_is_read(cli: Cli, arguments: list[str], complaint: str) -> None:
    cli.stack.verification = Verifying([[damaged()]])
    result = cli("verify", *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not cli.stack.verification.ran


def test_a_long_verification_says_how_far_it_is_every_few_seconds(cli: Cli) -> None:
    verifying = Verifying([[SOUND, replace(SOUND, pair=SLEEP)]])

    def pass_time() -> None:
        cli.seconds += 4

    verifying.after = pass_time
    cli.stack.verification = verifying
    assert cli("verify").stderr.splitlines() == ["verifying default/sleep: window 1 of 3"]
