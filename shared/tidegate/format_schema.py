"""The `format` of an export's document: how records become bytes, and the dialect of rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from tidegate.definition import FORMAT_DEFAULTS, PARQUET_DEFAULTS
from tidegate.parquet.columntypes import KNOWN, column_type
from tidegate.source_schema import Strict

_OF_ROWS = ("CSV", "TSV")
_NO_DELIMITERS = frozenset("\"'+-.\r\n\x00\ufeff")
Value = TypeVar("Value")


def _delimiter(value: str) -> str:
    if len(value) != 1 or value.isalnum() or value in _NO_DELIMITERS:
        raise ValueError("must be one character that is no letter, digit, quote, sign, point, line break or NUL")
    return value


def _type(value: str) -> str:
    return column_type(value).text


class Format(Strict):
    """How records become bytes."""

    type: Literal["CSV", "TSV", "JSON", "JSONL", "Parquet"] = FORMAT_DEFAULTS["type"]
    compression: Literal["gzip", "zstd", "snappy", "none"] = Field(
        default=FORMAT_DEFAULTS["compression"],
        description="Parquet compresses inside its files, by default with zstd; snappy is for Parquet alone.",
    )
    formula_guard: bool = Field(
        default=FORMAT_DEFAULTS["formulaGuard"],
        alias="formulaGuard",
        description="CSV, TSV: an apostrophe before text that a spreadsheet would run as a formula.",
    )
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = Field(
        default=None, description="CSV: the character between cells. Default: a comma."
    )
    quoting: Literal["minimal", "all", "nonnumeric"] | None = Field(
        default=None, description="CSV, TSV: which cells are in quotes. Default: minimal, those that need them."
    )
    line_end: Literal["CRLF", "LF"] | None = Field(
        default=None, alias="lineEnd", description="CSV, TSV: what ends a row. Default: CRLF."
    )
    bom: bool | None = Field(
        default=None, description="CSV, TSV: a byte order mark at the start of a part. Default: false."
    )
    header: bool | None = Field(
        default=None, description="CSV, TSV: the names of the columns as the first row. Default: true."
    )
    null_text: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, alias="nullText", description="CSV, TSV: stands for null, without quotes. Default: an empty cell."
    )
    missing_text: Annotated[str, Field(max_length=100)] | None = Field(
        default=None,
        alias="missingText",
        description="CSV, TSV: stands for an attribute that a record does not have. Default: an empty cell.",
    )
    types: dict[Annotated[str, Field(min_length=1, max_length=1024)], Annotated[str, AfterValidator(_type)]] | None = (
        Field(
            default=None,
            alias="schema",
            description=f"Parquet: types of columns by their names in the file. Types: {KNOWN}.",
            examples=[{"amount": "decimal(12,2)", "uploadedOn": "timestamp"}],
        )
    )

    @model_validator(mode="before")
    @classmethod
    def _parquet_defaults(cls, given: object) -> object:
        if isinstance(given, Mapping) and given.get("type") == "Parquet":
            return {**PARQUET_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
        return given

    @field_validator("types", "compression")
    @classmethod
    def _of_parquet(cls, value: Value, info: ValidationInfo) -> Value:
        kind = info.data.get("type")
        if kind not in (None, "Parquet") and (value == "snappy" or isinstance(value, Mapping)):
            raise ValueError(f"is for Parquet, and format.type is {kind}")
        return value

    @field_validator("delimiter", "quoting", "line_end", "bom", "header", "null_text", "missing_text")
    @classmethod
    def _of_rows(cls, value: Value, info: ValidationInfo) -> Value:
        kind = info.data.get("type")
        if value is not None and kind is not None and kind not in _OF_ROWS:
            raise ValueError(f"is for CSV and TSV, and format.type is {kind}")
        return value

    @field_validator("delimiter")
    @classmethod
    def _tab_in_tsv(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("type") == "TSV" and value not in (None, "\t"):
            raise ValueError("is a tab in TSV; CSV takes any other")
        return value

    @field_validator("null_text", "missing_text")
    @classmethod
    def _without_quotes(cls, value: str | None, info: ValidationInfo) -> str | None:
        between = "\t" if info.data.get("type") == "TSV" else info.data.get("delimiter") or ","
        if value is not None and any(character in value for character in (between, '"', "\r", "\n")):
            raise ValueError("must have no quote, no line break and no delimiter, because it stands without quotes")
        return value
