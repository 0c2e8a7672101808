"""An export's document -> its definition (SPEC 7), without pydantic: workers read definitions that were checked before.

The defaults stand here once; definition_schema.py, which checks what people write, takes them from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.dates import ISO
from tidegate.dialects import Dialect
from tidegate.instants import parse_rfc3339
from tidegate.model import (
    DEFAULT_EXPORT,
    AttributeValue,
    ColumnSpec,
    DateSpec,
    Definition,
    FormatSpec,
    JSONObject,
    SourceSpec,
)

SOURCE_DEFAULTS: Mapping[str, Any] = {
    "partitionKey": "studyId",
    "timeKey": "uploadedOn",
    "timeType": "epochMillis",
    "timeFraction": 3,
}
TIMED_SOURCES = frozenset({"dynamodb", "sample"})
"""Whose records have a time, whether their definition names its attribute or not."""
FORMAT_DEFAULTS: Mapping[str, Any] = {"type": "CSV", "compression": "gzip", "formulaGuard": True}
PARQUET_DEFAULTS: Mapping[str, Any] = {"compression": "zstd"}
"""What is different where the format is Parquet."""
DEFAULTS: Mapping[str, Any] = {
    "timeZone": "UTC",
    "settleSeconds": 60,
    "lookbackSeconds": 900,
    "emptyPolicy": "none",
    "maxRecordsPerPart": 1_000_000,
    "maxBytesPerPart": 1 << 30,
    "rowLimitPolicy": "error",
}
FACTS = (
    "study", "table", "export", "tag", "exportType", "operationId", "requestId",
    "windowStart", "windowEnd", "windowDate", "exportDate",
)  # fmt: skip
"""What a column can say of the request (columns: {request: ...})."""
_DATE = "YYYY-MM-DD"
_FACT_DATES: Mapping[str, tuple[str, str | None]] = {
    "windowStart": (ISO, "UTC"),
    "windowEnd": (ISO, "UTC"),
    "windowDate": (_DATE, None),
    "exportDate": (_DATE, None),
}
TIME_FACTS = tuple(_FACT_DATES)
"""Those of them that are times."""
OWN_BUCKET = "S3"
"""The name of the stack's own bucket among an export's destinations, unless it is given another."""
DESTINATION_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "S3": {"manifest": True},
    "SFTP": {"port": 22, "directory": "", "existing": "fail", "createDirectories": False, "manifest": False},
    "EMAIL": {
        "cc": (),
        "bcc": (),
        "subject": "Export {export} of {study}, {date}",
        "text": "{records} records of {study}, from {start} to {end}.\n\n{files}\n",
        "attach": {"maxBytes": 10_000_000, "zip": False},
        "link": {"expiresSeconds": 3600},
        "onUnknown": "resend",
        "manifest": False,
    },
}
MAX_FAILED_DEFAULTS: Mapping[str, Any] = {"percent": 1, "atLeast": 10}


def from_document(document: JSONObject, version: int) -> Definition:
    """The definition that a document says, with a default for everything it leaves out or gives as null.

    For documents that `definition_schema.validate` let through, and for the one that the template makes of its
    parameters (whose values the template itself restricts); `version` is kept as given. What is not a document at all
    raises KeyError, TypeError or ValueError.
    """
    given = {**DEFAULTS, **_present(document)}
    max_failed = {**MAX_FAILED_DEFAULTS, **_present(given.get("maxFailedRecords", {}))}
    studies = given.get("studies", "all")
    columns = given.get("columns")
    source = _source(given["source"])
    first_export_from = given.get("firstExportFrom")
    return Definition(
        export=given.get("exportId", DEFAULT_EXPORT),
        version=version,
        source=source,
        studies=None if studies == "all" else tuple(studies),
        table_by=tuple(given.get("tableBy", ())),
        columns=None if columns is None else tuple(_column(column, source, given["timeZone"]) for column in columns),
        format=_format(given.get("format", {})),
        destinations=destinations(given.get("destinations", ({"type": "S3"},)), given["timeZone"]),
        time_zone=given["timeZone"],
        settle_seconds=given["settleSeconds"],
        lookback_seconds=given["lookbackSeconds"],
        first_export_from=None if first_export_from is None else parse_rfc3339(first_export_from),
        empty_policy=given["emptyPolicy"],
        max_records_per_part=given["maxRecordsPerPart"],
        max_bytes_per_part=given["maxBytesPerPart"],
        row_limit=given.get("rowLimit"),
        row_limit_policy=given["rowLimitPolicy"],
        max_failed_percent=float(max_failed["percent"]),
        max_failed_at_least=max_failed["atLeast"],
        document=document,
        unknown_columns=given.get("unknownColumns", "ignore"),
    )


def destinations(documents: Sequence[JSONObject], time_zone: str = DEFAULTS["timeZone"]) -> tuple[JSONObject, ...]:
    """The entries of an export's destinations, each with name and defaults; the own bucket is always the first.

    `time_zone` is the export's; an entry that has none of its own gets it, unless it is the default.

    A name that is not given is the type, with a number from the second of that type on: SFTP, SFTP-2. The own bucket
    counts as the first of type S3 whether it is listed or not, because it has the parts in any case.
    """
    counted = {OWN_BUCKET: 1}
    own: JSONObject = {"type": "S3", "name": OWN_BUCKET}
    others: list[JSONObject] = []
    for document in documents:
        given = _present(document)
        if is_own_bucket(given):
            own = {"type": "S3", "name": given.get("name", OWN_BUCKET)}
            continue
        kind = given["type"]
        counted[kind] = counted.get(kind, 0) + 1
        name = kind if counted[kind] == 1 else f"{kind}-{counted[kind]}"
        zone = {} if time_zone == DEFAULTS["timeZone"] else {"timeZone": time_zone}
        others.append({"name": name, **DESTINATION_DEFAULTS.get(kind, {}), **zone, **given})
    return (own, *others)


def is_own_bucket(document: JSONObject) -> bool:
    """Whether an entry of the destinations means the stack's own bucket: it names no other."""
    return bool(document["type"] == "S3" and not document.get("bucket"))


