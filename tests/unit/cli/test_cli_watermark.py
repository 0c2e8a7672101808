from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidegate.service import Watermark

if TYPE_CHECKING:
    from unit.cli.conftest import Cli

AT = datetime(2026, 2, 1, tzinfo=UTC)


def test_list_shows_export_study_and_instant(cli: Cli) -> None:
    cli.stack.marks = [Watermark("default", "asthma", AT), Watermark("partner", "asthma", AT)]
    result = cli("watermark", "list")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == ["default", "asthma", "2026-02-01", "00:00:00Z", "5", "min", "ago"]
    assert cli.json("watermark", "list") == [
        {"export": "default", "study": "asthma", "lastExportDateTime": "2026-02-01T00:00:00.000Z"},
        {"export": "partner", "study": "asthma", "lastExportDateTime": "2026-02-01T00:00:00.000Z"},
    ]


def test_an_empty_list_says_so_and_is_an_empty_array_with_json(cli: Cli) -> None:
    assert "No watermarks" in cli("watermark", "list").stdout
    assert cli.json("watermark", "list") == []


def test_show_gives_the_default_exports_watermark_of_a_study(cli: Cli) -> None:
    cli.stack.marks = [Watermark("partner", "asthma", AT), Watermark("default", "asthma", AT)]
    result = cli("watermark", "show", "asthma")
    assert result.stdout == "default asthma: 2026-02-01 00:00:00Z (5 min ago)\n"
    assert cli.json("watermark", "show", "asthma", "--export", "partner") == {
        "export": "partner",
        "study": "asthma",
        "lastExportDateTime": "2026-02-01T00:00:00.000Z",
    }


def test_show_of_a_study_without_a_watermark_is_an_error_that_names_the_exports_that_have_one(cli: Cli) -> None:
    cli.stack.marks = [Watermark("partner", "asthma", AT)]
    result = cli("watermark", "show", "asthma")
    assert result.exit_code == 1
    assert "has no watermark in the export default. It has one in: partner. Choose with --export." in result.stderr
    assert "It was not exported there yet." in cli("watermark", "show", "sleep").stderr
