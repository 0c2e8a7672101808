"""The request message as its senders write it: one pydantic model, and the JSON schema that is published from it.

Each alias is a field of its own, so that an error can name what was sent. What fields mean together is checked by
request.py; the schema says the same in its `allOf`, and a test holds the two together.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tidegate.instants import parse_rfc3339
from tidegate.model import DEFAULT_EXPORT, NO_TAG, ExportType

EXPORT_ID_PATTERN = "^[a-z0-9-]{1,64}$"
NAME_BYTES = 1024
"""A table or object name of more UTF-8 bytes cannot stand in an S3 key."""
BUCKET_CHARACTERS = 63
"""S3 gives no bucket a longer name."""
STUDY_CHARACTERS = 600
"""Of a study id as it stands in keys, percent-encoded: then every key of its files has less than S3's 1,024 bytes."""
TABLES_BYTES = 65_536
"""Of all tables of a whitelist together, as JSON: an operation's row repeats them, and may have 400 KB."""
INSTANT_PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,3})?([Zz]|[+-]\d{2}:\d{2})$"
SAMPLE = {
    "endDateTime": "2016-10-04T23:59:59Z",
    "startDateTime": "2016-10-03T23:59:59Z",
    "exportType": "DAILY",
    "ignoreLastExportTime": "true",
    "tag": "test exporter",
}


def _instant(value: object) -> datetime:
    return parse_rfc3339(value if isinstance(value, str) else "")


def _export_type(value: object) -> ExportType:
    if isinstance(value, str) and value.isascii() and value.upper() in ExportType.__members__:
        return ExportType[value.upper()]
    raise ValueError("must be DAILY, HOURLY or INSTANT")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    raise ValueError('must be true, false, "true" or "false"')


def _short_enough(value: str) -> str:
    if len(value.encode()) > NAME_BYTES:
        raise ValueError(f"must have at most {NAME_BYTES} bytes")
    return value


def study_id(value: str) -> str:
    """`value`, where it can be the id of a study; raises ValueError with a reason for people."""
    if not value:
        raise ValueError("must not be empty")
    if "/" in value:
        raise ValueError("must not hold a slash")
    if len(quote(value, safe="")) > STUDY_CHARACTERS:
        raise ValueError(f"must have at most {STUDY_CHARACTERS} characters when percent-encoded for an S3 key")
    return value


def _few_enough(tables: list[str]) -> list[str]:
    if len(json.dumps(tables)) > TABLES_BYTES:
        raise ValueError(f"must have at most {TABLES_BYTES} bytes as ASCII JSON; split it and send several requests")
    return tables


def _override(value: str) -> str:
    if value.startswith("s3://"):
        bucket, slash, key = value.removeprefix("s3://").partition("/")
        if not (bucket and slash and key) or len(bucket) > BUCKET_CHARACTERS:
            raise ValueError("must be an S3 key in the export bucket, or s3://bucket/key")
        _short_enough(key)
    else:
        _short_enough(value)
    return value


def _any_case(words: type[ExportType]) -> str:
    return "|".join("".join(f"[{letter}{letter.lower()}]" for letter in word) for word in words)


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN}),
]
AnyCaseExportType = Annotated[
    ExportType,
    PlainValidator(_export_type),
    WithJsonSchema({"type": "string", "pattern": f"^({_any_case(ExportType)})$", "examples": list(ExportType)}),
]
Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"enum": [True, False, "true", "false"]})]
StudyId = Annotated[
    str, AfterValidator(study_id), Field(json_schema_extra={"pattern": "^[^/]+$", "maxLength": STUDY_CHARACTERS})
]
TableName = Annotated[str, Field(min_length=1), AfterValidator(_short_enough)]
OverrideKey = Annotated[str, Field(min_length=1), AfterValidator(_override)]
Studies = Annotated[list[StudyId], Field(min_length=1)]
Tables = Annotated[list[TableName], Field(min_length=1), AfterValidator(_few_enough)]

_IGNORE = ("ignoreLastExportTime", "ignoreLastExportDateTime")
_USE = "useLastExportTime"
_OVERRIDE = ("recordIdS3Override", "s3override")
_TRUE: list[bool | str] = [True, "true"]
_FALSE: list[bool | str] = [False, "false"]


def _has(*names: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [name]} for name in names]}


def _says(name: str, values: list[bool | str]) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"enum": values}}}


