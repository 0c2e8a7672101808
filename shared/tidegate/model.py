"""The nouns of Tidegate as frozen data: no I/O, no clock, no environment.

Attribute values stay in DynamoDB's wire form all the way (`{"N": "1.50"}`, `{"S": "x"}`, `{"B": b"..."}`): numbers
keep their digits because nothing ever turns them into numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from tidegate.dialects import RFC_4180, Dialect
from tidegate.immutable import dataclass

DEFAULT_EXPORT = "default"
NO_TAG = "(no tag)"

JSON: TypeAlias = Any
"""A value that json.dumps takes; recursive types are of no help to readers here."""
JSONObject: TypeAlias = Mapping[str, Any]
AttributeValue: TypeAlias = Mapping[str, Any]
"""One value in DynamoDB's wire form, with exactly one type key."""


class ExportType(StrEnum):
    """Chooses the generated start of a window; never overrides a watermark."""

    DAILY = "DAILY"
    HOURLY = "HOURLY"
    INSTANT = "INSTANT"


class Trigger(StrEnum):
    """Which way a request came in."""

    RULE = "RULE"
    MESSAGE = "MESSAGE"
    COMMAND = "COMMAND"
    SCHEDULE = "SCHEDULE"
    API = "API"
    REDRIVE = "REDRIVE"


