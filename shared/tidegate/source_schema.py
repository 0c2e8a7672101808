"""The `source` of an export's document: which records it is about. One strict model for each kind of source."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema

from tidegate.definition import SOURCE_DEFAULTS
from tidegate.rejection import shown
from tidegate.zones import zone

_SECRET = re.compile(
    r"(password|passwd|passphrase|secret|token|credentials?|(access|api|private|secret)[_-]?key)$", re.IGNORECASE
)
_SECRET_ARN = "arn:aws:secretsmanager:"  # noqa: S105  what stands in the place of a secret
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}


def unique(names: list[str]) -> list[str]:
    """`names`, where none occurs twice; raises ValueError with a reason for people."""
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise ValueError(f"must not name {shown(twice[0])} twice")
    return names


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _options(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be JSON ({error})") from None
    secret = next(_secrets(value), None)
    if secret is not None:
        raise ValueError(
            f"must not hold the secret {shown(secret)} itself, because definitions are copied into operations and"
            " history; keep it in Secrets Manager and give its arn"
        )
    return value


def _secrets(options: object) -> Iterator[str]:
    """The names under which something stands that looks like a secret, and is not the arn of one."""
    waiting = [options]
    while waiting:
        outer = waiting.pop()
        if isinstance(outer, list):
            waiting += outer
        elif isinstance(outer, Mapping):
            for name, inner in outer.items():
                if isinstance(inner, str) and _SECRET.search(str(name)) and not inner.startswith(_SECRET_ARN):
                    yield str(name)
                waiting.append(inner)


def _allowed_values(value: object) -> list[object]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(item, (str, int)) or _is_finite(item) for item in values):
        raise ValueError("must be text, a number, true or false, or a list of these")
    return values


def list_or_text(value: object) -> str:
    """Which of a field's two forms a value has; in brackets, so that the tag does not show in an error's path."""
    return "<list>" if isinstance(value, list) else "<text>"


def source_form(value: object) -> str:
    """Which model a source is checked by; without a usable type it is taken for a DynamoDB one."""
    other = isinstance(value, Mapping) and value.get("type", "dynamodb") != "dynamodb"
    return "<other>" if other or isinstance(value, OtherSource) else "<dynamodb>"


AttributeName = Annotated[str, Field(min_length=1, max_length=255)]
AttributeNames = Annotated[list[AttributeName], Field(min_length=1), AfterValidator(unique)]
Values = Annotated[
    list[Any],
    PlainValidator(_allowed_values),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}),
]


def _zone_name(value: str) -> str:
    return zone(value).key


ZoneName = Annotated[str, AfterValidator(_zone_name)]
"""An IANA time zone."""


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DynamoDBSource(Strict):
    """Records in a DynamoDB table, queried per study by time."""

    type: Literal["dynamodb"]
    table: Annotated[str, Field(min_length=1, max_length=1024)] = Field(description="Name or arn of the table.")
    index: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None,
        description="Index over (partitionKey, timeKey). Default: the table itself, queried if this is its key, else"
        " scanned.",
    )
    partition_key: AttributeName = Field(
        default=SOURCE_DEFAULTS["partitionKey"], alias="partitionKey", description="Attribute that holds the study id."
    )
    time_key: AttributeName = Field(
        default=SOURCE_DEFAULTS["timeKey"], alias="timeKey", description="Attribute that holds a record's time."
    )
    time_type: Literal["epochMillis", "epochSeconds", "iso8601"] = Field(
        default=SOURCE_DEFAULTS["timeType"], alias="timeType", description="Notation of the time."
    )
    time_fraction: Literal[0, 3, 6] = Field(
        default=SOURCE_DEFAULTS["timeFraction"],
        alias="timeFraction",
        description="Fraction digits of an iso8601 time, the same number in every record.",
    )
    record_key: (
        Annotated[
            Annotated[AttributeName, Tag("<text>")]
            | Annotated[list[AttributeName], Field(min_length=1, max_length=2), AfterValidator(unique), Tag("<list>")],
            Discriminator(list_or_text),
        ]
        | None
    ) = Field(
        default=None,
        alias="recordKey",
        description="One or two attributes that identify a record. Default: the table's own key.",
    )
    projection: AttributeNames | None = Field(default=None, description="Attributes to read.")
    filter: dict[AttributeName, Values] | None = Field(
        default=None,
        description="Only records in which each of these attributes has the value, or one of the values, given for it.",
        examples=[{"status": ["final", "amended"], "live": True}],
    )


class OtherSource(Strict):
    """Records of `sample` or `mocked`, which need no table, or of a source of your own by its name."""

    type: Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,63}$")] = Field(
        json_schema_extra={"not": {"const": "dynamodb"}}
    )
    record_key: Annotated[list[AttributeName], Field(min_length=1, max_length=2), AfterValidator(unique)] | None = (
        Field(default=None, alias="recordKey", description="Filled in from the KEY of the source's module.")
    )
    time_key: AttributeName | None = Field(
        default=None, alias="timeKey", description="Filled in from the TIME of the source's module."
    )
    options: Annotated[dict[str, Any], AfterValidator(_options)] = Field(
        default_factory=dict, description="Whatever the source itself takes; of a secret only its Secrets Manager arn."
    )


AnySource = Annotated[
    Annotated[DynamoDBSource, Tag("<dynamodb>")] | Annotated[OtherSource, Tag("<other>")],
    Discriminator(source_form),
]
