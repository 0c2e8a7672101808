"""Medians, ratios and costs are computed as the report says, and the report shows what is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plots, prices, ratios, report, sftp
from benchmarks.measure import Cost
from benchmarks.ratios import Spread
from benchmarks.results import Grown, Machine, Results

MACHINE = Machine("a processor", 2, "Linux", "3.11", "OpenSSL", "cc", 0.5, datetime(2026, 11, 1, tzinfo=UTC))


def cost(records: int, cpu: float, peak: int = 1 << 20) -> Cost:
    return Cost(records, cpu, cpu, peak)


ROUNDS = [
    {"boto3": cost(100, 1.0), "tidegate-csv": cost(1000, 0.2)},
    {"boto3": cost(100, 2.0), "tidegate-csv": cost(1000, 0.2, 5 << 20)},
    {"boto3": cost(100, 1.0), "tidegate-csv": cost(1000, 0.1)},
]


def results() -> Results:
    found = Results("make bench", MACHINE, {"boto3": "1.0"}, {"pydynox": "no wheel | for this Python"})
    found.rounds = ROUNDS
    found.sizes = {"boto3": 100, "tidegate-csv": 1000}
    return found


def test_a_way_is_compared_with_the_other_one_of_the_same_round() -> None:
    assert ratios.compared(ROUNDS, "tidegate-csv", "boto3") == Spread(100, 50, 100)


def test_the_largest_peak_of_all_rounds_counts() -> None:
    assert ratios.peak(ROUNDS, "tidegate-csv") == 5 << 20


@pytest.mark.parametrize(
    ("rate", "seconds", "work"),
    [(5000, 1.0, 5000), (9999, 1.0, 5000), (300_000, 2.0, 500_000), (10, 1.0, 2000), (40_000, 0.1, 100_000)],
)
def test_the_work_of_a_run_is_round_and_takes_about_the_wanted_time(rate: int, seconds: float, work: int) -> None:
    assert ratios.fixed_work(cost(rate, 1.0), seconds, 100_000) == work


def test_no_run_exports_more_than_a_million_records() -> None:
    assert ratios.fixed_work(cost(10**9, 1.0), 10, 10) == ratios.MOST_RECORDS


def test_lambda_costs_what_its_price_for_a_vcpus_memory_says() -> None:
    second = prices.lambda_cost(1_000_000)
    assert second == pytest.approx(1769 / 1024 * 0.0000133334)
    assert prices.lambda_cost(10_000) == pytest.approx(100 * second)


def test_the_report_shows_each_way_that_ran_and_why_another_did_not() -> None:
    text = report.markdown(results())
    assert re.search(r"\| \*\*Tidegate, CSV\*\* \| 5,000 \| 100\.0 \(50\.0 to 100\.0\) \| 5 \| 1,000 \|", text)
    assert "pydynox (Rust), csv.DictWriter: not measured: no wheel" in text
    assert "| CSV against boto3 | 55, aim 90 | 100.0 (50.0 to 100.0) | yes |" in text
    assert "awswrangler" not in text


def test_the_report_says_which_size_was_left_out_and_why() -> None:
    found = results()
    found.growth = [Grown(20_000, cost(20_000, 2.0)), Grown(10**7, None, "left out: it would take too long")]
    text = report.markdown(found)
    assert "| 20,000 | 2.0 | 100.00 | 1.0 |" in text
    assert "| 10,000,000 |  |  | left out: it would take too long |" in text


def test_memory_is_a_goal_that_can_be_missed() -> None:
    found = results()
    found.growth = [Grown(20_000, cost(20_000, 1.0, 50 << 20)), Grown(10**6, cost(10**6, 9.0, 55 << 20))]
    assert "| peak of 1,000,000 records above that of 20,000, MiB | 4 | 5.0 | no |" in report.markdown(found)


def test_each_way_to_read_is_compared_with_one_reader_of_its_own() -> None:
    found = results()
    found.readers = {"query": {"1": 9.0, "4": 3.0}, "scan": {"1": 5.0, "4": 2.0}, "keys": {"1": 4.0, "4": 1.0}}
    text = report.markdown(found)
    assert "| 4 readers against 1, Query, 60 ms away | 3 | 3.0 | yes |" in text
    assert "| 4 readers against 1, Scan by segments, 60 ms away | 3 | 2.5 | no |" in text
    assert "| BatchGetItem | 4.00 | 1.00 |" in text


def test_sftp_is_compared_round_by_round_and_each_place_has_its_goal() -> None:
    found = results()
    near = [{sftp.OURS: speed, sftp.OPENSSH: 10.0, sftp.LOOP: 1.0} for speed in (10.0, 12.0, 30.0)]
    found.sftp = {"megabytes": 8, "near": near, "far": [{sftp.OURS: 4.0, sftp.OPENSSH: 5.0, sftp.LOOP: 0.1}]}
    text = report.markdown(found)
    assert "| SFTP against OpenSSH's client, on loopback | 1.1 | 1.20 (1.00 to 3.0) | yes |" in text
    assert "| SFTP against OpenSSH's client, a round trip of 20 ms | 0.9 | 0.80 (0.80 to 0.80) | no |" in text
    assert "| a round trip of 20 ms | paramiko, write() in a loop | 0.1 | 40.0 (40.0 to 40.0) |" in text


def test_sftp_is_told_of_where_it_could_not_be_measured() -> None:
    found = results()
    found.sftp = {"missing": "there is no server"}
    assert "Not measured: there is no server" in report.markdown(found)


def test_bars_are_as_long_as_their_values_and_their_labels_are_escaped() -> None:
    drawn = plots.bars("a < b", [plots.Bar("x & y", 2, 1, 3, emphasised=True), plots.Bar("z", 1, 1, 1, False)], " x")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    first, second = (float(bar.attrib["width"]) for bar in root.findall(".//{*}rect") if "x" in bar.attrib)
    assert first == pytest.approx(2 * second, rel=0.01)
    assert {"a < b", "x & y", "z"} <= {text.text for text in root.findall(".//{*}text")}


def test_lines_stay_within_their_plot() -> None:
    drawn = plots.lines("t", "x", "y", [plots.Line("l", [(10, 0.5), (1000, 20), (100_000, 900)])])
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    (line,) = root.findall(".//{*}polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert places == sorted(places)
    assert all(80 <= x <= 640 and 50 <= y <= 350 for x, y in places)
