"""A start is measured in a folder like the function's package, and with nothing else in sight."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import cold_start
from benchmarks.cold_start import SERVICES


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cold_start.packaged("tick", tmp_path_factory.mktemp("package") / "tick")


def test_the_package_has_handler_shared_code_and_locked_distributions_without_bytecode(package: Path) -> None:
    assert {"app.py", "tidegate", "boto3", "pynamodb", "aws_lambda_powertools"} <= {
        path.name for path in package.iterdir()
    }
    assert not [path for path in package.rglob("*") if path.suffix == ".pyc"]


def test_the_package_describes_the_functions_own_services_alone(package: Path) -> None:
    described = {path.name for path in (package / "botocore/data").iterdir() if path.is_dir()}
    assert described == set(SERVICES)


def test_init_loads_more_modules_than_its_clients_do_and_both_can_be_timed(package: Path, tmp_path: Path) -> None:
    clients, init = (cold_start._run(code, package, tmp_path) for code in (cold_start._CLIENTS, cold_start._INIT))
    assert 0 < clients[2] < init[2]
    assert min(*clients, *init) > 0


def test_a_start_that_fails_says_why(package: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="No module named 'moto'"):
        cold_start._run("import moto", package, tmp_path)
