"""The functions do not import each other: import-linter sees packages only, and a function is one file."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
HANDLERS = sorted(FUNCTIONS.glob("*/*.py"))
ALLOWED = {"tidegate", "aws_lambda_powertools"} | set(sys.stdlib_module_names)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_function_imports_the_package_and_powertools_and_nothing_of_another_function(path: Path) -> None:
    assert set(imported(path)) <= ALLOWED


def test_each_function_is_one_file() -> None:
    assert [path.name for path in HANDLERS] == ["app.py"] * 3
