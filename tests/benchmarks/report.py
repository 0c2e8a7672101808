"""The results as Markdown: what was compared, the goals, growth, calls, starts and what it all costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks import prices, ratios, sftp
from benchmarks.ratios import Spread
from benchmarks.records import RECORD_BYTES
from benchmarks.results import Results
from benchmarks.ways import BASELINE, LIMIT_CSV, LIMIT_JSONL, PARQUET_BASELINE, WAYS, Way

MEBIBYTE = 1 << 20
_READ = {"query": "Query", "scan": "Scan by segments", "keys": "BatchGetItem"}
_WHERE = {"near": "on loopback", "far": f"a round trip of {sftp.ROUND_TRIP_MILLIS} ms"}


def markdown(results: Results) -> str:
    """The whole report."""
    sections = (_head, _comparison, _goals, _growth, _readers, _sftp, _calls, _acceptance, _starts, _costs)
    return "\n".join(line for section in sections for line in section(results)) + "\n"


def _head(results: Results) -> Iterator[str]:
    machine = results.machine
    yield "# Results of the benchmark"
    yield ""
    yield "Made by the benchmark itself; [how it measures](README.md)."
    yield ""
    yield from _table(
        ("", ""),
        (
            ("Command", f"`{results.command}`"),
            ("When", f"{machine.at:%Y-%m-%d %H:%M} UTC"),
            ("Machine", f"{machine.processor}, {machine.cores} cores, {machine.system}"),
            ("Load before", f"{machine.load:.1f}"),
            ("With", f"Python {machine.python}, {machine.openssl}, {machine.compiler}"),
            ("Tools", ", ".join(f"{name} {version}" for name, version in results.versions.items())),
        ),
    )


def _comparison(results: Results) -> Iterator[str]:
    yield f"## From page to finished file, records of {RECORD_BYTES} bytes"
    yield ""
    yield f"Medians of {len(results.rounds)} rounds, in brackets the lowest and highest; 1.0 is the first row."
    yield ""
    rows = [_row(results, way) for way in WAYS if results.ran(way.name)]
    yield from _table(("way", "records/CPU s", "times boto3", "peak MiB", "records a run", ""), rows)
    for way in WAYS:
        if way.name in results.missing:
            yield f"{way.shown}: not measured: {results.missing[way.name]}"
            yield ""


def _row(results: Results, way: Way) -> tuple[str, ...]:
    rate = ratios.rates(results.rounds, way.name).median
    times = ratios.compared(results.rounds, way.name, BASELINE)
    notes = (way.remark, results.differs.get(way.name, ""), results.rounds[0][way.name].note if way.ours else "")
    peak = ratios.peak(results.rounds, way.name) / MEBIBYTE
    shown = f"**{way.shown}**" if way.ours else way.shown
    told = "; ".join(filter(None, notes))
    return shown, f"{rate:,.0f}", _spread(times), f"{peak:.0f}", f"{results.sizes[way.name]:,}", told


def _goals(results: Results) -> Iterator[str]:
    yield "## Goals"
    yield ""
    compared = (
        ("CSV against boto3", "tidegate-csv", BASELINE, "55, aim 90", 55.0),
        ("JSONL against boto3", "tidegate-jsonl", BASELINE, "55, aim 90", 55.0),
        ("CSV against all C", "tidegate-csv", LIMIT_CSV, "0.5, aim 0.8", 0.5),
        ("JSONL against all C", "tidegate-jsonl", LIMIT_JSONL, "0.5, aim 0.8", 0.5),
        ("CSV against pydynox", "tidegate-csv", "pydynox", "8", 8.0),
        ("DynamoDB to S3 against boto3", "tidegate-s3", BASELINE, "45", 45.0),
        ("without the native module against boto3", "tidegate-pure", BASELINE, "7", 7.0),
        ("Parquet with zstd against boto3", "tidegate-parquet", BASELINE, "35", 35.0),
        ("Parquet with snappy against boto3", "tidegate-snappy", BASELINE, "35", 35.0),
        ("Parquet against boto3 and pyarrow", "tidegate-parquet", PARQUET_BASELINE, "-", 0.0),
        ("the default's gzip against boto3 with gzip", "tidegate-default", "boto3-gzip", "-", 0.0),
    )
    rows = []
    for what, way, other, goal, least in compared:
        if results.ran(way) and results.ran(other):
            found = ratios.compared(results.rounds, way, other)
            rows.append((what, goal, _spread(found), "" if not least else _met(found.median >= least)))
    few, many = results.grown(20_000), results.grown(1_000_000)
    if few and many:
        growth = (many.peak - few.peak) / MEBIBYTE
        rows.append(("peak of 1,000,000 records above that of 20,000, MiB", "4", f"{growth:.1f}", _met(growth <= 4)))
        peak = many.peak / MEBIBYTE
        rows.append(("peak in all, DynamoDB to S3, MiB", "80", f"{peak:.0f}", _met(peak <= 80)))
    for how, seconds in results.readers.items():
        faster = seconds["1"] / seconds["4"]
        rows.append((f"4 readers against 1, {_READ[how]}, 60 ms away", "3", f"{faster:.1f}", _met(faster >= 3)))
    for where, wanted in (("near", 1.1), ("far", 0.9)):
        if where in results.sftp:
            found = _times(results.sftp[where], sftp.OPENSSH)
            what = f"SFTP against OpenSSH's client, {_WHERE[where]}"
            rows.append((what, f"{wanted}", _spread(found), _met(found.median >= wanted)))
    for start in results.starts:
        if start.bytecode:
            met = _met(start.ratio <= 1.5)
            rows.append((f"init of {start.function} against its clients", "1.5 at most", f"{start.ratio:.2f}", met))
    yield from _table(("ratio", "goal", "measured", "met"), rows)


def _growth(results: Results) -> Iterator[str]:
    if not results.growth:
        return
    yield "## Growth: DynamoDB to S3, CSV, no compression"
    yield ""
    rows = []
    for one in results.growth:
        if one.cost is None:
            rows.append((f"{one.records:,}", "", "", one.why))
        else:
            per_record = one.cost.cpu / one.records * 1e6
            peak = f"{one.cost.peak / MEBIBYTE:.1f}"
            rows.append((f"{one.records:,}", f"{one.cost.wall:.1f}", f"{per_record:.2f}", peak))
    yield from _table(("records", "seconds", "CPU \u00b5s a record", "peak MiB"), rows)


def _readers(results: Results) -> Iterator[str]:
    if not results.readers:
        return
    yield f"## Readers in parallel: {results.reading}"
    yield ""
    rows = [(_READ[how], *(f"{one:.2f}" for one in seconds.values())) for how, seconds in results.readers.items()]
    numbers = next(iter(results.readers.values()))
    yield from _table(("", *(f"seconds, {number} at once" for number in numbers)), rows)


def _sftp(results: Results) -> Iterator[str]:
    if not results.sftp:
        return
    yield "## SFTP: a file to an OpenSSH server"
    yield ""
    if "missing" in results.sftp:
        yield f"Not measured: {results.sftp['missing']}"
        yield ""
        return
    yield f"{results.sftp['megabytes']} MiB of random bytes, connecting and logging in included; medians of"
    yield f"{len(results.sftp['near'])} rounds. In brackets the lowest and highest."
    yield ""
    rows = []
    for where, rounds in ((where, results.sftp[where]) for where in _WHERE):
        for way in (sftp.OURS, sftp.OPENSSH, sftp.LOOP):
            speed = Spread.of([one[way] for one in rounds])
            times = "" if way == sftp.OURS else _spread(_times(rounds, way))
            rows.append((_WHERE[where], f"**{way}**" if way == sftp.OURS else way, f"{speed.median:.1f}", times))
    yield from _table(("where", "way", "MB/s", "Tidegate is times that"), rows)


def _times(rounds: Sequence[Mapping[str, float]], other: str) -> Spread:
    return Spread.of([one[sftp.OURS] / one[other] for one in rounds])


def _calls(results: Results) -> Iterator[str]:
    if not results.accepting:
        return
    yield "## AWS calls of a small export: 100 records, one page, one part"
    yield ""
    calls = results.accepting["calls"]
    kinds = sorted(set(calls["intake"]) | set(calls["worker"]))
    rows = [(kind, *(str(calls[who].get(kind, "")) for who in ("intake", "worker"))) for kind in kinds]
    rows.append(("in all", *(str(sum(calls[who].values())) for who in ("intake", "worker"))))
    yield from _table(("call", "intake", "worker"), rows)


def _acceptance(results: Results) -> Iterator[str]:
    if not results.accepting:
        return
    yield "## Acceptance of one request, by the number of studies"
    yield ""
    yield "Seconds of CPU are the emulator's and intake's together; what grows, and how, is what they show."
    yield ""
    rows = [
        (f"{one['studies']:,}", str(sum(one["calls"].values())), f"{one['cpu']:.2f}", _named(one["calls"]))
        for one in results.accepting["acceptance"]
    ]
    yield from _table(("studies", "AWS calls", "CPU s, emulated", "which"), rows)


def _starts(results: Results) -> Iterator[str]:
    if not results.starts:
        return
    yield "## Cold start: CPU milliseconds of a function's init"
    yield ""
    rows = [
        (one.function, "yes" if one.bytecode else "no", f"{one.clients:.0f}", f"{one.init:.0f}", f"{one.ratio:.2f}",
         str(one.modules))
        for one in results.starts
    ]  # fmt: skip
    yield from _table(("function", "bytecode", "boto3 clients alone", "init", "ratio", "modules"), rows)


def _costs(results: Results) -> Iterator[str]:
    yield "## Dollars for a million records"
    yield ""
    yield f"Lambda on arm64 at {prices.VCPU_MEGABYTES:,} MB, one vCPU that is never idle and as fast as a core here."
    yield f"Reading by Query costs ${prices.query_cost():.3f} on top, whoever does it. [Assumptions](README.md#cost)."
    yield ""
    rows = [
        (way.shown, f"{prices.lambda_cost(ratios.rates(results.rounds, way.name).median):.4f}")
        for way in WAYS
        if results.ran(way.name)
    ]
    rows.append(("DynamoDB's own export to S3, the whole table", f"{prices.native_export_cost():.4f}"))
    yield from _table(("way", "$"), rows)


def _spread(found: Spread) -> str:
    return f"{_number(found.median)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def _named(calls: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in calls.items())


def _met(yes: bool) -> str:
    return "yes" if yes else "no"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
