from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from tidegate.cli.follow import BARS_AT_ONCE, shown
from tidegate.model import Progress, State

if TYPE_CHECKING:
    from unit.cli.conftest import Cli


def terminal() -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=110, height=50, _environ={"TERM": "xterm"}
    )


def seen(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_terminal_sees_a_bar_for_each_operation_and_one_for_all(cli: Cli) -> None:
    console = terminal()
    with shown(console) as show:
        show(
            [
                cli.operation("asthma"),
                cli.operation("sleep", State.RUNNING, progress=Progress(40, 1234, 0, 1, "reading")),
            ]
        )
    text = seen(console)
    assert "40%" in text
    assert "1,234 rec" in text
    assert "RUNNING reading" in text
    assert "SUCCEEDED EXPORTED" in text
    assert "1 of 2 ended" in text


def test_a_bar_whose_percentage_nobody_knows_still_shows_the_records(cli: Cli) -> None:
    console = terminal()
    with shown(console) as show:
        show([cli.operation(state=State.RUNNING, progress=Progress(None, 5_000, 0, 1))])
    assert "5,000 rec" in seen(console)


def test_of_many_operations_only_those_that_have_not_ended_have_bars(cli: Cli) -> None:
    console = terminal()
    running = [cli.operation(f"r{n:03d}", State.RUNNING) for n in range(100)]
    ended = [cli.operation(f"e{n:03d}") for n in range(100)]
    with shown(console) as show:
        show([*ended, *running])
    last = seen(console).split("100 of 200 ended")[-1]
    assert last.count("RUNNING") == BARS_AT_ONCE
    assert "e001" not in last
