"""The examples of docs/columns.md are what the columns of a definition give."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from tidegate.dates import TOKENS
from tidegate.definition import FACTS, from_document
from tidegate.definition_schema import validate
from tidegate.facts import bound
from tidegate.model import Operation, Record, State, Window
from tidegate.parts import DISCOVERY_BYTES, DISCOVERY_RECORDS
from tidegate.write import PartWriter
from unit.part_samples import MemoryStore

TEXT = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
MIDNIGHT = datetime(2026, 7, 1, 23, tzinfo=UTC)


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"docs/columns.md has no example {name}"
    return found[1]


def operation() -> Operation:
    return Operation(
        "01J", "EXPORT", State.RUNNING, "r", "nightly", "sleep", "DAILY", "RULE", "", None, MIDNIGHT, MIDNIGHT
    )


def test_the_example_record_has_the_columns_as_shown() -> None:
    document = {
        "exportId": "nightly",
        "source": {"type": "dynamodb", "table": "Records"},
        "timeZone": "Europe/London",
        "format": {"type": "CSV", "compression": "none"},
        **yaml.safe_load(example("columns")),
    }
    definition = from_document(validate(document), 1)
    window = Window(MIDNIGHT - timedelta(days=1), MIDNIGHT)
    chosen = bound(definition.columns or (), operation(), window)
    store = MemoryStore()
    writer = PartWriter(replace(definition, columns=chosen), "exports/", "work/", store, ("id",), None)
    writer.add([Record(("r-1",), None, json.loads(example("record")))])
    (part,) = writer.finish().parts
    assert store.plain(part).decode().replace("\r\n", "\n") == example("CSV")


def test_every_fact_and_every_token_has_its_row() -> None:
    assert {name for name in FACTS if f"`{name}`" in TEXT} == set(FACTS)
    rows = "".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    assert {token for token in TOKENS if f"`{token}`" in rows} == set(TOKENS)


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{DISCOVERY_RECORDS:,} records" in TEXT
    assert f"{DISCOVERY_BYTES >> 20} MiB" in TEXT
