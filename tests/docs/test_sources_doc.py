"""The example of docs/sources.md works as it stands, and the page says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from moto import mock_aws

from integration.world import Clock, World, build
from tidegate.datasource import Asked
from tidegate.model import State
from tidegate.sources import names
from tidegate.sources.own import catalogue, module, source, values
from unit.sources.dropped import Dropped, dropping

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "sources.md").read_text("utf-8")
ERRORS = (DOCS / "errors.md").read_text("utf-8")
RUNBOOK = (DOCS / "runbook.md").read_text("utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"docs/sources.md has no example {name}"
    return found[1]


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropped]:
    with dropping(tmp_path, monkeypatch) as dropped:
        yield dropped


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield build(Clock())


def test_the_example_is_exported_as_shown(world: World, drop: Dropped) -> None:
    drop("visits", example("visits"))
    world.put_study("a")
    world.stack.service().put_export(yaml.safe_load(example("definition")), None, world.clock())
    assert all(finding.ok for finding in world.stack.service().check("ward-five", world.clock()))
    (operation,) = world.export(exportType="DAILY", endDateTime="2026-03-10T00:00:00Z", export="ward-five")
    assert operation.state is State.SUCCEEDED, operation.error
    (manifest,) = world.manifests()
    assert world.text(manifest["parts"][0]["key"]).replace("\r\n", "\n") == example("CSV")
    assert manifest["skipped"]["filtered"] == 1


def test_every_built_in_source_has_its_row() -> None:
    for name in names():
        assert f"| `{name}` |" in TEXT, name


def test_what_a_source_is_asked_and_what_a_module_has_is_described() -> None:
    for name in ("source", "Parameters", "KEY", "TIME", "COLUMNS", *Asked.__slots__):
        assert f"`{name}`" in TEXT, name
    assert f"`shared/{catalogue.FOLDER}/`" in TEXT
    assert f"`{catalogue.GROUP}`" in TEXT
    assert f"nested, {values.MOST_NESTED} deep at most" in TEXT


def test_every_error_of_a_source_is_described_for_those_who_meet_it() -> None:
    codes = set()
    for file in [
        *Path(module.__file__ or "").parent.glob("*.py"),
        Path(module.__file__ or "").parents[1] / "__init__.py",
    ]:
        codes |= set(re.findall(r'code="([A-Z_]+)"', file.read_text("utf-8")))
    assert {"SOURCE_RESULT", "SOURCE_RAISED", "UNKNOWN_SOURCE"} <= codes
    for code in codes:
        assert f"`{code}`" in ERRORS, code
        assert f"`{code}`" in RUNBOOK, code


def test_the_size_of_a_slice_is_that_of_the_decision() -> None:
    decision = (DOCS / "adr" / "0018-sources-of-ones-own.md").read_text("utf-8")
    assert f"slices of {source.SLICE:,} rows" in decision
