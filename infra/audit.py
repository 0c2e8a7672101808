"""Asks for known vulnerabilities of the locked packages: `python infra/audit.py PIP-AUDIT PROBE.lock FILE.lock ...`.

The answers are the package index's own, and where there is no network no check may fail for that. So the first file, of
one package that surely is there, is asked about before the others; without an answer nothing is audited, which is said
in plain words. AUDIT=required makes that a failure too, for where it must not be skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

_OPTIONS = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15")
_NO_ANSWER = re.compile(r"^(requests|urllib3)\.exceptions\.\w+|\bConnectionError\b|\bServiceError\b")


class NoAnswerError(Exception):
    """The service could not be asked; the text says why."""


def dependencies(tool: Path, locks: Sequence[Path]) -> list[dict[str, Any]]:
    """What pip-audit says of each package of these files: `vulns`, or `skip_reason` where it was told nothing.

    Raises NoAnswerError where the service does not answer; ends the program where pip-audit itself fails.
    """
    files = [argument for lock in locks for argument in ("--requirement", str(lock))]
    ran = subprocess.run([tool, *files, *_OPTIONS], capture_output=True, text=True, check=False)  # noqa: S603  our own lock files
    try:
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (ran.stderr.strip().splitlines() or ["pip-audit printed nothing"])[-1]
        if _NO_ANSWER.search(last):
            raise NoAnswerError(last[:200]) from None
        _fail(f"pip-audit could not read {', '.join(map(str, locks))}:\n{ran.stderr}")
    return found


def audited(tool: Path, probe: Path, locks: Sequence[Path]) -> list[dict[str, Any]]:
    """What pip-audit says of each package of `locks`. Raises NoAnswerError also where the index has no such service."""
    for package in dependencies(tool, [probe]):
        if "skip_reason" in package:
            raise NoAnswerError(package["skip_reason"])
    return dependencies(tool, locks)


def main(tool: Path, probe: Path, locks: Sequence[Path]) -> None:
    """Print what was found. Exits with 1 for a vulnerability, or for a package that the index does not know."""
    try:
        found = audited(tool, probe, locks)
    except NoAnswerError as error:
        _skip(str(error))
        return
    problems = [f"{package['name']}: {package['skip_reason']}" for package in found if "skip_reason" in package]
    problems += [
        f"{package['name']} {package['version']} has {vulnerability['id']}, fixed in"
        f" {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in found
        for vulnerability in package.get("vulns", ())
    ]
    if problems:
        _fail(
            "\n".join(
                [
                    "Known vulnerabilities, or packages without an answer:",
                    *problems,
                    "Next: make lock UPGRADE=--upgrade",
                ]
            )
        )
    sys.stdout.write(f"No known vulnerabilities in {len(found)} locked packages.\n")


def _skip(why: str) -> None:
    said = f"The audit of vulnerabilities was SKIPPED, nothing was checked: the package index does not answer ({why})."
    if os.environ.get("AUDIT") == "required":
        _fail(f"{said} AUDIT=required makes that a failure.")
    sys.stdout.write(f"{said} It runs wherever the public index can be reached; AUDIT=required insists on it.\n")


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]])
