"""The `format` of a definition: dialects of rows, what is stored of them, and what is refused with its place."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tidegate.definition import from_document
from tidegate.definition_schema import json_schema, validate
from tidegate.dialects import Dialect
from tidegate.errors import RejectedError

SHORT: dict[str, Any] = {"exportId": "short", "source": {"type": "dynamodb", "table": "Records"}}
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
ALL = {"delimiter": ";", "quoting": "all", "lineEnd": "LF", "bom": True, "nullText": "", "missingText": "NA"}


def test_a_format_without_a_dialect_is_stored_as_it_ever_was() -> None:
    assert validate(SHORT)["format"] == {"type": "CSV", "compression": "gzip", "formulaGuard": True}


@pytest.mark.parametrize(
    ("given", "dialect"),
    [
        ({"type": "CSV", **ALL}, Dialect(";", "all", "\n", bom=True, null_text="", missing_text="NA")),
        ({"type": "TSV"}, Dialect("\t")),
        ({"type": "TSV", "delimiter": "\t", "bom": False}, Dialect("\t")),
        ({"delimiter": "\u00a6"}, Dialect("\u00a6")),
        ({"header": False}, Dialect(header=False)),
    ],
    ids=["all", "TSV", "TSV with its tab", "broken bar", "without header"],
)
def test_a_dialect_means_the_same_before_and_after_it_is_stored(given: dict[str, Any], dialect: Dialect) -> None:
    document = {**SHORT, "columns": ["id"], "format": given}
    stored = validate(document)
    assert from_document(document, 1).format.dialect == from_document(stored, 1).format.dialect == dialect
    assert validate(stored) == stored
    assert VALIDATOR.is_valid(stored)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "JSON", "delimiter": ";"}, "format.delimiter is for CSV and TSV, and format.type is JSON"),
        ({"type": "JSONL", "bom": False}, "format.bom is for CSV and TSV, and format.type is JSONL"),
        ({"type": "JSON", "nullText": "x"}, "format.nullText is for CSV and TSV"),
        ({"type": "TSV", "delimiter": ","}, "format.delimiter is a tab in TSV"),
        ({"delimiter": ""}, "format.delimiter must be one character"),
        ({"delimiter": "||"}, "format.delimiter must be one character"),
        ({"delimiter": '"'}, "format.delimiter must be one character"),
        ({"delimiter": "x"}, "format.delimiter must be one character"),
        ({"delimiter": "\n"}, "format.delimiter must be one character"),
        ({"delimiter": "."}, "format.delimiter must be one character"),
        ({"quoting": "none"}, "format.quoting must be 'minimal', 'all' or 'nonnumeric'"),
        ({"lineEnd": "\n"}, "format.lineEnd must be 'CRLF' or 'LF'"),
        ({"bom": "yes"}, "format.bom must be true or false"),
        ({"nullText": "a,b"}, "format.nullText must have no quote, no line break and no delimiter"),
        ({"delimiter": ";", "missingText": "a;b"}, "format.missingText must have no quote"),
        ({"type": "TSV", "nullText": "\t"}, "format.nullText must have no quote"),
        ({"nullText": "x" * 101}, "format.nullText must have at most 100 characters"),
        ({"header": False}, "format.header false needs columns beside it"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(repr, value.values()))[:40],
)
def test_what_is_wrong_is_refused_with_its_place(given: dict[str, Any], told: str) -> None:
    with pytest.raises(RejectedError) as caught:
        validate({**SHORT, "format": given})
    assert (caught.value.code, caught.value.message[: len(told)]) == ("INVALID_FIELD", told)


@pytest.mark.parametrize("more", [{"unknownColumns": "append"}, {"emptyPolicy": "header"}], ids=["append", "empty"])
def test_without_a_header_every_part_has_the_columns_of_the_list_and_a_record(more: dict[str, Any]) -> None:
    with pytest.raises(RejectedError, match=r"format\.header false needs"):
        validate({**SHORT, "columns": ["id"], "format": {"header": False}, **more})


def test_another_delimiter_leaves_the_comma_to_the_texts() -> None:
    assert validate({**SHORT, "format": {"delimiter": ";", "nullText": "a,b"}})["format"]["nullText"] == "a,b"
