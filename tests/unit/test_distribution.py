from pathlib import Path

import pytest

from distribution import LONG, TOGETHER, place, unit

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", [*LONG, *TOGETHER, *TOGETHER.values()])
def test_what_is_to_start_first_exists(path: str) -> None:
    assert (PROJECT / path).exists()


def test_what_takes_long_comes_before_its_folder_and_that_before_all_others() -> None:
    ids = ["tests/unit/test_ulid.py::test_a", "tests/e2e/test_verify.py::test_b", "tests/e2e/test_local.py::test_c"]
    assert sorted(ids, key=place) == ids[::-1]


def test_a_file_that_needs_what_another_one_makes_runs_in_its_process() -> None:
    for file, other in TOGETHER.items():
        assert unit(f"{file}::test_a[x::y]") == unit(f"{other}::test_b")
    assert unit("tests/unit/test_ulid.py::test_a") != unit("tests/unit/test_window.py::test_a")
