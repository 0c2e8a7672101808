"""What DescribeTable says of a record table, and the way to read it that follows: query or scan, one read or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidegate.awserrors import translated
from tidegate.errors import FatalError, RetriableError
from tidegate.immutable import dataclass
from tidegate.model import Definition, SourceSpec
from tidegate.paths import roots
from tidegate.sources.times import TimeType, time_type_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: its key (partition first), and which attributes it holds (None: all)."""

    name: str
    key: tuple[str, ...]
    attributes: frozenset[str] | None
    local: bool
    building: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """A table's key (partition first), the types of all key attributes (S, N, B), its indexes, capacity and size.

    `read_capacity` is in units per second, 0 for an on-demand table. `size` is in bytes as DynamoDB counts them; it
    tells of the last six hours or so, and 0 of a new table.
    """

    table: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    indexes: Mapping[str, Index]
    read_capacity: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How the records of one definition are read.

    `fetched` are the attributes that have to be there to decide about a record, `shown` those that it keeps; None
    means all of them. `second_read` is true where the index lacks some of `fetched`.
    """

    schema: Schema
    spec: SourceSpec
    time: TimeType
    record_key: tuple[str, ...]
    index: Index | None
    scan: bool
    second_read: bool
    fetched: frozenset[str] | None
    shown: frozenset[str] | None

    @property
    def consistent(self) -> bool:
        """True where strongly consistent reads are possible: everywhere but on a global index."""
        return self.index is None or self.index.local


def remedy_of(export: str) -> str:
    """What to do about a definition that does not fit its table."""
    return f"Correct the source of export {export}; `tidegate check {export}` shows what does not fit."


def describe(client: DynamoDBClient, table: str, *, remedy: str) -> Schema:
    """The schema of a table, by one call. Raises FatalError where it does not exist or may not be described."""
    with translated(f"Describing table {table}", remedy=remedy):
        answer: Mapping[str, Any] = client.describe_table(TableName=table)["Table"]
    key = _key(answer["KeySchema"])
    indexes = [_index(found, key, local=False) for found in answer.get("GlobalSecondaryIndexes") or ()]
    indexes += [_index(found, key, local=True) for found in answer.get("LocalSecondaryIndexes") or ()]
    return Schema(
        table=table,
        key=key,
        types={found["AttributeName"]: found["AttributeType"] for found in answer["AttributeDefinitions"]},
        indexes={index.name: index for index in indexes},
        read_capacity=int((answer.get("ProvisionedThroughput") or {}).get("ReadCapacityUnits") or 0),
        size=int(answer.get("TableSizeBytes") or 0),
    )


def plan(schema: Schema, definition: Definition) -> Plan:
    """The way to read this definition's records from a table of this schema.

    Raises FatalError (SOURCE_MISCONFIGURED) where they do not fit, RetriableError while the index is being built.
    """
    spec = definition.source
    time = time_type_of(spec.time_type)
    record_key = spec.record_key or schema.key
    index = _chosen_index(schema, definition)
    scan = index is None and schema.key != (spec.partition_key, spec.time_key)
    _check_types(schema, definition, time, scan=scan)
    shown = _shown(definition, record_key)
    fetched = _fetched(definition, (*record_key, *schema.key))
    held = None if index is None else index.attributes
    return Plan(
        schema=schema,
        spec=spec,
        time=time,
        record_key=record_key,
        index=index,
        scan=scan,
        second_read=held is not None and (fetched is None or not fetched <= held),
        fetched=fetched,
        shown=shown,
    )


def _key(elements: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(e["AttributeName"] for e in sorted(elements, key=lambda e: e["KeyType"] != "HASH"))


def _index(found: Mapping[str, Any], table_key: tuple[str, ...], *, local: bool) -> Index:
    key, projection = _key(found["KeySchema"]), found.get("Projection") or {}
    everything = projection.get("ProjectionType", "ALL") == "ALL"
    return Index(
        name=found["IndexName"],
        key=key,
        attributes=None if everything else frozenset((*key, *table_key, *projection.get("NonKeyAttributes", ()))),
        local=local,
        building=found.get("IndexStatus") == "CREATING",
    )


def _chosen_index(schema: Schema, definition: Definition) -> Index | None:
    spec = definition.source
    if spec.index is None:
        return None
    index = schema.indexes.get(spec.index)
    if index is None:
        there = ", ".join(sorted(schema.indexes)) or "none"
        raise _misfit(definition, f"Table {schema.table} has no index {spec.index} (it has: {there}).")
    if index.key != (spec.partition_key, spec.time_key):
        raise _misfit(
            definition,
            f"Index {index.name} of table {schema.table} has the key ({', '.join(index.key)}), "
            f"not ({spec.partition_key}, {spec.time_key}).",
        )
    if index.building:
        raise RetriableError(
            f"Index {index.name} of table {schema.table} is still being built.",
            code="INDEX_BUILDING",
            remedy="Tidegate tries again later by itself.",
        )
    return index


def _check_types(schema: Schema, definition: Definition, time: TimeType, *, scan: bool) -> None:
    spec = definition.source
    found = schema.types.get(spec.time_key, time.attribute_type)
    if not scan and found != time.attribute_type:
        raise _misfit(
            definition,
            f"Attribute {spec.time_key} of table {schema.table} has type {found}; "
            f"timeType {spec.time_type} needs {time.attribute_type}.",
        )
    if not scan and schema.types.get(spec.partition_key) == "B":
        raise _misfit(
            definition, f"Attribute {spec.partition_key} of table {schema.table} is binary; study ids are text."
        )


def _misfit(definition: Definition, message: str) -> FatalError:
    return FatalError(message, code="SOURCE_MISCONFIGURED", remedy=remedy_of(definition.export))


def _shown(definition: Definition, record_key: tuple[str, ...]) -> frozenset[str] | None:
    spec = definition.source
    if not spec.projection:
        return None
    return frozenset((*spec.projection, *record_key, spec.time_key, *definition.table_by, *_column_roots(definition)))


def _fetched(definition: Definition, keys: tuple[str, ...]) -> frozenset[str] | None:
    spec = definition.source
    if not spec.projection and (definition.columns is None or definition.unknown_columns != "ignore"):
        return None
    decides = (*keys, spec.partition_key, spec.time_key, *definition.table_by, *(spec.filter or ()))
    return frozenset((*spec.projection, *_column_roots(definition), *decides))


def _column_roots(definition: Definition) -> list[str]:
    # A path may be an attribute whose own name has dots, or lead into a map: either may be what is meant.
    paths = [column.path for column in definition.columns or () if column.path is not None]
    return [name for path in paths for name in roots(path)]
