from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tidegate.errors import RejectedError
from tidegate.model import Failure, Pair, State, Window
from tidegate.service import Preview

if TYPE_CHECKING:
    from unit.cli.conftest import Cli

END = "2026-02-01T00:00:00Z"
DAILY = ("export", "--type", "DAILY", "--end", END)


def test_a_request_is_sent_with_an_id_that_tells_that_a_command_made_it(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation()]]
    assert cli(*DAILY).exit_code == 0
    (body,) = cli.stack.sent
    assert body["requestId"].startswith("cli-")
    assert body == {"requestId": body["requestId"], "exportType": "DAILY", "endDateTime": "2026-02-01T00:00:00.000Z"}


def test_two_commands_are_two_requests(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation()]]
    cli(*DAILY)
    cli(*DAILY)
    first, second = cli.stack.sent
    assert first["requestId"] != second["requestId"]


def test_every_option_stands_in_the_message_under_its_name(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation()]]
    options = ["--start", "2026-01-01T01:00:00+01:00", "--ignore-last-export-time", "--export", "partner", "--tag", "x"]
    cli(*DAILY, *options, "--study", "a", "--study", "b", "--table", "t1", "--table", "t2")
    (body,) = cli.stack.sent
    del body["requestId"]
    assert body == {
        "exportType": "DAILY",
        "endDateTime": "2026-02-01T00:00:00.000Z",
        "startDateTime": "2026-01-01T00:00:00.000Z",
        "ignoreLastExportTime": True,
        "studyWhitelist": ["a", "b"],
        "tableWhitelist": ["t1", "t2"],
        "export": "partner",
        "tag": "x",
    }


@pytest.mark.parametrize("written", ["instant", "Instant", "INSTANT"])
def test_the_type_may_be_written_in_any_case_and_an_instant_export_needs_no_end(cli: Cli, written: str) -> None:
    cli.stack.answers = [[cli.operation()]]
    assert cli("export", "--type", written).exit_code == 0
    assert cli.stack.sent[0]["exportType"] == "INSTANT"
    assert "endDateTime" not in cli.stack.sent[0]


def test_without_wait_the_command_ends_with_the_acceptance_and_shows_the_operations(cli: Cli) -> None:
    running = cli.operation(state=State.NOT_STARTED)
    cli.stack.answers = [None, None, [running]]
    result = cli(*DAILY)
    assert result.exit_code == 0
    assert running.operation_id in result.stdout
    assert "NOT_STARTED" in result.stdout
    assert cli.seconds == 1.0


def test_with_json_the_operations_are_one_array_under_the_names_of_the_specification(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation("asthma"), cli.operation("sleep")]]
    shown = cli.json(*DAILY)
    assert [operation["study"] for operation in shown] == ["asthma", "sleep"]
    assert shown[0]["window"] == {"start": "2026-01-31T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"}


def test_wait_follows_every_operation_to_its_end(cli: Cli) -> None:
    running, sleeping = cli.operation("asthma", State.RUNNING), cli.operation("sleep", State.SLEEPING)
    done = [cli.operation("asthma"), cli.operation("sleep")]
    cli.stack.answers = [None, [running, sleeping], [running, done[1]], done]
    result = cli(*DAILY, "--wait")
    assert result.exit_code == 0
    assert result.stdout.count("SUCCEEDED") == 2
    assert "RUNNING" in result.stderr
    assert "\x1b" not in result.output


def test_wait_fails_if_one_operation_failed_and_says_which_and_what_to_do(cli: Cli) -> None:
    failed = cli.operation("sleep", State.FAILED)
    cli.stack.answers = [[cli.operation("asthma"), failed]]
    result = cli(*DAILY, "--wait")
    assert result.exit_code == 1
    assert f"error: The operation {failed.operation_id} of study sleep ended as FAILED." in result.stderr
    assert "NO_TABLE: The table Records is gone. Create it." in result.stderr


def test_wait_fails_if_one_operation_was_cancelled(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation("sleep", State.CANCELLED)]]
    assert cli(*DAILY, "--wait").exit_code == 1


def test_a_failed_wait_with_json_is_still_one_document_that_holds_the_error(cli: Cli) -> None:
    cli.stack.answers = [[cli.operation("sleep", State.FAILED)]]
    result = cli(*DAILY, "--wait", "--json")
    assert result.exit_code == 1
    (shown,) = json.loads(result.stdout)
    assert shown["error"] == {"code": "NO_TABLE", "message": "The table Records is gone.", "remedy": "Create it."}


def test_a_refusal_is_an_error_with_its_code_and_message(cli: Cli) -> None:
    error = Failure("UNKNOWN_STUDY", "studyWhitelist names nope, which is no study.", "Correct the request.")
    cli.stack.answers = [None, [cli.operation(None, State.REJECTED, error=error)]]
    result = cli(*DAILY, "--study", "nope")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: UNKNOWN_STUDY: studyWhitelist names nope, which is no study. Correct the request.\n"


def test_a_refusal_with_json_is_an_error_object(cli: Cli) -> None:
    error = Failure("UNKNOWN_STUDY", "No such study.", "Correct the request.")
    cli.stack.answers = [[cli.operation(None, State.REJECTED, error=error)]]
    result = cli(*DAILY, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "error": {"code": "UNKNOWN_STUDY", "message": "No such study.", "remedy": "Correct the request."}
    }


