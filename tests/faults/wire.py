"""Faults on the wire, for a whole run of many studies: `python -m faults.wire [--full] [--seed N]`, from tests/.

The handlers' calls go through a proxy that throttles, fails, resets, breaks off, corrupts, delays and loses a fifth of
them, and kills their processes now and then. Afterwards the stack is looked at from outside. Exit 1 on any flaw.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from botocore.exceptions import ReadTimeoutError

from e2e.outsider import Outsider, Row, at, record
from faults.wire_faults import Dice, Fault, never_seen
from faults.wire_handlers import Pace, write_launchers
from faults.wire_proxy import Proxy, Traffic, repeats, share
from faults.wire_state import become_quiet, flaws
from tidegate_local.stack import LocalStack

FROM, DAY_2, HOUR, DAY_3, DAY_4 = (
    f"2025-03-{time}Z" for time in ("01T00:00:00", "02T00:00:00", "02T06:00:00", "03T00:00:00", "04T00:00:00")
)
ATTEMPTS = 6
"""How often the handlers' AWS clients send a call at most; a run fails on more."""
NOTE = "a note that fills the page, " * 4


@dataclass(frozen=True)
class Size:
    """How much is done: studies, records of a study before each round, kills, and how patient everything is.

    `visibility` shortens that of both queues in seconds, so that a process killed before its first call does not hold
    the run up for the half hour that it may take on AWS. `within` is the time for a round and for becoming quiet,
    `hang` the weight of calls that hang.
    """

    studies: int
    records: tuple[int, int]
    kills: int
    visibility: int
    within: float
    hang: float
    pace: Pace


BOUNDED = Size(studies=4, records=(48, 36), kills=3, visibility=12, within=100, hang=0.08, pace=Pace(haste=10))
FULL = Size(studies=30, records=(60, 40), kills=25, visibility=100, within=2400, hang=0.01, pace=Pace(haste=1))


@dataclass
class Outcome:
    """What a run found: `flaws` is empty when nothing was lost, repeated or stuck, and every fault took place."""

    size: Size
    seed: int
    traffic: Traffic
    records: int = 0
    rows: Sequence[Row] = ()
    flaws: list[str] = field(default_factory=list)
    seconds: float = 0.0
    quiet_after: float = 0.0


def run(size: Size, seed: int, folder: Path, upset: Iterable[Fault] = tuple(Fault)) -> Outcome:
    """Do the whole run in `folder`. `upset` names the faults that have to take place."""
    dice = Dice(seed, hang=size.hang, kills=size.kills)
    with Proxy(dice, patience=size.pace.read_timeout, attempts=ATTEMPTS) as proxy:
        functions = write_launchers(folder / "functions", proxy.url, size.pace)
        parameters = {"DailyScheduleState": "DISABLED", "FirstExportFrom": FROM}
        with LocalStack(auth=True, parameters=parameters, functions=functions, logs=folder / "logs") as stack:
            proxy.upstream = stack.emulator.port
            outsider = Outsider.of(stack, folder)
            outcome = Outcome(size, seed, proxy.traffic)
            _go_through(outsider, proxy, outcome)
            outcome.flaws += [f"the proxy met {problem}" for problem in proxy.problems]
            outcome.flaws += [f"never {fault}" for fault in never_seen(proxy.traffic.faults, upset)]
    return outcome


def _go_through(outsider: Outsider, proxy: Proxy, outcome: Outcome) -> None:
    size = outcome.size
    for queue in ("ExportRequestQueueUrl", "WorkQueueUrl"):
        outsider.sqs.set_queue_attributes(
            QueueUrl=outsider.outputs[queue], Attributes={"VisibilityTimeout": str(size.visibility)}
        )
    studies = [f"wire-{number:02}" for number in range(size.studies)]
    due: dict[str, set[str]] = {study: set() for study in studies}
    for study in studies:
        outsider.put_study(study)
    began = time.monotonic()
    proxy.troubled = True
    try:
        for number, bodies in enumerate(_rounds(studies)):
            _put(outsider, due, number, size.records[number])
            sent = [outsider.send(body) for body in bodies]
            _tick(outsider)
            outsider.ended(*sent, within=size.within)
    finally:
        proxy.troubled = False
        outcome.seconds = time.monotonic() - began
    become_quiet(outsider, size.within)
    outcome.quiet_after = time.monotonic() - began - outcome.seconds
    outcome.records = sum(map(len, due.values()))
    outcome.rows = outsider.operations()
    outcome.flaws += [*flaws(outsider, due), *excess(outcome.traffic)]


