"""`make bench`: proves that every way writes the same rows, measures them in rounds, and writes the report.

It fails where rows are wrong or a process crashes, never because something is slow.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import plots, ratios, report
from benchmarks.cold_start import started
from benchmarks.environments import PROJECT
from benchmarks.measure import Cost
from benchmarks.pages import PAGE_RECORDS
from benchmarks.results import Grown, Machine, Results
from benchmarks.running import Bench, CrashedError, WrongRowsError, interleaved, prepared, process_environment, server
from benchmarks.scales import FULL, PAGE_DELAY_MILLIS, QUICK, READERS, USUAL, Scale
from benchmarks.ways import BASELINE, WAYS


def measured(bench: Bench, scale: Scale, results: Results) -> None:
    """Fill the results, equality first. Raises WrongRowsError and CrashedError."""
    proofs: dict[str, Cost] = {}
    for way in bench.available():
        proofs[way.name], results.differs[way.name] = bench.prove(way)
        size = ratios.fixed_work(proofs[way.name], scale.cpu_seconds, scale.many)
        least = scale.by_reference if way.ours else scale.slow
        results.sizes[way.name] = max(size, least if way.slow else 0)
        _say(f"{way.shown}: the right rows{results.differs[way.name] and ', but '}{results.differs[way.name]}")
    chance = random.Random(scale.command)  # noqa: S311 - an order that is the same in each run of a scale
    for name, cost, number in interleaved(bench, scale.rounds, results.sizes, chance):
        if number == len(results.rounds):
            results.rounds.append({})
        results.rounds[number][name] = cost
        _say(f"round {number + 1} of {scale.rounds}: {name}: {ratios.rate(cost):,.0f} records/CPU s")
    results.growth = list(_grown(bench, scale, proofs["tidegate-s3"]))
    results.reading = f"{scale.pages} pages, each {PAGE_DELAY_MILLIS} ms away"
    table = str(scale.pages * PAGE_RECORDS)
    with server(bench.folder, "--page-delay", str(PAGE_DELAY_MILLIS), "--table", table) as endpoint:
        arguments = ["benchmarks.parallel_reading", endpoint, str(scale.pages), *map(str, READERS)]
        results.readers = _printed(bench, arguments)
    _say("readers in parallel: measured")
    results.sftp = _printed(bench, ["benchmarks.sftp", str(scale.rounds), str(scale.megabytes)])
    _say("SFTP: measured")
    results.accepting = _printed(bench, ["benchmarks.accepting", *map(str, scale.studies)])
    _say("AWS calls and acceptance: measured")
    results.starts = [one for name in scale.functions for one in started(name, bench.folder, scale.starts)]


def _grown(bench: Bench, scale: Scale, proof: Cost) -> Iterable[Grown]:
    (way,) = [way for way in WAYS if way.name == "tidegate-s3"]
    rate = ratios.rate(proof)
    for size in scale.growth:
        expected = size / rate
        if expected > scale.patience:
            yield Grown(size, None, f"left out: it would take about {expected:.0f} s of CPU")
            continue
        cost = bench.run(way, size)
        rate = ratios.rate(cost)
        _say(f"growth: {size:,} records: {cost.wall:.1f} s, peak {cost.peak / report.MEBIBYTE:.1f} MiB")
        yield Grown(size, cost)


def _printed(bench: Bench, module: Sequence[str]) -> dict[str, Any]:
    """What a module of ours prints as JSON, run in a process of its own."""
    command = [sys.executable, "-m", *module]
    environment = {**process_environment(bench.folder), **bench.environment()}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        raise CrashedError(f"{module[0]} ended with {run.returncode}:\n{run.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _written(results: Results, folder: Path) -> str:
    """Write report, plots and numbers into the folder; the report's text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = report.markdown(results)
    compared = [
        plots.Bar(way.shown, times.median, times.low, times.high, way.ours)
        for way in WAYS
        if results.ran(way.name)
        for times in [ratios.compared(results.rounds, way.name, BASELINE)]
    ]
    drawn = {"ratios.svg": plots.bars("Records per CPU second, boto3's Table.query = 1", compared, " x")}
    grown = [(one.records, one.cost) for one in results.growth if one.cost]
    if len(grown) > 1:
        seconds = plots.Line("seconds", [(count, cost.wall) for count, cost in grown])
        peak = plots.Line("peak MiB", [(count, cost.peak / report.MEBIBYTE) for count, cost in grown])
        drawn["growth.svg"] = plots.lines("DynamoDB to S3, CSV", "records", "seconds, MiB", [seconds, peak])
    accepted = [(one["studies"], one["cpu"]) for one in results.accepting["acceptance"]]
    drawn["acceptance.svg"] = plots.lines(
        "Acceptance of one request", "studies", "CPU seconds, emulator included", [plots.Line("CPU s", accepted)]
    )
    for name, plot in drawn.items():
        (folder / name).write_text(plot)
        text += f"\n![{name.removesuffix('.svg')}]({name})\n"
    (folder / "results.md").write_text(text)
    (folder / "results.json").write_text(json.dumps(asdict(results), default=_json, indent=1, sort_keys=True) + "\n")
    return text


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} is not JSON")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; 1 where rows were wrong or something crashed."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_const", const=QUICK, dest="scale", default=USUAL)
    parser.add_argument("--full", action="store_const", const=FULL, dest="scale")
    scale: Scale = parser.parse_args(arguments).scale
    machine = Machine.here()
    with prepared() as bench:
        results = Results(scale.command, machine, bench.versions(), bench.missing)
        for way in WAYS:
            if way.name in bench.missing:
                _say(f"{way.shown}: left out: {bench.missing[way.name]}")
        try:
            measured(bench, scale, results)
        except (WrongRowsError, CrashedError) as error:
            _say(f"The benchmark failed. {error}")
            return 1
        sys.stdout.write(_written(results, scale.report))
        _say(f"Written to {scale.report.relative_to(PROJECT)}/.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
