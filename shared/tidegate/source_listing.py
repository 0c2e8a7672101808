"""What people and programs are told of each source: where it comes from, what it takes, what it gives.

A source that cannot be used is told of as well, with the reason, and does not hide the others.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tidegate.errors import FatalError, RejectedError, TidegateError
from tidegate.immutable import dataclass
from tidegate.model import JSONObject
from tidegate.source_options import check_options, options_schema
from tidegate.source_schema import DynamoDBSource
from tidegate.sources import sample
from tidegate.sources.own.catalogue import Place, place_of, places
from tidegate.sources.own.module import SourceModule, load

BUILT_IN = "built in"
SCHEMA = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class ListedSource:
    """One source. `options` is the JSON schema of what it takes, `result` that of what its module has to give.

    `result` is None for a source that is part of Tidegate and gives records in another form; `error` says why a source
    cannot be used, and is None where it can.
    """

    name: str
    about: str
    origin: str
    key: tuple[str, ...] = ()
    time: str = ""
    columns: tuple[str, ...] | None = None
    options: JSONObject | None = None
    result: JSONObject | None = None
    error: TidegateError | None = None

    def to_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        error = self.error
        return {
            "name": self.name,
            "about": self.about,
            "origin": self.origin,
            "key": list(self.key),
            "time": self.time or None,
            "columns": None if self.columns is None else list(self.columns),
            "options": self.options,
            "result": self.result,
            "error": error and {"code": error.code, "message": error.message, "remedy": error.remedy},
        }


def listed_sources() -> list[ListedSource]:
    """Every source that there is here, by name."""
    own = places()
    names = Counter(["dynamodb", "sample", *(place.name for place in own)])
    found = [_dynamodb(), _sample(), *(_own(place, taken=names[place.name] > 1) for place in own)]
    return sorted(found, key=lambda source: (source.name, source.origin))


def listed_source(name: str) -> ListedSource | None:
    """The source of this name, None where there is none."""
    return next((source for source in listed_sources() if source.name == name), None)


def fitted(source: JSONObject) -> JSONObject:
    """A definition's checked `source`, with its options checked, and with the key and time that its module names.

    Raises RejectedError for options that the source does not take, and SOURCE_BROKEN where it cannot be used.
    """
    name, options = source["type"], source.get("options", {})
    if name == "dynamodb":
        return source
    if name == "sample":
        check_options(sample.Parameters, options)
        return source
    try:
        place = place_of(name)
        if place is None:
            return source  # registered in code, whose options are its own matter
        module = load(place)
        check_options(module.parameters, options)
    except FatalError as error:
        raise RejectedError(error.message, code=error.code, remedy=error.remedy) from error
    named = {"recordKey": list(module.key), "timeKey": module.time}
    kept = {field: value for field, value in source.items() if field not in named}
    return {**kept, **{field: value for field, value in named.items() if value}}


def result_schema(columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of what a source of one's own gives: one page, or the whole result.

    With `columns`, of a source whose module names them; without a header it fits exports as JSON and JSONL only.
    """
    name = {"type": "string"}
    header: dict[str, Any] = {"type": "array", "items": name, "minItems": 1, "uniqueItems": True}
    row: dict[str, Any] = {"type": "object", "minProperties": 1}
    if columns is not None:
        header = {"const": list(columns)}
        row["required"] = list(columns)
    data = {"type": "array", "items": row, "description": "The rows; each has a value for every name of headerRow."}
    page = {
        "type": "object",
        "properties": {
            "headerRow": {**header, "description": "The columns in their order; the same with every page."},
            "data": data,
            "cursor": {"description": "Where to go on behind this page; null or left out with the last one."},
        },
        "required": ["data"] if columns is not None else ["headerRow", "data"],
        "additionalProperties": False,
    }
    if columns is not None:
        return {"$schema": SCHEMA, "title": "What a Tidegate data source gives", **page}
    without = {**page, "required": ["data"], "description": "Without headerRow: for JSON and JSONL only."}
    return {
        "$schema": SCHEMA,
        "title": "What a Tidegate data source gives",
        "anyOf": [page, without, {**data, "description": "Rows alone: for JSON and JSONL only."}],
    }


def _own(place: Place, *, taken: bool) -> ListedSource:
    if taken and place.origin != BUILT_IN:
        error = FatalError(
            f"The name of {place.origin} is that of another source too.", code="SOURCE_BROKEN", remedy="Rename one."
        )
        return ListedSource(place.name, "", place.origin, error=error)
    try:
        module: SourceModule = load(place)
        options = options_schema(module.parameters)
    except FatalError as error:
        return ListedSource(place.name, "", place.origin, error=error)
    return ListedSource(
        place.name,
        module.about,
        place.origin,
        module.key,
        module.time,
        module.columns,
        options,
        result_schema(module.columns),
    )


def _dynamodb() -> ListedSource:
    about = (DynamoDBSource.__doc__ or "").partition("\n")[0]
    return ListedSource("dynamodb", about, BUILT_IN, options=DynamoDBSource.model_json_schema(by_alias=True))


def _sample() -> ListedSource:
    about = (sample.__doc__ or "").partition("\n")[0]
    options = options_schema(sample.Parameters)
    return ListedSource("sample", about, BUILT_IN, ("id",), "uploadedOn", options=options)
