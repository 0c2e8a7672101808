"""What people write as an export's document, strictly checked, and the JSON schema that is published from it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from tidegate.column_schema import AnyColumn, distinct_columns
from tidegate.column_schema import normalised as normalised_column
from tidegate.definition import DEFAULTS, FORMAT_DEFAULTS, MAX_FAILED_DEFAULTS, destinations
from tidegate.destination_schema import (
    MOST_DESTINATIONS,
    AnyDestination,
    S3Destination,
    check_tables,
    distinct_destinations,
)
from tidegate.format_schema import Format
from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.message import EXPORT_ID_PATTERN, INSTANT_PATTERN, StudyId, published_schema
from tidegate.rejection import checked, rejected, shown
from tidegate.source_schema import AnySource, AttributeName, Strict, ZoneName, list_or_text, unique

BUILT_IN_SOURCES = ("dynamodb", "mocked", "sample")
_WHAT = "definition"
MOST_NESTED = 64
LARGEST_DOCUMENT = 100_000
"""Every operation's row repeats its definition, and may have 400 KB in all."""


def _instant_text(value: object) -> str:
    if isinstance(value, datetime):  # YAML reads an unquoted instant as one
        if value.tzinfo is None:
            raise ValueError("has no offset; write an instant like 2026-01-31T00:00:00Z")
        if value.microsecond % 1000:
            raise ValueError("has more than 3 fraction digits; windows are exact to the millisecond")
        return rfc3339(parse_rfc3339(value.isoformat(timespec="milliseconds")))
    if isinstance(value, date):  # a YAML date; as wrong as any other value that is no instant
        raise ValueError("is a day without a time; write an instant like 2026-01-31T00:00:00Z")  # noqa: TRY004
    return rfc3339(parse_rfc3339(value if isinstance(value, str) else ""))


def _has_columns(value: str, info: ValidationInfo) -> str:
    if info.data.get("columns", ()) is None:
        raise ValueError("needs columns beside it: without a list every attribute is written")
    return value


def _own_bucket() -> list[AnyDestination]:
    return [S3Destination(type="S3")]


class MaxFailedRecords(Strict):
    """How many records of a window may fail before their operation does."""

    percent: Annotated[float, Field(ge=0, le=100)] = MAX_FAILED_DEFAULTS["percent"]
    at_least: int = Field(default=MAX_FAILED_DEFAULTS["atLeast"], alias="atLeast", ge=0)


