"""The audit of vulnerabilities fails for what it finds, and says so where it could ask nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FINE: dict[str, Any] = {"name": "boto3", "version": "1.44.0", "vulns": []}
VULNERABLE: dict[str, Any] = {
    "name": "boto3", "version": "1.44.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.44.1"]}],
}  # fmt: skip
UNKNOWN = {"name": "boto3", "skip_reason": "Dependency not found"}
NO_NETWORK = "requests.exceptions.ConnectionError: Failed to resolve the index"


def audited(project: Path, folder: Path, probe: object, rest: object, **environment: str) -> Any:
    """Run the script with a pip-audit that gives these answers: JSON for a list, an error for a text."""
    answers = {"probe.lock": probe, "all.lock": rest}
    tool = folder / "pip-audit"
    tool.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"answer = json.loads({json.dumps(json.dumps(answers))})[sys.argv[2].rpartition('/')[2]]\n"
        "if isinstance(answer, str):\n    sys.exit('Traceback\\n' + answer)\n"
        "print(json.dumps({'dependencies': answer, 'fixes': []}))\n"
        "sys.exit(any(package.get('vulns') for package in answer))\n"
    )
    tool.chmod(0o755)
    return subprocess.run(  # noqa: S603
        [sys.executable, project / "infra/audit.py", tool, folder / "probe.lock", folder / "all.lock"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_packages_without_a_known_vulnerability_pass(project: Path, tmp_path: Path) -> None:
    ran = audited(project, tmp_path, [FINE], [FINE, FINE])
    assert (ran.returncode, ran.stdout) == (0, "No known vulnerabilities in 2 locked packages.\n")


def test_a_vulnerability_fails_and_is_named_with_its_cure(project: Path, tmp_path: Path) -> None:
    ran = audited(project, tmp_path, [FINE], [FINE, VULNERABLE])
    assert ran.returncode == 1
    assert "boto3 1.44.0 has PYSEC-2026-1, fixed in 1.44.1" in ran.stderr


def test_a_package_that_the_index_does_not_know_fails_where_it_knows_others(project: Path, tmp_path: Path) -> None:
    ran = audited(project, tmp_path, [FINE], [FINE, UNKNOWN])
    assert ran.returncode == 1
    assert "boto3: Dependency not found" in ran.stderr


@pytest.mark.parametrize(("probe", "rest"), [(NO_NETWORK, [FINE]), ([UNKNOWN], [FINE]), ([FINE], NO_NETWORK)])
def test_without_an_answer_it_says_that_nothing_was_checked_and_fails_only_where_it_is_required(
    project: Path, tmp_path: Path, probe: object, rest: object
) -> None:
    ran = audited(project, tmp_path, probe, rest)
    assert ran.returncode == 0
    assert "SKIPPED, nothing was checked" in ran.stdout
    assert "No known vulnerabilities" not in ran.stdout
    assert audited(project, tmp_path, probe, rest, AUDIT="required").returncode == 1


def test_an_error_of_the_tool_itself_is_no_missing_network(project: Path, tmp_path: Path) -> None:
    ran = audited(project, tmp_path, [FINE], "ValueError: all.lock has a line without a hash")
    assert ran.returncode == 1
    assert "without a hash" in ran.stderr
