from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tidegate.errors import RejectedError
from tidegate.sources import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from unit.cli.conftest import Cli


def test_a_check_that_finds_all_well_exits_with_0(cli: Cli, now: datetime) -> None:
    cli.stack.findings = [Finding(ok=True, what="The index has the keys studyId and uploadedOn.")]
    result = cli("check")
    assert result.exit_code == 0
    assert result.stdout.strip() == "ok  The index has the keys studyId and uploadedOn."
    assert cli.stack.asked == [("check", "default", now)]


def test_a_check_that_finds_a_problem_exits_with_1_and_says_what_to_do(cli: Cli) -> None:
    cli.stack.findings = [
        Finding(ok=True, what="The table Records exists."),
        Finding(ok=False, what="It has no index time-index.", remedy="Create it, or name another."),
    ]
    result = cli("check", "partner")
    assert result.exit_code == 1
    assert "PROBLEM  It has no index time-index. Create it, or name another." in result.stdout


def test_with_json_the_findings_are_one_array(cli: Cli) -> None:
    cli.stack.findings = [Finding(ok=False, what="No index.", remedy="Create it.")]
    result = cli("check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [{"ok": False, "what": "No index.", "remedy": "Create it."}]


def test_a_check_of_an_unknown_export_is_an_error(cli: Cli) -> None:
    cli.stack.error = RejectedError("There is no export nope.", code="UNKNOWN_EXPORT", remedy="Put it first.")
    result = cli("check", "nope")
    assert result.exit_code == 1
    assert result.stderr == "error: UNKNOWN_EXPORT: There is no export nope. Put it first.\n"
