"""How long a function's init takes, against the import and construction of the boto3 clients that it cannot do without.

Each measurement is a fresh interpreter that sees nothing but a folder like the function's package: its handler, the
shared package, and the distributions of its lock file, once with bytecode and once without.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median

from benchmarks.environments import LOCKS, PROJECT
from benchmarks.running import process_environment

FUNCTIONS = ("intake", "worker", "tick")
SERVICES = ("dynamodb", "s3", "sqs", "sts")
"""Of botocore's descriptions a package has these alone, as functions/Makefile leaves them."""
_TABLES = ("STUDY", "EXPORT_TIME", "EXPORT", "OPERATION", "REQUEST", "PAIR", "HISTORY", "RECORD")
_TIMED = """
import sys, time
sys.path[:0] = [sys.argv[1]]
cpu, wall = time.process_time(), time.perf_counter()
{}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import json
sys.stdout.write(json.dumps([wall, cpu, len(sys.modules)]))
"""
_CLIENTS = """
import boto3
session = boto3.Session()
made = [session.client(name) for name in ("dynamodb", "s3", "sqs")]
"""
_INIT = """
import app
app.stack()
"""


@dataclass(frozen=True, slots=True)
class Started:
    """Medians of one function's starts: milliseconds of CPU, for the clients alone and for the whole init."""

    function: str
    bytecode: bool
    clients: float
    init: float
    modules: int

    @property
    def ratio(self) -> float:
        """How many times the clients' time the init takes."""
        return self.init / self.clients


def started(function: str, folder: Path, rounds: int) -> list[Started]:
    """Starts of one function without bytecode and with it; clients and init in turn."""
    package = packaged(function, folder / function)
    found = []
    for bytecode in (False, True):
        if bytecode:
            compileall.compile_dir(package, quiet=2, workers=1)
        ran = [(_run(_CLIENTS, package, folder), _run(_INIT, package, folder)) for _ in range(rounds)]
        clients, init = (median(run[which][1] for run in ran) * 1000 for which in (0, 1))
        found.append(Started(function, bytecode, clients, init, int(ran[0][1][2])))
    shutil.rmtree(package)
    return found


def packaged(function: str, target: Path) -> Path:
    """A folder like the function's package, without bytecode, from the distributions that are installed here."""
    target.mkdir()
    shutil.copy(PROJECT / "functions" / function / "app.py", target)
    shutil.copytree(
        PROJECT / "shared/tidegate", target / "tidegate", ignore=shutil.ignore_patterns("__pycache__", "cli")
    )
    lock = (LOCKS / f"{function}.lock").read_text()
    for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # the lock file is for all platforms
        for file in files:
            if _belongs(file.parts):
                place = target.joinpath(*file.parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), place)
    described = [sys.executable, "-B", "-m", "tidegate.sparing"]
    subprocess.run(described, env={**os.environ, "PYTHONPATH": str(target)}, cwd=target, check=True)  # noqa: S603
    return target


def _belongs(parts: tuple[str, ...]) -> bool:
    if ".." in parts or "__pycache__" in parts:
        return False
    described = len(parts) > 3 and parts[:2] in {("botocore", "data"), ("boto3", "data")}
    return not described or parts[2] in SERVICES


def _run(code: str, package: Path, folder: Path) -> tuple[float, float, int]:
    """Seconds of the clock and of CPU that the code took in a new interpreter, and how many modules it then has."""
    command = [sys.executable, "-I", "-B", "-S", "-c", _TIMED.format(code), str(package)]
    run = subprocess.run(command, env=_settings(folder), capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        raise RuntimeError(f"a start of {package.name} failed:\n{run.stderr[-2000:]}")
    wall, cpu, modules = json.loads(run.stdout)
    return wall, cpu, modules


def _settings(folder: Path) -> Mapping[str, str]:
    return {
        **process_environment(folder),
        **{f"TIDEGATE_{table}_TABLE": table for table in _TABLES},
        "TIDEGATE_EXPORT_BUCKET": "exports",
        "POWERTOOLS_SERVICE_NAME": "tidegate",
        "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
    }