def _together() -> list[dict[str, Any]]:
    """What fields may and must stand together, as JSON schema."""
    ignoring = {"anyOf": [*(_says(name, _TRUE) for name in _IGNORE), _says(_USE, _FALSE)]}
    not_ignoring = {"anyOf": [*(_says(name, _FALSE) for name in _IGNORE), _says(_USE, _TRUE)]}
    needs_end = f"^({_any_case(ExportType).rsplit('|', 1)[0]})$"
    return [
        *({"not": {"required": list(pair)}} for pair in (_IGNORE, ("studyWhitelist", "appWhitelist"), _OVERRIDE)),
        *({"not": {"allOf": [_says(name, said), _says(_USE, said)]}} for name in _IGNORE for said in (_TRUE, _FALSE)),
        {
            "if": _has(*_OVERRIDE),
            "then": {"not": {"anyOf": [_has("exportType", "startDateTime", "endDateTime"), not_ignoring]}},
            "else": {
                "required": ["exportType"],
                "if": {"properties": {"exportType": {"pattern": needs_end}}},
                "then": {"required": ["endDateTime"]},
            },
        },
        {"if": _has("startDateTime"), "then": ignoring},
        {"if": _has("tableWhitelist"), "then": {"anyOf": [ignoring, _has(*_OVERRIDE)]}},
    ]


class RequestMessage(BaseModel):
    """A request: which records to export now. One JSON object of at most 256 KB; unknown fields are refused."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        title="Tidegate request",
        json_schema_extra=lambda schema: schema.update(allOf=_together(), examples=[SAMPLE]),
    )

    export_type: AnyCaseExportType | None = Field(
        default=None,
        alias="exportType",
        description="Chooses the generated start of the window; never overrides a watermark. Any case."
        " Required, but refused with an override.",
    )
    end: Instant | None = Field(
        default=None,
        alias="endDateTime",
        description="End of the window, exclusive: RFC 3339 with an offset and at most 3 fraction digits, at most 15"
        " minutes in the future. Required for DAILY and HOURLY; the default of INSTANT is the time of acceptance minus"
        " the settle time.",
    )
    start: Instant | None = Field(
        default=None,
        alias="startDateTime",
        description="Start of the window, before its end; only with ignoreLastExportTime. It wins over exportType.",
    )
    ignore: Flag | None = Field(
        default=None,
        alias="ignoreLastExportTime",
        description="Neither read nor write the watermark. Default false; an override implies true.",
    )
    ignore_alias: Flag | None = Field(
        default=None, alias="ignoreLastExportDateTime", description="Alias of ignoreLastExportTime."
    )
    use: Flag | None = Field(
        default=None,
        alias="useLastExportTime",
        description="The opposite of ignoreLastExportTime; must not contradict it.",
    )
    studies: Studies | None = Field(
        default=None,
        alias="studyWhitelist",
        description="The studies to export, also ones with a custom schedule. Default: every enabled"
        " study without one.",
    )
    studies_alias: Studies | None = Field(default=None, alias="appWhitelist", description="Alias of studyWhitelist.")
    tables: Tables | None = Field(
        default=None,
        alias="tableWhitelist",
        description="The tables to export; only with ignoreLastExportTime or an override, because otherwise the"
        " watermark would move past other tables' records. Default: every table.",
    )
    override: OverrideKey | None = Field(
        default=None,
        alias="recordIdS3Override",
        description="Export exactly the record ids in this file, one a line, or in the lines of this redrive list:"
        " an S3 key in the export bucket, or s3://bucket/key. Implies ignoreLastExportTime; no exportType,"
        " startDateTime or endDateTime with it.",
    )
    override_alias: OverrideKey | None = Field(
        default=None, alias="s3override", description="Alias of recordIdS3Override."
    )
    export: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The export's id.",
        json_schema_extra={"default": DEFAULT_EXPORT, "pattern": EXPORT_ID_PATTERN},
    )
    tag: Annotated[str, Field(max_length=256)] | None = Field(
        default=None,
        description="For tracing: kept in operation, history, manifest and logs.",
        json_schema_extra={"default": NO_TAG},
    )
    request_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        alias="requestId",
        description="The same id is the same request, however often it is sent. Default: the id of the SQS message, or"
        " the schedule's arn and scheduled time.",
    )
    redrive_count: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None,
        alias="redriveCount",
        description="How often this has been redriven.",
        json_schema_extra={"default": 0},
    )


class _PublishedSchema(GenerateJsonSchema):
    """A field that is left out is None inside; but nobody may send null, so the published schema does not offer it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        published = self.generate_inner(schema["schema"])
        return published if schema.get("default") is None else {**published, "default": schema["default"]}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def published_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a model's documents as they are sent: without null and made-up titles."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_PublishedSchema)
    return {"$schema": _PublishedSchema.schema_dialect, **schema}
