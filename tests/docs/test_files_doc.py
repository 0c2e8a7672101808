"""The examples of docs/files.md are what the formats write."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tidegate.columns import named
from tidegate.definition import DEFAULTS, from_document
from tidegate.definition_schema import validate
from tidegate.dialects import RFC_4180
from tidegate.formats import format_of
from tidegate.formats import names as format_names
from tidegate.model import FormatSpec
from tidegate.parts import DISCOVERY_BYTES, DISCOVERY_RECORDS
from tidegate.write import MAX_OPEN_TABLES

TEXT = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"docs/files.md has no example {name}"
    return found[1]


@pytest.mark.parametrize("kind", ["CSV", "JSON", "JSONL"])
def test_the_example_record_is_written_as_shown(kind: str) -> None:
    values = json.loads(example("record"))
    names = ["id", "uploadedOn", *sorted(values.keys() - {"id", "uploadedOn"})]
    chosen = format_of(FormatSpec(type=kind))
    data = chosen.header(names) + b"".join(chosen.records(named(names, [values]))) + chosen.footer()
    assert data.decode().replace("\r\n", "\n") == example(kind)


def test_every_format_has_its_row() -> None:
    assert {name for name in format_names() if f"| `{name}` |" in TEXT} == set(format_names())


def test_the_dialects_that_are_recommended_can_be_put() -> None:
    table = TEXT.partition("<!-- dialects -->")[2].partition("\n\n")[0]
    found = re.findall(r"\| `(\{.*\})` \|$", table, re.MULTILINE)
    assert len(found) == 3
    for text in found:
        document = {"exportId": "x", "source": {"type": "sample"}, "columns": ["id"], "format": yaml.safe_load(text)}
        assert from_document(validate(document), 1).format.dialect != RFC_4180


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{DISCOVERY_RECORDS:,} records" in TEXT
    assert f"{DISCOVERY_BYTES >> 20} MiB" in TEXT
    assert f"At most {MAX_OPEN_TABLES} tables" in TEXT
    assert DEFAULTS["emptyPolicy"] == "none"
