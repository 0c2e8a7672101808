"""The environments of the tools that Tidegate is compared with: below .venv/, from hashed lock files, one each."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
VENV = PROJECT / ".venv"
LOCKS = PROJECT / "requirements"
_TOOLS = {"bench-boto3": "boto3", "bench-awswrangler": "awswrangler", "bench-dlt": "dlt",
          "bench-aiodynamo": "aiodynamo", "bench-pydynox": "pydynox",
          "bench-pyarrow": "pyarrow"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of an environment: the version of its tool, or why it cannot be installed."""

    version: str
    reason: str = ""


def prepare(environment: str) -> Installed:
    """Install an environment unless it is as its lock file says."""
    lock = LOCKS / f"{environment}.lock"
    text = lock.read_text()
    version = _version(text, _TOOLS[environment])
    target = VENV / environment
    stamp, wanted = target / ".done", hashlib.sha256(text.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return Installed(version)
    uv = VENV / "bootstrap/bin/uv"
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", "--clear", str(target)],
        [str(uv), "pip", "sync", "--quiet", "--python", str(target / "bin/python"), "--require-hashes", str(lock)],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if run.returncode:
            return Installed(version, _last_line(run.stderr) or f"{command[0]} ended with {run.returncode}")
    stamp.write_text(wanted)
    return Installed(version)


def _version(lock: str, tool: str) -> str:
    found = re.search(rf"^{re.escape(tool)}(?:\[[a-z]+\])?==(\S+)", lock, re.MULTILINE)
    if found is None:
        raise ValueError(f"the lock file of {tool} does not name it; run make lock")
    return found[1]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
