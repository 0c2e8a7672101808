from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tidegate.cli.sheets import operations_table
from tidegate.model import Progress, State

if TYPE_CHECKING:
    from datetime import datetime

    from unit.cli.conftest import Cli

ID = "01KFYMB9W0V2Q6T8X4Z1C3ASTH"


def test_the_list_has_every_operation_as_a_table(cli: Cli) -> None:
    cli.stack.listed = [cli.operation("asthma"), cli.operation("sleep", State.FAILED)]
    result = cli("operations", "list")
    assert result.exit_code == 0
    header, first, second = result.stdout.splitlines()
    assert header.split()[:4] == ["operation", "state", "export", "study"]
    assert first.split()[:4] == [ID, "SUCCEEDED", "default", "asthma"]
    assert "1,234  5 min ago" in first
    assert "NO_TABLE: The table Records is gone." in second
    assert cli.stack.asked == [("operations", None, None, None)]


def test_on_a_narrow_terminal_a_line_still_holds_an_operation_and_why_it_failed(cli: Cli, now: datetime) -> None:
    console = Console(file=io.StringIO(), width=80)
    partner = cli.operation("sleep", State.FAILED, export="partner")
    console.print(operations_table([cli.operation(), partner], now, console.width))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3
    assert "SUCCEEDED        asthma           1,234  5 min ago" in lines[1]
    assert "FAILED NO_TABLE  partner/sleep" in lines[2]


def test_the_list_is_narrowed_by_state_study_and_limit(cli: Cli) -> None:
    cli("operations", "list", "--state", "failed", "--study", "asthma", "--limit", "7")
    assert cli.stack.asked == [("operations", State.FAILED, "asthma", 7)]


def test_the_list_with_json_is_one_array(cli: Cli) -> None:
    cli.stack.listed = [cli.operation("asthma"), cli.operation("sleep")]
    assert [operation["operationId"] for operation in cli.json("operations", "list")] == [
        operation.operation_id for operation in cli.stack.listed
    ]


def test_an_empty_list_says_so_and_is_an_empty_array_with_json(cli: Cli) -> None:
    assert cli("operations", "list").stdout == "No operations.\n"
    assert cli.json("operations", "list") == []


@pytest.mark.parametrize(("option", "value"), [("--state", "DONE"), ("--limit", "0"), ("--limit", "x")])
def test_a_wrong_filter_is_wrong_usage(cli: Cli, option: str, value: str) -> None:
    result = cli("operations", "list", option, value)
    assert result.exit_code == 2
    assert option in result.stderr


def test_show_tells_everything_with_ages_and_the_log(cli: Cli, now: datetime) -> None:
    operation = cli.operation(
        log=((now - timedelta(minutes=4), "Reading."), (now, "Committed.")),
        result={"manifest": {"key": "exports/export=default/manifest.json"}, "receipts": ["S3"]},
        started_at=now - timedelta(hours=3),
        tag="for the audit",
        expiry=now + timedelta(days=14),
    )
    cli.stack.answers = [[operation]]
    result = cli("operations", "show", ID)
    assert result.exit_code == 0
    for told in (
        "2026-01-31 21:05:00Z  (3 h ago)",
        "(in 14 d)",
        "for the audit",
        "manifest.key: exports/export=default/manifest.json",
        "2026-02-01 00:05:00Z  Committed.",
        "100 %, 1,234 records, 56,789 bytes, 2 passes",
    ):
        assert told in result.stdout


def test_show_with_json_is_one_object(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation()]]
    assert cli.json("operations", "show", ID)["operationId"] == ID


@pytest.mark.parametrize("command", ["show", "watch"])
def test_an_operation_that_is_not_there_is_an_error(cli: Cli, command: str) -> None:
    result = cli("operations", command, "nope", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "NOT_FOUND"
    assert "There is no operation nope, or it has expired. 'tidegate operations list' shows" in result.stderr


def test_watch_follows_to_the_end_and_tells_each_change_once_where_nobody_looks(cli: Cli) -> None:
    running = cli.operation(state=State.RUNNING, progress=Progress(40, 10, 10, 1, "reading"))
    cli.stack.answers = [[running], [running], [running], [cli.operation()]]
    result = cli("operations", "watch", ID)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"{ID}  asthma  RUNNING  40 % reading", f"{ID}  asthma  SUCCEEDED  EXPORTED"]
    assert "SUCCEEDED" in result.stdout


def test_watch_exits_with_1_if_the_operation_failed(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation(state=State.RUNNING)], [cli.operation(state=State.FAILED)]]
    result = cli("operations", "watch", ID, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "FAILED"
    assert "Create it." in result.stderr


def test_watch_gives_up_after_the_timeout(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation(state=State.RUNNING)]]
    result = cli("operations", "watch", ID, "--timeout", "5")
    assert result.exit_code == 1
    assert cli.seconds == 5.0
    assert "They go on without this command." in result.stderr


def test_ctrl_c_ends_the_watching_and_not_the_operation(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation(state=State.RUNNING)]]
    cli.interrupt_at = 1.0
    result = cli("operations", "watch", ID)
    assert result.exit_code == 130
    assert f"the work itself goes on. Follow it again with 'tidegate operations watch {ID}'." in result.stderr


def test_control_characters_of_a_tag_do_not_reach_the_terminal(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation(tag="\x1b[2Jgone [red]x[/red]", study="a\u202eb")]]
    shown = cli("operations", "show", ID).stdout
    assert "\x1b" not in shown
    assert "\\x1b[2Jgone [red]x[/red]" in shown
    assert "a\\u202eb" in shown