class ExportDocument(Strict):
    """A saved definition of an export: source, studies, tables, columns, format, destinations, limits."""

    model_config = ConfigDict(title="Tidegate export definition")

    export_id: Annotated[str, Field(pattern=EXPORT_ID_PATTERN)] = Field(alias="exportId")
    source: AnySource
    studies: Annotated[
        Annotated[Literal["all"], Tag("<text>")]
        | Annotated[list[StudyId], Field(min_length=1), AfterValidator(unique), Tag("<list>")],
        Discriminator(list_or_text),
    ] = "all"
    table_by: Annotated[list[AttributeName], AfterValidator(unique)] = Field(
        default_factory=list,
        alias="tableBy",
        description="Attributes that split a study's records into tables; the values of several are joined by ~.",
    )
    columns: Annotated[list[AnyColumn], Field(min_length=1), AfterValidator(distinct_columns)] | None = Field(
        default=None, description="Columns to write, in this order. Default: record id, time, then all by name."
    )
    unknown_columns: Annotated[Literal["ignore", "append", "fail"], AfterValidator(_has_columns)] | None = Field(
        default=None,
        alias="unknownColumns",
        description="With columns: what is done about attributes that the definition does not name. Default: ignore.",
    )
    format: Format = Field(default_factory=Format)
    destinations: Annotated[
        list[AnyDestination], Field(min_length=1, max_length=MOST_DESTINATIONS), AfterValidator(distinct_destinations)
    ] = Field(
        default_factory=_own_bucket,
        description="Where the parts go; the stack's own bucket has them in any case.",
    )
    time_zone: ZoneName = Field(
        default=DEFAULTS["timeZone"],
        alias="timeZone",
        description="IANA zone of the wall clock by which a start is generated.",
        examples=["Europe/London"],
    )
    settle_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=DEFAULTS["settleSeconds"],
        alias="settleSeconds",
        description="Age that a window's end must have before it is read.",
    )
    lookback_seconds: Annotated[int, Field(ge=0, le=604_800)] = Field(
        default=DEFAULTS["lookbackSeconds"],
        alias="lookbackSeconds",
        description="How far before a committed watermark late records are looked for.",
    )
    first_export_from: (
        Annotated[
            str,
            PlainValidator(_instant_text),
            WithJsonSchema({"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN}),
        ]
        | None
    ) = Field(
        default=None, alias="firstExportFrom", description="Start of the first window of a study without a watermark."
    )
    empty_policy: Literal["none", "header"] = Field(
        default=DEFAULTS["emptyPolicy"],
        alias="emptyPolicy",
        description="What a window without records writes beside its manifest.",
    )
    max_records_per_part: Annotated[int, Field(ge=1)] = Field(
        default=DEFAULTS["maxRecordsPerPart"],
        alias="maxRecordsPerPart",
        description="Records after which a new part is begun.",
    )
    max_bytes_per_part: Annotated[int, Field(ge=1, le=64 << 30)] = Field(
        default=DEFAULTS["maxBytesPerPart"],
        alias="maxBytesPerPart",
        description="Uncompressed bytes after which a new part is begun.",
    )
    row_limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, alias="rowLimit", description="Records that one window may have. Default: no limit."
    )
    row_limit_policy: Literal["error", "split"] = Field(
        default=DEFAULTS["rowLimitPolicy"],
        alias="rowLimitPolicy",
        description="At rowLimit: fail before anything is delivered, or begin a new part.",
    )
    max_failed_records: MaxFailedRecords = Field(
        default_factory=MaxFailedRecords,
        alias="maxFailedRecords",
        description="The larger of the two numbers counts.",
    )


def validate(
    document: object, *, source_types: Collection[str] = BUILT_IN_SOURCES, format_types: Collection[str] = ()
) -> dict[str, Any]:
    """The document of an export, normalised: every default written out, one form for what can be written in two.

    `document` is what JSON or YAML gave; `source_types` are the names that the registry of sources knows, and
    `format_types` those of formats, for the ones that the published schema does not have. What has no default may be
    left out or null, and is then left out. What comes back is JSON, fits the published schema (but for such formats)
    and validates to itself. Raises RejectedError with UNKNOWN_FIELD, INVALID_FIELD or MISSING_FIELD and the path of
    each finding, such as `source.timeType` or `columns[2].from`; INVALID_FIELD also for one that is far too large or
    that no JSON text can hold.
    """
    _check_storable(document)
    checked_document = checked(_document_with(frozenset(format_types)), document, what=_WHAT, null_is_absent=True)
    source_type = checked_document.source.type
    if source_type not in source_types:
        known = ", ".join(sorted(source_types))
        raise rejected("INVALID_FIELD", [f"source.type must be one of {known} (got {shown(source_type)})."], what=_WHAT)
    dumped = checked_document.model_dump(mode="json", by_alias=True)
    normalised = {name: value for name, value in dumped.items() if value is not None}
    source = normalised["source"] = {name: value for name, value in dumped["source"].items() if value is not None}
    if isinstance(source.get("recordKey"), str):
        source["recordKey"] = [source["recordKey"]]
    try:
        check_tables(checked_document.destinations, tables=bool(checked_document.table_by))
    except ValueError as error:
        raise rejected("INVALID_FIELD", [f"destinations {error}."], what=_WHAT) from None
    given = [_present(entry) for entry in dumped["destinations"]]
    normalised["destinations"] = [dict(entry) for entry in destinations(given)]
    normalised["format"] = {name: value for name, value in dumped["format"].items() if value is not None}
    if checked_document.format.header is False:
        _check_without_header(checked_document)
    if "columns" in normalised:
        normalised["columns"] = [normalised_column(column) for column in normalised["columns"]]
        _check_typed(normalised)
    if len(json.dumps(normalised)) > LARGEST_DOCUMENT:
        finding = f"The document has more than {LARGEST_DOCUMENT} bytes as ASCII JSON with its defaults."
        raise rejected("INVALID_FIELD", [finding], what=_WHAT)
    return normalised


def _check_without_header(document: ExportDocument) -> None:
    """Without a header nothing but the list tells what a cell is: every part has to have exactly its columns."""
    if document.columns is None or document.unknown_columns == "append":
        reason = "columns beside it, and unknownColumns not append: without a header only the list tells what a cell is"
    elif document.empty_policy == "header":
        reason = "emptyPolicy none: an empty window would have an empty part"
    else:
        return
    raise rejected("INVALID_FIELD", [f"format.header false needs {reason}."], what=_WHAT)


@cache
def _document_with(format_types: frozenset[str]) -> type[ExportDocument]:
    """The model of a document that may also name these formats, beside those of the published schema."""
    published = get_args(Format.model_fields["type"].annotation)
    further = sorted(format_types.difference(published))
    if not further:
        return ExportDocument
    names: Any = Literal[(*published, *further)]
    extended = create_model("Format", __base__=Format, type=(names, FORMAT_DEFAULTS["type"]))
    given: Any = (extended, Field(default_factory=extended))
    return create_model("ExportDocument", __base__=ExportDocument, format=given)


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of an export's document, generated from the model."""
    return published_schema(ExportDocument)


def _check_storable(document: object) -> None:
    """What no JSON text can hold is refused before anything looks at single fields. Types are their own matter."""
    try:
        json.dumps(document, ensure_ascii=False, skipkeys=True, default=lambda _: None).encode()
    except RecursionError:
        finding = "The document is nested too deeply."
    except UnicodeEncodeError:
        finding = "The document holds an unpaired surrogate, which no UTF-8 text can hold."
    except ValueError:
        finding = "The document holds itself, or a whole number of thousands of digits."
    else:
        if not _nested_too_deeply(document):
            return
        finding = "The document is nested too deeply."
    raise rejected("INVALID_FIELD", [finding], what=_WHAT)


def _nested_too_deeply(document: object) -> bool:
    level = [document]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _check_typed(normalised: Mapping[str, Any]) -> None:
    """A type for a column that a part can never have is a misspelt name."""
    if normalised.get("unknownColumns") == "append":
        return
    names = {column.get("as") or column.get("from") or column["request"] for column in normalised["columns"]}
    for name in normalised["format"].get("schema", {}):
        if name not in names:
            raise rejected("INVALID_FIELD", [f"format.schema.{name} is the type of no column."], what=_WHAT)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _present(value: Any) -> Any:
    """A destination's entry without what was not given, in its inner objects too."""
    if isinstance(value, dict):
        return {name: _present(inner) for name, inner in value.items() if inner is not None}
    return [_present(inner) for inner in value] if isinstance(value, list) else value