class State(StrEnum):
    """The states of an operation; SPEC 5 draws the arrows."""

    SLEEPING = "SLEEPING"
    NOT_STARTED = "NOT_STARTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def final(self) -> bool:
        """True where no work is waiting any more (a FAILED operation can still be retried by a person)."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.REJECTED})


class Outcome(StrEnum):
    """What a succeeded export did."""

    EXPORTED = "EXPORTED"
    NOTHING_NEW = "NOTHING_NEW"


class Kind(StrEnum):
    """The kinds of work that ship with Tidegate; the engine takes any string that somebody registered."""

    EXPORT = "EXPORT"


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open time range [start, end), aware UTC, exact to the millisecond."""

    start: datetime
    end: datetime

    @property
    def empty(self) -> bool:
        """True where there is nothing to read: end at or before start."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Pair:
    """One (export, study): what a watermark, a lease, a chain and a message group belong to."""

    export: str
    study: str

    @property
    def key(self) -> str:
        """`exportId/studyId`, the key in Tidegate's own tables; neither part can hold a slash."""
        return f"{self.export}/{self.study}"

    @property
    def watermark_key(self) -> str:
        """The key in ExportTime: the study id for the default export, `exportId/studyId` for any other (SPEC 4)."""
        return self.study if self.export == DEFAULT_EXPORT else self.key

    @classmethod
    def of_key(cls, key: str) -> Pair:
        """The pair of a `exportId/studyId` key."""
        export, _, study = key.partition("/")
        return cls(export, study)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An S3 object, pinned to one version where the bucket has versions, to its ETag otherwise."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request, aliases resolved. What only the moment of acceptance can know is still open (None).

    `start` is only there with `ignore_watermark`. `override` is the text as sent: a key, or s3://bucket/key.
    """

    export: str
    export_type: ExportType | None
    end: datetime | None
    start: datetime | None
    ignore_watermark: bool
    studies: tuple[str, ...] | None
    tables: tuple[str, ...] | None
    override: str | None
    tag: str
    request_id: str | None
    redrive_count: int


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where an export's records come from (SPEC 7).

    `record_key` is empty where the source's own key is meant, or it has none; `time_key` is empty where records of the
    source have no time.
    """

    type: str = "dynamodb"
    table: str = ""
    index: str | None = None
    partition_key: str = "studyId"
    time_key: str = "uploadedOn"
    time_type: str = "epochMillis"
    time_fraction: int = 3
    record_key: tuple[str, ...] = ()
    projection: tuple[str, ...] = ()
    filter: JSONObject | None = None
    options: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DateSpec:
    """How a time is written: the pattern, on the clock of which zone, and the notation it is read from.

    `unit` is epochMillis, epochSeconds or iso8601; None takes numbers for epochMillis and texts for iso8601.
    """

    pattern: str
    zone: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One selected column: where its values come from, the name it gets, and how its times are written.

    The values come from a path into the record (`answers.q1`), or (`path` None) they are all the same: a fact of the
    request, which becomes a `constant` before anything is written, or a constant at once. An empty one is no value.
    """

    path: str | None
    name: str
    date: DateSpec | None = None
    fact: str | None = None
    constant: AttributeValue | None = None


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How records become bytes: `type` CSV, TSV, JSON, JSONL or Parquet; `compression` gzip, zstd, snappy or none.

    `dialect` is that of CSV and TSV, `schema` the types of columns that a definition declares for Parquet; other types
    do not look at them.
    """

    type: str = "CSV"
    compression: str = "gzip"
    formula_guard: bool = True
    dialect: Dialect = RFC_4180
    schema: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """An export's saved definition, one version of it; `document` is the JSON that it was read from."""

    export: str
    version: int
    source: SourceSpec
    studies: tuple[str, ...] | None
    table_by: tuple[str, ...]
    columns: tuple[ColumnSpec, ...] | None
    format: FormatSpec
    destinations: tuple[JSONObject, ...]
    time_zone: str
    settle_seconds: int
    lookback_seconds: int
    first_export_from: datetime | None
    empty_policy: str
    max_records_per_part: int
    max_bytes_per_part: int
    row_limit: int | None
    row_limit_policy: str
    max_failed_percent: float
    max_failed_at_least: int
    document: JSONObject
    unknown_columns: str = "ignore"

    def with_table(self, table: str) -> Definition:
        """The same definition, reading `table` where it names none."""
        return self if self.source.table else replace(self, source=replace(self.source, table=table))


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source.

    `key` is its identity as text (one or two values), `time_millis` its time rounded down to the millisecond (None for
    an override), `values` its attributes in wire form.
    """

    key: tuple[str, ...]
    time_millis: int | None
    values: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that cannot be exported: which one and why, never what it holds.

    `key` is its identity as text, or the key that was asked for, or the table's own key where it lacks an identity.
    `table` is the one it belongs to, "" in an export without tables, None where nobody can know. `code` is for
    machines, `reason` finishes the sentence "the record ...".
    """

    key: tuple[str, ...]
    code: str
    reason: str
    table: str | None = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A bounded batch of records in the source's order, and where to go on.

    `cursor` is JSON that the source itself understands, None after the last page. `deleted` counts records that the
    index listed and the table no longer has, `filtered` those that the export leaves out, `duplicates` those that were
    handed out before; `missing` lists override keys that are nowhere, `failed` the records that are there and cannot be
    exported. `columns` are the source's own columns in their order, the same with each page, where it has an order.
    `more` is true where the cursor stands for records that come with the next page: no place to stop at.
    """

    records: Sequence[Record]
    cursor: JSON | None
    deleted: int = 0
    filtered: int = 0
    missing: Sequence[tuple[str, ...]] = ()
    duplicates: int = 0
    failed: Sequence[FailedRecord] = ()
    columns: tuple[str, ...] | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A private object that holds some of a part's bytes, in order; never overwritten, never visible to readers."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """One finished file: its final key and what the manifest says of it, and the pieces it is put together from."""

    key: str
    table: str
    records: int
    size: int
    sha256: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at before anything is done, and what to do where it is not right."""

    ok: bool
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is; percent is None where nobody can know."""

    percent: int | None = 0
    records: int = 0
    bytes: int = 0
    passes: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is stored and shown."""

    code: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One long-running piece of work, as stored. `params` is the job's own frozen JSON; the engine never reads it.

    `failed_records` could not be exported or found; `redriven_by` is the operation that tries these again.
    """

    operation_id: str
    kind: str
    state: State
    request_id: str | None
    export: str | None
    study: str | None
    export_type: str | None
    trigger: str
    tag: str
    actor: str | None
    created_at: datetime
    last_action_at: datetime
    params: JSONObject = field(default_factory=dict)
    start_after: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    window: Window | None = None
    watermark_before: datetime | None = None
    progress: Progress = Progress()
    attempts: int = 0
    retries: int = 0
    passes_without_progress: int = 0
    returns: int = 0
    last_progress_at: datetime | None = None
    outcome: str | None = None
    error: Failure | None = None
    result: JSONObject | None = None
    log: tuple[tuple[datetime, str], ...] = ()
    expiry: datetime | None = None
    dispatch: int = 0
    fence: int = 0
    checkpoint: JSONObject | None = None
    failed_records: int = 0
    redriven_by: str | None = None

    @property
    def pair(self) -> Pair | None:
        """The (export, study) whose lease this operation needs, None for one that never runs."""
        return Pair(self.export, self.study) if self.export and self.study else None

    @property
    def unsettled(self) -> bool:
        """Whether it has failed records that Tidegate or a person must still see to; it does not expire before."""
        return self.failed_records > 0 and self.expiry is None