def _source(document: JSONObject) -> SourceSpec:
    given = {**SOURCE_DEFAULTS, **_present(document)}
    if given.get("type", "dynamodb") not in TIMED_SOURCES and "timeKey" not in _present(document):
        given["timeKey"] = ""
    record_key = given.get("recordKey", ())
    return SourceSpec(
        type=given.get("type", "dynamodb"),
        table=given.get("table", ""),
        index=given.get("index"),
        partition_key=given["partitionKey"],
        time_key=given["timeKey"],
        time_type=given["timeType"],
        time_fraction=given["timeFraction"],
        record_key=(record_key,) if isinstance(record_key, str) else tuple(record_key),
        projection=tuple(given.get("projection", ())),
        filter=_filter(given.get("filter")),
        options=given.get("options", {}),
    )


def _filter(document: JSONObject | None) -> JSONObject | None:
    if not document:
        return None
    return {name: allowed if isinstance(allowed, list) else [allowed] for name, allowed in document.items()}


def _column(document: str | JSONObject, source: SourceSpec, time_zone: str) -> ColumnSpec:
    if isinstance(document, str):
        return ColumnSpec(document, document)
    given = _present(document)
    if "value" in given:
        return ColumnSpec(None, given["as"], constant=_constant(given["value"]))
    zone = given.get("zone", time_zone)
    if "request" in given:
        fact = given["request"]
        pattern, its_zone = (given["date"], zone) if "date" in given else _FACT_DATES.get(fact, (None, None))
        date = DateSpec(pattern, its_zone or time_zone) if pattern else None
        return ColumnSpec(None, given.get("as", fact), date, fact=fact)
    path = given["from"]
    unit = given.get("unit", source.time_type if path == source.time_key else None)
    return ColumnSpec(path, given.get("as", path), DateSpec(given["date"], zone, unit) if "date" in given else None)


def _constant(value: str | float) -> AttributeValue:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _format(document: JSONObject) -> FormatSpec:
    parquet = PARQUET_DEFAULTS if document.get("type") == "Parquet" else {}
    given = {**FORMAT_DEFAULTS, **parquet, **_present(document)}
    if given["type"] == "TSV":
        given = {"delimiter": "\t", **given}
    return FormatSpec(
        given["type"], given["compression"], given["formulaGuard"], Dialect.of(given), given.get("schema", {})
    )


def _present(document: JSONObject) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}
