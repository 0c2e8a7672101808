"""`tidegate sources`: what there is, what each takes and gives, and what cannot be used, without any stack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from integration.commands import Commands
from tidegate.errors import FatalError
from tidegate.source_listing import fitted, listed_source, result_schema
from tidegate.source_options import options_schema
from tidegate.sources.mocked import COLUMNS
from unit.sources.dropped import Dropped, dropping

VISITS = """
    '''Visits to the wards.'''
    from dataclasses import dataclass, field
    KEY, TIME = ("ward", "visit"), "seen"
    @dataclass
    class Parameters:
        ward: str
        kinds: list[str] = field(default_factory=lambda: ["all"])
        most: int | None = None
    def source(asked): return []
    """


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropped]:
    with dropping(tmp_path, monkeypatch) as dropped:
        yield dropped


@pytest.fixture
def cli() -> Commands:
    """A command line that has no stack, and a world in which nobody may look for one."""
    world: Any = SimpleNamespace(clock=None)
    return Commands(world)


def test_the_list_has_the_built_in_sources_and_those_in_the_folder(cli: Commands, drop: Dropped) -> None:
    drop("visits", VISITS)
    found = {source["name"]: source for source in cli.json("sources", "list")}
    assert list(found) == ["dynamodb", "mocked", "sample", "visits"]
    visits = found["visits"]
    assert (visits["about"], visits["origin"], visits["key"], visits["time"], visits["error"]) == (
        "Visits to the wards.",
        "datasources/visits.py",
        ["ward", "visit"],
        "seen",
        None,
    )
    assert visits["options"]["required"] == ["ward"]
    assert found["mocked"]["columns"] == list(COLUMNS)
    assert found["sample"]["options"]["properties"]["everySeconds"]["default"] == 60
    assert "table" in found["dynamodb"]["options"]["properties"]


def test_a_broken_module_is_told_of_and_hides_no_other(cli: Commands, drop: Dropped) -> None:
    drop("broken", "1 / 0")
    drop("visits", VISITS)
    found = {source["name"]: source for source in cli.json("sources", "list")}
    assert found["broken"]["error"]["code"] == "SOURCE_BROKEN"
    assert found["visits"]["error"] is None
    text = cli("sources", "list").stdout
    assert "cannot be used: The source broken (datasources/broken.py)" in text
    assert "Visits to the wards." in text
    shown = cli("sources", "show", "broken")
    assert shown.exit_code == 1
    assert "its import raises ZeroDivisionError" in shown.stderr


def test_a_name_that_is_taken_is_told_of_in_the_list_and_when_a_definition_is_put(cli: Commands, drop: Dropped) -> None:
    drop("sample", VISITS)
    drop("mocked", VISITS)
    found = [(source["name"], source["origin"], source["error"] is None) for source in cli.json("sources", "list")]
    assert found == [
        ("dynamodb", "built in", True),
        ("mocked", "built in", True),
        ("mocked", "datasources/mocked.py", False),
        ("sample", "built in", True),
        ("sample", "datasources/sample.py", False),
    ]
    assert fitted({"type": "mocked", "options": {}}) == {"type": "mocked", "options": {}}


def test_one_source_is_shown_with_its_schemas(cli: Commands, drop: Dropped) -> None:
    drop("visits", VISITS)
    assert cli.json("sources", "show", "visits")["result"] == result_schema()
    text = cli("sources", "show", "visits").stdout
    for expected in ("visits: Visits to the wards.", "key      ward, visit", "It takes (JSON schema):", '"headerRow"'):
        assert expected in text


def test_an_unknown_source_is_an_error_that_names_those_there_are(cli: Commands) -> None:
    result = cli("sources", "show", "punchcards")
    assert result.exit_code == 1
    assert "There are dynamodb, mocked, sample" in result.stderr


@pytest.mark.parametrize(
    ("result", "fits"),
    [
        ({"headerRow": ["a"], "data": [{"a": 1}], "cursor": None}, True),
        ({"data": [{"a": 1}]}, True),
        ([{"a": 1}], True),
        ({}, False),
        ({"headerRow": ["a"]}, False),
        ({"headerRow": ["a", "a"], "data": []}, False),
        ({"headerRow": ["a", 1], "data": []}, False),
        ({"headerRow": ["a"], "data": [[1]]}, False),
        ({"headerRow": ["a"], "data": {}}, False),
        ({"headerRow": ["a"], "data": [], "rows": 1}, False),
    ],
    ids=str,
)
def test_the_schema_of_a_result_takes_what_the_exporter_takes(result: object, fits: bool) -> None:
    Draft202012Validator.check_schema(result_schema())
    assert Draft202012Validator(result_schema()).is_valid(result) is fits


def test_the_schema_of_the_mocked_source_fits_what_it_gives() -> None:
    from datetime import UTC, datetime

    from tidegate.datasource import Asked
    from tidegate.sources import mocked

    listed = listed_source("mocked")
    assert listed is not None
    assert listed.result is not None
    now = datetime(2026, 1, 1, tzinfo=UTC)
    result = mocked.source(Asked("s", now, now))
    validator = Draft202012Validator(listed.result)
    validator.validate(result)
    del result["data"][1]["note"]
    with pytest.raises(ValidationError, match="'note' is a required property"):
        validator.validate(result)


def test_parameters_that_no_schema_can_describe_are_told_of() -> None:
    from dataclasses import make_dataclass

    strange = make_dataclass("Parameters", [("definition", "Definitely")])
    with pytest.raises(FatalError, match="SOURCE_BROKEN"):
        options_schema(strange)
    assert options_schema(None)["properties"] == {}
