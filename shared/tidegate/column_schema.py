"""The `columns` of an export's document: a name, or an entry that says where a column's values come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from tidegate.dates import check_pattern
from tidegate.definition import FACTS, TIME_FACTS
from tidegate.source_schema import Strict, ZoneName, unique

_ORIGINS = ("from", "value", "request")
LONGEST_VALUE = 1024
LONGEST_NUMBER = 10**38


def _path(value: str) -> str:
    if not all(value.split(".")):
        raise ValueError("must be attribute names joined by dots, like answers.q1 or visits[0].site")
    return value


def _constant(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise ValueError(f"must have at most {LONGEST_VALUE} characters")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, int) and abs(value) >= LONGEST_NUMBER:
        raise ValueError("must have at most 38 digits")
    if not isinstance(value, (str, int, float)):
        raise ValueError("must be text, a number, true or false")  # noqa: TRY004  # pydantic takes no TypeError
    return value


def _without_tag(value: object) -> str:
    """Which kind of entry this is, in brackets, so that it does not show in an error's path."""
    if isinstance(value, BaseModel):
        return {ColumnOfValue: "<value>", ColumnOfRequest: "<request>"}.get(type(value), "<from>")
    if isinstance(value, Mapping):
        return next((f"<{origin}>" for origin in ("value", "request") if value.get(origin) is not None), "<from>")
    return "<text>"


AttributePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_path)]
ColumnName = Annotated[str, Field(min_length=1, max_length=1024)]
DatePattern = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_pattern)]


class _Entry(Strict):
    """What all entries have in common: values come from one place."""

    @model_validator(mode="before")
    @classmethod
    def _one_origin(cls, value: object) -> object:
        given = [origin for origin in _ORIGINS if isinstance(value, Mapping) and value.get(origin) is not None]
        if len(given) > 1:
            raise ValueError(f"must have only one of {' and '.join(given)}")
        return value


class _Dated(_Entry):
    """An entry whose values may be times."""

    date: DatePattern | None = Field(
        default=None,
        description="How a time is written: iso, or a pattern such as YYYY-MM-DD HH:mm:ss.",
        examples=["YYYY-MM-DD", "iso"],
    )
    zone: ZoneName | None = Field(
        default=None, description="IANA zone of the clock that a date is written by. Default: timeZone."
    )


class Column(_Dated):
    """A selected column: the attribute, or the path into maps and lists, that it comes from, and its name."""

    path: AttributePath = Field(alias="from")
    name: ColumnName | None = Field(default=None, alias="as", description="Default: as from.")
    unit: Literal["epochMillis", "epochSeconds", "iso8601"] | None = Field(
        default=None,
        description="Notation that a date is read from. Default: the source's timeType for its timeKey; otherwise"
        " numbers are epochMillis and texts iso8601.",
    )

    @model_validator(mode="after")
    def _has_a_date(self) -> Column:
        if self.date is None and (self.zone or self.unit):
            raise ValueError(f"has {'zone' if self.zone else 'unit'}, which needs date beside it")
        return self


class ColumnOfValue(_Entry):
    """A column with the same value in every record."""

    value: Annotated[
        Any,
        PlainValidator(_constant),
        WithJsonSchema({"type": ["string", "number", "boolean"], "maxLength": LONGEST_VALUE}),
    ]
    name: ColumnName = Field(alias="as")


class ColumnOfRequest(_Dated):
    """A column with what the request was: the same in every record of an operation."""

    fact: Literal[FACTS] = Field(alias="request")  # type: ignore[valid-type]  # a tuple of texts, which mypy does not follow
    name: ColumnName | None = Field(default=None, alias="as", description="Default: as request.")

    @model_validator(mode="after")
    def _is_a_time(self) -> ColumnOfRequest:
        if self.date is None and self.zone is not None:
            raise ValueError("has zone, which needs date beside it")
        if self.date is not None and self.fact not in TIME_FACTS:
            raise ValueError(f"has date, and {self.fact} is no time; {', '.join(TIME_FACTS)} are")
        return self


AnyColumn = Annotated[
    Annotated[AttributePath, Tag("<text>")]
    | Annotated[Column, Tag("<from>")]
    | Annotated[ColumnOfValue, Tag("<value>")]
    | Annotated[ColumnOfRequest, Tag("<request>")],
    Discriminator(_without_tag),
]


def distinct_columns(columns: list[AnyColumn]) -> list[AnyColumn]:
    """`columns`, where no two have the same name. Raises ValueError with a reason for people."""
    unique([_name_of(column) for column in columns])
    return columns


def normalised(column: str | Mapping[str, Any]) -> dict[str, Any]:
    """An entry as it is stored: with its name, without what was not given."""
    given = {"from": column} if isinstance(column, str) else {n: v for n, v in column.items() if v is not None}
    origin = next(name for name in _ORIGINS if name in given)
    how = {name: given[name] for name in ("date", "zone", "unit") if name in given}
    return {origin: given[origin], "as": given.get("as") or given[origin], **how}


def _name_of(column: AnyColumn) -> str:
    if isinstance(column, str):
        return column
    if isinstance(column, ColumnOfValue):
        return column.name
    return column.name or (column.path if isinstance(column, Column) else str(column.fact))