def _rounds(studies: Sequence[str]) -> Iterator[list[dict[str, object]]]:
    """First a day and the same day again; then an hour, two days at once, and a day that was exported already."""
    yield [{"exportType": "DAILY", "endDateTime": DAY_2}] * 2
    half = len(studies) // 2
    yield [
        {"exportType": "HOURLY", "endDateTime": HOUR, "studyWhitelist": studies[:half]},
        {"exportType": "DAILY", "endDateTime": DAY_4},
        {"exportType": "DAILY", "endDateTime": DAY_3, "studyWhitelist": studies[half:]},
    ]


def _put(outsider: Outsider, due: dict[str, set[str]], number: int, count: int) -> None:
    """Put `count` records of each study: on the first day in round 0, on the two days after it in round 1."""
    start, end = (at(FROM), at(DAY_2)) if number == 0 else (at(DAY_2), at(DAY_4))
    step: timedelta = (end - start) / count
    for study, ids in due.items():
        made = [record(study, f"{number}-{n:04}", start + n * step, note={"S": f"{NOTE}{n}"}) for n in range(count)]
        outsider.put_records(*made)
        ids.update(item["id"]["S"] for item in made)


def _tick(outsider: Outsider) -> None:
    """Run the tick in the midst of it; its own failure is repeated a minute later in a stack, so it is no flaw."""
    try:
        outsider.functions.invoke(FunctionName=outsider.outputs["TickFunctionName"], Payload=b"{}")
    except ReadTimeoutError:
        return


def excess(traffic: Traffic) -> Iterator[str]:
    """Retries that went beyond the bound."""
    for kind, most in traffic.most_attempts.items():
        if most > ATTEMPTS:
            yield f"{kind} was sent {most} times, {ATTEMPTS} is the bound"
    for kind, sent in traffic.requests.items():
        if (most := max(sent.values())) > ATTEMPTS:
            yield f"one {kind} took {most} requests, {ATTEMPTS} is the bound"


def report(outcome: Outcome) -> str:
    """The tables: faults, calls and their attempts, operations and theirs."""
    traffic, size = outcome.traffic, outcome.size
    states = Counter(str(row["state"]) for row in outcome.rows)
    ended = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    lines = [
        f"Faults on the wire, seed {outcome.seed}",
        f"{size.studies} studies, {outcome.records:,} records, {len(outcome.rows)} operations ({ended})",
        f"{share(traffic):.0%} of {traffic.troubled:,} requests met a fault in {outcome.seconds:.0f} s",
        f"quiet {outcome.quiet_after:.0f} s after the last one",
        "",
        f"{'fault':34}{'times':>7}{'DynamoDB':>10}{'S3':>6}{'SQS':>6}",
        *(_fault_line(traffic, fault) for fault in Fault),
        "",
        f"{'call':34}{'calls':>7}{'requests':>10}{'most':>6}{'in vain':>9}",
        *(
            f"{kind:34}{calls:>7,}{requests:>10,}{traffic.most_attempts[kind]:>6}{traffic.in_vain[kind]:>9}"
            for kind, (calls, requests) in repeats(traffic).items()
        ),
        "",
        f"{'operations by':34}{'most':>7}  how many",
        *(_operation_line(outcome.rows, name) for name in ("attempts", "retries", "returns", "fence", "dispatch")),
        "",
        *(f"FLAW: {flaw}" for flaw in outcome.flaws),
        "Nothing lost, nothing twice, nothing stuck." if not outcome.flaws else f"{len(outcome.flaws)} flaws.",
    ]
    return "\n".join(lines)


def _fault_line(traffic: Traffic, fault: Fault) -> str:
    by_service = [traffic.faults_by_service[fault, service] for service in ("DynamoDB", "S3", "SQS")]
    return f"{fault:34}{traffic.faults[fault]:>7}{by_service[0]:>10}{by_service[1]:>6}{by_service[2]:>6}"


def _operation_line(rows: Sequence[Row], name: str) -> str:
    counted = Counter(int(row.get(name) or 0) for row in rows)
    return f"{name:34}{max(counted, default=0):>7}  " + ", ".join(f"{n} with {v}" for v, n in sorted(counted.items()))


def main(arguments: Sequence[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m faults.wire", description=__doc__)
    parser.add_argument("--full", action="store_true", help="30 studies, thousands of records, times as on AWS")
    parser.add_argument("--seed", type=int, default=4)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(FULL if chosen.full else BOUNDED, chosen.seed, Path(folder))
    sys.stdout.write(report(outcome) + "\n")
    return 1 if outcome.flaws else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
