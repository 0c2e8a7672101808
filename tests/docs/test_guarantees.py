"""Each guarantee names tests that exist."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "delivery-guarantees.md").read_text("utf-8")


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 20
    for file, test in named:
        path = PROJECT / "tests" / file
        assert path.exists(), file
        assert f"def {test}(" in path.read_text("utf-8"), f"{file}::{test}"


def test_every_row_names_a_test() -> None:
    for row in re.findall(r"^\| (?!what holds|---)(.*) \|$", TEXT, re.MULTILINE):
        assert ".py::test_" in row.rpartition("|")[2], row
