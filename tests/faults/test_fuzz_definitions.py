"""Definitions of any shape, as YAML and as JSON: refused with a code and a place, or stored in a form that stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faults.fuzz_json import TEXTS, damaged, json_values, nearly, nested, written
from faults.fuzz_tally import Tally, counted, tries
from tidegate.cli.definitions import read_document
from tidegate.definition import from_document
from tidegate.definition_schema import validate
from tidegate.errors import RejectedError

Properties = Callable[[str, object], None]
CODES = {"MALFORMED", "UNKNOWN_FIELD", "INVALID_FIELD", "MISSING_FIELD"}

PLAIN = st.sampled_from(["id", "a", "answers.q1", "\u00e9", "=n"])
NAMES = st.lists(st.one_of(PLAIN, PLAIN, TEXTS), min_size=1, max_size=3)
SOURCES = st.one_of(
    nearly(
        {
            "index": PLAIN, "partitionKey": PLAIN, "timeKey": PLAIN, "timeFraction": st.sampled_from([0, 3, 6, 9]),
            "timeType": st.sampled_from(["epochMillis", "iso8601", "soon"]), "recordKey": PLAIN | NAMES,
            "projection": NAMES, "filter": st.dictionaries(PLAIN, st.just("x") | json_values(1), max_size=2),
        },
        {"type": st.just("dynamodb"), "table": PLAIN},
    ),
    nearly({"options": st.dictionaries(TEXTS, json_values(), max_size=3)}, {"type": st.just("sample")}),
)  # fmt: skip
DATES = {"date": st.sampled_from(["iso", "YYYY-MM-DD", "dd"]), "zone": st.sampled_from(["UTC", "Mars"])}
COLUMNS = st.one_of(
    nearly({"as": PLAIN, **DATES, "unit": st.just("epochMillis")}, {"from": PLAIN | st.just("a[0].b")}),
    nearly({}, {"value": json_values(1), "as": PLAIN}),
    nearly({"as": PLAIN, **DATES}, {"request": st.sampled_from(["study", "windowDate", "clock"])}),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "studies": st.just("all") | NAMES,
    "tableBy": NAMES,
    "columns": st.lists(st.one_of(PLAIN, COLUMNS, TEXTS), min_size=1, max_size=3, unique_by=str),
    "unknownColumns": st.sampled_from(["ignore", "append", "fail", "warn"]),
    "format": nearly(
        {
            "compression": st.just("gzip"),
            "formulaGuard": st.booleans(),
            "delimiter": st.sampled_from([";", "\t", ""]),
            "quoting": st.just("all"),
            "lineEnd": st.just("LF"),
            "bom": st.booleans(),
            "header": st.booleans(),
            "nullText": PLAIN,
            "missingText": PLAIN,
        },
        {"type": st.sampled_from(["JSONL", "CSV", "TSV"])},
    ),
    "destinations": st.just([{"type": "S3"}]),
    "timeZone": st.sampled_from(["UTC", "Europe/London", "Europe", "../UTC"]),
    "settleSeconds": st.integers(-1, 90_000),
    "lookbackSeconds": st.integers(0, 900),
    "firstExportFrom": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "soon"]) | st.datetimes() | st.dates(),
    "emptyPolicy": st.sampled_from(["none", "header"]),
    "maxRecordsPerPart": st.integers(0, 10**20),
    "maxBytesPerPart": st.integers(1, 2**40),
    "rowLimit": st.integers(1, 10**9),
    "rowLimitPolicy": st.just("split"),
    "maxFailedRecords": nearly({"atLeast": st.integers(0, 5)}, {"percent": st.floats(0, 100)}),
}
EASY = {
    name: FIELDS[name] for name in ("studies", "emptyPolicy", "format", "lookbackSeconds", "rowLimit", "rowLimitPolicy")
}
IDS = st.sampled_from(["x", "partner-nightly", "default"])
DOCUMENTS = st.one_of(
    nearly(EASY, {"exportId": IDS, "source": SOURCES}),
    nearly(FIELDS, {"exportId": IDS | TEXTS, "source": SOURCES}),
)
ALIASES = range(1, 60)
YAML_TEXTS = [
    "a: &a [*a]", "&a {b: *a}", "a: *b", "a: !!python/object/apply:os.system [id]", "a: !!binary AA==", "a: !!set {b}",
    "a: !!int ''", "a: !!bool maybe", "a: !!timestamp soon", "a: !!float ''", "a: !!omap [b: 1]", "? [a]\n: b", "<<: 1",
    "a: 1:" + "59:" * 400 + "1.5", "a: 0x" + "f" * 6000, "a: " + "9" * 6000, "a: .inf", "a: .nan", "a: 1e400",
    "a: 2026-01-01", "a: 2026-99-99", 'a: "\\ud800"', "\x00", "a: |\n  \x07", "%YAML 3.0\n---\na: 1",
    "a: 1\n---\nb: 2", "- a", "null", "", "[" * 3000, "{" * 3000, "- " * 3000, "a: {b: " * 500,
    "exportId: " + "x" * 300_000, nested("list", 200), nested("object", 200),
    "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in ALIASES)]),
    "\n".join(["a0: &a0 {k: v}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in ALIASES)]),
]  # fmt: skip


def try_document(tally: Tally, document: object) -> None:
    tally.inputs += 1
    try:
        stored = validate(document)
    except RejectedError as error:
        tally.refused(error)
        return
    again = json.loads(json.dumps(stored, ensure_ascii=False, allow_nan=False).encode())
    assert again == stored
    assert validate(again) == stored
    definition = from_document(again, 3)
    assert (definition.export, definition.version) == (stored["exportId"], 3)
    assert from_document(dict(definition.document), 3) == definition
    tally.accepted += 1


def try_file(tally: Tally, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    try:
        document = read_document(file)
    except RejectedError as error:
        tally.inputs += 1
        tally.refused(error)
        return
    try_document(tally, document)


def test_a_document_of_any_values_is_refused_or_stored_in_a_form_that_stays(record_property: Properties) -> None:
    @tries(400, 10_000)
    @given(st.one_of(DOCUMENTS, DOCUMENTS, DOCUMENTS, json_values()))
    def run(document: object) -> None:
        try_document(tally, document)

    with counted(record_property, "definition: any values") as tally:
        run()
    assert set(tally.codes) <= CODES


def test_a_file_of_yaml_or_json_is_refused_with_a_reason_or_stored(tmp_path: Path, record_property: Properties) -> None:
    files = DOCUMENTS.map(
        lambda document: yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")
    )
    bodies = DOCUMENTS.map(lambda document: written(json.loads(json.dumps(document, default=str)), ascii_only=True))

    @tries(200, 5_000)
    @given(st.one_of(files, files, bodies, damaged(files)), st.sampled_from(["x.yaml", "x.json"]))
    def run(data: bytes, name: str) -> None:
        try_file(tally, tmp_path / name, data)

    with counted(record_property, "definition: files of YAML and JSON") as tally:
        run()
    assert set(tally.codes) <= CODES


@pytest.mark.parametrize("number", range(len(YAML_TEXTS)))
def test_yaml_that_is_no_definition_is_refused_whatever_it_is_instead(tmp_path: Path, number: int) -> None:
    tally = Tally()
    try_file(tally, tmp_path / "x.yaml", YAML_TEXTS[number].encode())
    assert tally.inputs == sum(tally.codes.values()) == 1
