from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that the tests have filled, whichever process they ran in."""
    told = [told for reports in terminalreporter.stats.values() for report in reports for told in _told(report)]
    for name, value in told:
        if name == table.TEXT:
            terminalreporter.write_line(f"\n{value}")
    for line in table.lines([value for name, value in told if name == table.ROW]):
        terminalreporter.write_line(line)


def _told(report: object) -> Iterator[tuple[str, object]]:
    if getattr(report, "when", None) == "call":
        yield from getattr(report, "user_properties", ())
