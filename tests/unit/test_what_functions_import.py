"""What a function's init imports: its list of distributions, and nothing of our own that its work does not need.

Of what it leaves behind, the collector of cycles knows nothing.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TABLES = ("STUDY", "EXPORT_TIME", "EXPORT", "OPERATION", "REQUEST", "PAIR", "HISTORY", "RECORD")
ENVIRONMENT = {
    **{f"TIDEGATE_{table}_TABLE": table for table in TABLES},
    "TIDEGATE_EXPORT_BUCKET": "exports",
    "POWERTOOLS_SERVICE_NAME": "tidegate",
    "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
    "AWS_REGION": "eu-west-2",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}
PROGRAM = """
import gc, json, sys
import app
app.stack()
kept = gc.get_freeze_count()
places = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
modules = [name for name, place in places.items() if "site-packages" in place or "tidegate" in place]
print(json.dumps([modules, kept, len(gc.get_objects())]))
"""
EVERYWHERE = {
    "aws_lambda_powertools",
    "botocore",
    "dateutil",
    "jmespath",
    "pynamodb",
    "six",
    "typing_extensions",
    "urllib3",
}
PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_inspection"}
WHERE_INSTALLED = {"_distutils_hack", "backports", "blinker", "certifi", "isal"}
"""What setuptools, urllib3, Powertools, botocore and checksums.py load where it is; a package has what is locked."""
JOB = {"engine", "export", "opening", "reading", "seal", "commit", "deliver", "write", "parts", "lookback"}
RARE = {
    "sources.own",
    "sources.sample",
    "destinations.s3",
    "destinations.mail",
    "destinations.sftp",
    "verify",
    "recovery",
}
READING = {"sources.dynamodb", "transcoding", "native", "parquet"}
"""What reads records. Intake asks a source only for the owners of an override's ids."""
REQUESTS = {"accept", "request", "message", "service", "schedule", "orders"}
SCHEMAS = {"definition_schema", "destination_schema", "mail_schema", "source_listing"}


@dataclass(frozen=True)
class Started:
    """What there is after a function's init: modules that are no part of Python, objects kept for good, and others."""

    modules: frozenset[str]
    kept: int
    others: int


@cache
def started(function: str) -> Started:
    """What there is after the init of this function."""
    paths = os.pathsep.join((str(PROJECT / "functions" / function), str(PROJECT / "shared")))
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM],
        env={**ENVIRONMENT, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    modules, kept, others = json.loads(run.stdout)
    return Started(frozenset(modules), kept, others)


def ours(function: str) -> set[str]:
    """Our own modules among them, without the package's name, and the packages that they are in."""
    names = {name.removeprefix("tidegate.") for name in started(function).modules if name.startswith("tidegate.")}
    return names | {name.rpartition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("function", "more"),
    [("intake", PYDANTIC), ("worker", set()), ("tick", set())],
    ids=["intake", "worker", "tick"],
)
def test_a_function_imports_these_distributions_and_no_other(function: str, more: set[str]) -> None:
    found = {name.partition(".")[0] for name in started(function).modules} - {"app", "tidegate", "tidegate_local"}
    assert found - WHERE_INSTALLED == EVERYWHERE | more


@pytest.mark.parametrize(
    ("function", "needed", "not_needed"),
    [
        ("intake", REQUESTS, JOB | READING | RARE | SCHEMAS | {"upkeep", "heap"}),
        ("worker", JOB | READING | {"heap"}, RARE | REQUESTS | SCHEMAS | {"upkeep"}),
        ("tick", {"upkeep"}, JOB | READING | RARE | REQUESTS | SCHEMAS | {"heap"}),
    ],
    ids=["intake", "worker", "tick"],
)
def test_a_function_imports_what_its_work_needs(function: str, needed: set[str], not_needed: set[str]) -> None:
    assert needed <= ours(function)
    assert not ours(function) & not_needed


@pytest.mark.parametrize("function", ["intake", "worker", "tick"])
def test_the_collector_need_not_look_through_what_an_init_has_made(function: str) -> None:
    found = started(function)
    assert found.kept > 10 * found.others
