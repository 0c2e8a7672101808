"""Each guarantee names tests that exist."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = ("delivery-guarantees.md", "security.md")


def text_of(page: str) -> str:
    return (PROJECT / "docs" / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", text_of(page))
    assert len(named) > 20
    for file, test in named:
        path = PROJECT / "tests" / file
        assert path.exists(), file
        assert f"def {test}(" in path.read_text("utf-8"), f"{file}::{test}"


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_a_test(page: str) -> None:
    for row in re.findall(r"^\| (?!what holds|---)(.*) \|$", text_of(page), re.MULTILINE):
        assert ".py::test_" in row.rpartition("|")[2], row