def test_nothing_that_answers_is_an_error_that_says_what_to_look_at(cli: Cli) -> None:
    result = cli(*DAILY)
    assert result.exit_code == 1
    assert cli.seconds == 60.0
    assert "was not accepted within 60 seconds. It stays in the request queue" in result.stderr
    assert "Is the stack up?" in result.stderr


def test_the_timeout_bounds_the_wait_for_the_acceptance(cli: Cli) -> None:
    assert cli(*DAILY, "--timeout", "3").exit_code == 1
    assert cli.seconds == 3.0


def test_the_timeout_bounds_the_wait_for_the_end_and_says_how_to_go_on(cli: Cli) -> None:
    running = cli.operation(state=State.RUNNING)
    cli.stack.answers = [None, [running]]
    result = cli(*DAILY, "--wait", "--timeout", "10", "--json")
    assert result.exit_code == 1
    assert cli.seconds == 10.0
    assert json.loads(result.stdout)["error"]["code"] == "TIMED_OUT"
    assert f"'tidegate operations watch {running.operation_id}'" in result.stderr


def test_without_a_timeout_wait_waits_as_long_as_it_takes(cli: Cli) -> None:
    cli.stack.answers = [*[[cli.operation(state=State.RUNNING)]] * 10_000, [cli.operation()]]
    assert cli(*DAILY, "--wait").exit_code == 0
    assert cli.seconds > 4_000


def test_ctrl_c_ends_the_command_with_130_and_says_how_to_follow_on(cli: Cli) -> None:
    running = cli.operation(state=State.RUNNING)
    cli.stack.answers = [[running]]
    cli.interrupt_at = 2.0
    result = cli(*DAILY, "--wait")
    assert result.exit_code == 130
    assert f"Follow it with 'tidegate operations watch {running.operation_id}'." in result.stderr


def test_ctrl_c_before_the_acceptance_tells_the_request_id(cli: Cli) -> None:
    cli.interrupt_at = 2.0
    result = cli(*DAILY)
    assert result.exit_code == 130
    assert cli.stack.sent[0]["requestId"] in result.stderr


def test_a_dry_run_shows_each_window_and_sends_nothing(cli: Cli) -> None:
    start, end = datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    cli.stack.previews = [
        Preview(Pair("default", "asthma"), Window(start, end), start, State.NOT_STARTED),
        Preview(Pair("default", "sleep"), None, None, State.SLEEPING, "an override has no window"),
    ]
    result = cli(*DAILY, "--dry-run")
    assert result.exit_code == 0
    assert "2026-01-30 00:00:00Z  2026-02-01 00:00:00Z  NOT_STARTED" in result.stdout
    assert cli.stack.sent == []
    assert [asked[0] for asked in cli.stack.asked] == ["preview"]
    assert cli.json(*DAILY, "--dry-run") == [
        {
            "export": "default",
            "study": "asthma",
            "state": "NOT_STARTED",
            "watermarkBefore": "2026-01-30T00:00:00.000Z",
            "window": {"start": "2026-01-30T00:00:00.000Z", "end": "2026-02-01T00:00:00.000Z"},
            "note": "",
        },
        {
            "export": "default",
            "study": "sleep",
            "state": "SLEEPING",
            "watermarkBefore": None,
            "window": None,
            "note": "an override has no window",
        },
    ]


def test_a_dry_run_of_a_wrong_request_is_refused_like_the_request_itself(cli: Cli) -> None:
    cli.stack.error = RejectedError("endDateTime lies ahead.", code="END_IN_FUTURE", remedy="Choose an earlier one.")
    result = cli(*DAILY, "--dry-run")
    assert result.exit_code == 1
    assert result.stderr == "error: END_IN_FUTURE: endDateTime lies ahead. Choose an earlier one.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing option '--type'"),
        (["--type", "WEEKLY"], "'WEEKLY' is not one of DAILY, HOURLY, INSTANT."),
        (["--type", "DAILY"], "DAILY needs an end"),
        (["--type", "HOURLY"], "HOURLY needs an end"),
        (["--type", "DAILY", "--end", "yesterday"], "'yesterday' is not an RFC 3339 date-time"),
        (["--type", "DAILY", "--end", "2026-02-01T00:00:00"], "is not an RFC 3339 date-time with an offset"),
        (["--type", "DAILY", "--end", "2026-02-30T00:00:00Z"], "is not a date-time that exists"),
        (["--type", "DAILY", "--end", END, "--start", END], "Add --ignore-last-export-time."),
        (["--type", "DAILY", "--end", END, "--table", "t"], "Add --ignore-last-export-time."),
        (["--type", "DAILY", "--end", END, "--wait", "--dry-run"], "a dry run sends nothing"),
        (["--type", "DAILY", "--end", END, "--timeout", "-1"], "'--timeout'"),
        (["--type", "DAILY", "--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_exits_with_2_and_sends_nothing(cli: Cli, arguments: list[str], told: str) -> None:
    result = cli("export", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert cli.stack.sent == []
