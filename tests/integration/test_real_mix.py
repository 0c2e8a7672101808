"""Every kind of value that DynamoDB holds, through CSV, JSON and JSONL and back without loss."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from integration.world import NOON, World

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}
HUGE = "12345678901234567890123456789012345678"
TINY = "-0.12345678901234567890123456789012345678"
NASTY = 'a "quoted", cell\r\nwith lines\n\n and a tab\t and ☃ 😀 é'
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'=1"]

MIX: Mapping[str, Mapping[str, Any]] = {
    "huge": {"N": HUGE},
    "tiny": {"N": TINY},
    "negative": {"N": "-5"},
    "text": {"S": NASTY},
    "empty": {"S": ""},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff\n"},
    "strings": {"SS": ["b", "a", "é"]},
    "numbers": {"NS": ["10", "9", "-1.5"]},
    "binaries": {"BS": [b"b", b"a"]},
    "list": {"L": [{"N": HUGE}, {"S": "x"}, {"NULL": True}, {"L": []}]},
    "map": {"M": {"z": {"N": "1.10"}, "a": {"M": {"é": {"BOOL": False}}}, "s": {"SS": ["y", "x"]}}},
    **{f"formula{number}": {"S": text} for number, text in enumerate(FORMULAS)},
}
AS_JSON: Mapping[str, Any] = {
    "huge": Decimal(HUGE),
    "tiny": Decimal(TINY),
    "negative": Decimal(-5),
    "text": NASTY,
    "empty": "",
    "yes": True,
    "nothing": None,
    "bytes": base64.b64encode(b"\x00\xff\n").decode(),
    "strings": ["a", "b", "é"],
    "numbers": [Decimal("-1.5"), Decimal(9), Decimal(10)],
    "binaries": [base64.b64encode(b"a").decode(), base64.b64encode(b"b").decode()],
    "list": [Decimal(HUGE), "x", None, []],
    "map": {"a": {"é": False}, "s": ["x", "y"], "z": Decimal("1.10")},
    **{f"formula{number}": text for number, text in enumerate(FORMULAS)},
}


def exported(world: World, format_type: str, compression: str) -> bytes:
    """The bytes of the only part: one record with everything, one with nothing but its key."""
    world.define("e", format={"type": format_type, "compression": compression})
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=5)], **MIX)
    world.put_records("a", [NOON - timedelta(hours=4)])
    world.export(**BODY, export="e")
    (manifest,) = world.manifests("a")
    (part,) = manifest["parts"]
    data = world.data(part["key"])
    return gzip.decompress(data) if compression == "gzip" else data


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("format_type", ["JSON", "JSONL"])
def test_json_holds_every_value_with_every_digit(world: World, format_type: str, compression: str) -> None:
    text = exported(world, format_type, compression).decode()
    texts = text.splitlines() if format_type == "JSONL" else [text]
    found = [json.loads(one, parse_int=Decimal, parse_float=Decimal) for one in texts]
    rows = found[0] if format_type == "JSON" else found
    full, bare = rows
    assert {name: full[name] for name in AS_JSON} == AS_JSON
    assert set(bare) == {"id", "studyId", "uploadedOn"}, "missing is not null"
    assert full["id"] != bare["id"]
    for digits in (HUGE, TINY, "1.10"):
        assert digits in text, "numbers are bare numerals"


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_csv_holds_every_value_as_text_and_is_rfc_4180(world: World, compression: str) -> None:
    data = exported(world, "CSV", compression)
    header, full, bare = csv.reader(io.StringIO(data.decode(), newline=""))
    assert header[:2] == ["id", "uploadedOn"]
    assert header[2:] == sorted(header[2:])
    assert data.count(b"\r\n") >= 3
    assert data.endswith(b"\r\n")
    row = dict(zip(header, full, strict=True))
    assert (row["huge"], row["tiny"], row["negative"]) == (HUGE, TINY, "-5")
    assert (row["text"], row["bytes"]) == (NASTY, AS_JSON["bytes"])
    for name in ("strings", "numbers", "binaries", "list", "map"):
        assert json.loads(row[name], parse_int=Decimal, parse_float=Decimal) == AS_JSON[name]
    assert {len(bare), len(full)} == {len(header)}


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_do_not(world: World) -> None:
    data = exported(world, "CSV", "none")
    header, full, _ = csv.reader(io.StringIO(data.decode(), newline=""))
    row = dict(zip(header, full, strict=True))
    cells = [row[f"formula{number}"] for number in range(len(FORMULAS))]
    assert cells == [f"'{text}" for text in FORMULAS[:-1]] + FORMULAS[-1:]
    assert row["tiny"].startswith("-0.")


def test_the_manifest_says_each_columns_type(world: World) -> None:
    exported(world, "JSONL", "none")
    (manifest,) = world.manifests("a")
    types = {column["name"]: column["type"] for column in manifest["columns"][""]}
    assert {
        "huge": "number",
        "text": "string",
        "yes": "boolean",
        "bytes": "binary",
        "strings": "stringSet",
        "numbers": "numberSet",
        "binaries": "binarySet",
        "list": "list",
        "map": "map",
        "nothing": "null",
    }.items() <= types.items()
