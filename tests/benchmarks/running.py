"""A run of the benchmark: the server in its own process, each way in another, first for equality, then in rounds."""

from __future__ import annotations

import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import environments, ours, ways
from benchmarks.authority import Certificates, certify
from benchmarks.equality import compare
from benchmarks.limit import NotBuiltError, build
from benchmarks.measure import REGION, Cost
from benchmarks.pages import PAGE_RECORDS
from benchmarks.ways import Way

PROOF_RECORDS = 3 * PAGE_RECORDS + 7
"""Enough for several pages, a last one that is not full, and every kind of record."""
WARM_RECORDS = PAGE_RECORDS + 100
_TIMEOUT = 7200
"""Seconds; for a process that hangs, not for one that is slow."""


class WrongRowsError(Exception):
    """A way wrote something else than the records."""


class CrashedError(Exception):
    """A way's process failed."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run has: a folder of its own, a trusted server, the built limit, the tools that could be installed."""

    folder: Path
    certificates: Certificates
    endpoint: str
    limit: Path
    installed: dict[str, str]
    missing: dict[str, str]

    def available(self, wanted: Sequence[Way] = ways.WAYS) -> list[Way]:
        """The ways that can run here."""
        return [way for way in wanted if way.name not in self.missing]

    def versions(self) -> dict[str, str]:
        """The versions of the other tools, by name."""
        return {name.removeprefix("bench-"): version for name, version in self.installed.items()}

    def prove(self, way: Way) -> tuple[Cost, str]:
        """Export a small study, compare every value: its cost, what is known to differ. Raises WrongRowsError."""
        output = self.folder / "proof"
        cost = self.run(way, PROOF_RECORDS, output)
        if way.to_s3:
            output.write_bytes(self._stored(f"/{ours.BUCKET}/{output.name}/part-00001.csv"))
        found = compare(output, PROOF_RECORDS)
        _remove(output)
        if faults := found.faults(way.known):
            raise WrongRowsError(f"{way.shown}: {faults}")
        differs = [f"{count} of {PROOF_RECORDS} values of {name} differ" for name, count in found.wrong.items()]
        return cost, "; ".join(differs)

    def run(self, way: Way, count: int, output: Path | None = None) -> Cost:
        """One export of `count` records in a process of its own. Raises CrashedError."""
        target, warm = output or self.folder / "output", self.folder / "warm"
        tasks = [
            ways.task(size, path, self.endpoint, way.options)
            for size, path in ((min(WARM_RECORDS, count), warm), (count, target))
        ]
        command = ways.command(
            way, *tasks, venv=environments.VENV, limit=self.limit, authority=self.certificates.authority
        )
        run = subprocess.run(  # noqa: S603
            command, env=self.environment(), capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )
        _remove(warm)
        if output is None:
            _remove(target)
        if run.returncode:
            raise CrashedError(f"{way.shown} ended with {run.returncode}:\n{run.stderr[-2000:]}")
        return Cost(**json.loads(run.stdout.splitlines()[-1]))

    def environment(self) -> dict[str, str]:
        """What a measured process sees: credentials for nowhere, and the run's own authority."""
        authority = str(self.certificates.authority)
        return process_environment(self.folder) | {"AWS_CA_BUNDLE": authority, "SSL_CERT_FILE": authority}

    def counts(self) -> dict[str, int]:
        """What the server has counted: queries, records, uploads, their bytes and verified checksums."""
        found: dict[str, int] = json.loads(self._stored("/-/counts"))
        return found

    def _stored(self, path: str) -> bytes:
        trusted = ssl.create_default_context(cafile=str(self.certificates.authority))
        with urllib.request.urlopen(self.endpoint + path, context=trusted, timeout=30) as answer:  # noqa: S310
            data: bytes = answer.read()
        return data


def process_environment(folder: Path) -> dict[str, str]:
    """The environment of every process that is started here: nothing of the user's own but the PATH."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(environments.PROJECT / "tests"),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "localhost,127.0.0.1",
    }


@contextmanager
def prepared(wanted: Sequence[Way] = ways.WAYS) -> Iterator[Bench]:
    """A bench with everything that these ways need and that can be had, while the block lasts."""
    with TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        certificates = certify(folder)
        installed: dict[str, str] = {}
        missing: dict[str, str] = {}
        for way in wanted:
            if way.environment is None:
                continue
            if way.environment:
                found = environments.prepare(way.environment)
                installed[way.environment] = found.version
                if found.reason:
                    missing[way.name] = found.reason
        try:
            limit = build(folder)
        except NotBuiltError as error:
            limit = folder
            missing |= {way.name: str(error) for way in wanted if way.environment is None}
        with server(folder, "--keep", str(64 << 20)) as endpoint:
            yield Bench(folder, certificates, endpoint, limit, installed, missing)


@contextmanager
def server(folder: Path, *options: str) -> Iterator[str]:
    """The canned-page server with the certificates in this folder, in a process of its own; its URL."""
    command = [sys.executable, "-m", "benchmarks.server", str(folder), *options]
    process = subprocess.Popen(  # noqa: S603
        command, env=process_environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate(timeout=30)


def interleaved(
    bench: Bench, rounds: int, sizes: dict[str, int], chance: random.Random
) -> Iterator[tuple[str, Cost, int]]:
    """Each way once a round, in a new random order each time: its name, its cost, and the round."""
    for number in range(rounds):
        order = bench.available()
        chance.shuffle(order)
        for way in order:
            yield way.name, bench.run(way, sizes[way.name]), number


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
