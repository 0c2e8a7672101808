"""The JSON schemas that are published under infra/schemas."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "infra" / "schemas"
TEXTS: dict[str, str] = runpy.run_path(str(FOLDER / "generate.py"))["texts"]()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_published_schema_is_what_the_model_says_now(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == TEXTS[name], "run: python infra/schemas/generate.py"


def test_every_published_schema_has_its_model() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(TEXTS)
