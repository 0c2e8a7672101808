from __future__ import annotations

import pytest

from faults import table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that the tests have filled, whichever process they ran in."""
    rows = [value for reports in terminalreporter.stats.values() for report in reports for value in _rows(report)]
    for line in table.lines(rows):
        terminalreporter.write_line(line)


def _rows(report: object) -> list[object]:
    if getattr(report, "when", None) != "call":
        return []
    return [value for name, value in getattr(report, "user_properties", ()) if name == table.ROW]
