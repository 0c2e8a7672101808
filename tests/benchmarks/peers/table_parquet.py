"""boto3's Table.query and pyarrow's ParquetWriter: how most people who know both would write Parquet."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from boto3.dynamodb.conditions import Key

from benchmarks.measure import INDEX, Task, measured
from benchmarks.peers.table_query import tables

_NUMBERS = frozenset({"score", "weight", "steps", "seconds", "uploadedOn"})
_FLAGS = frozenset({"complete", "consented"})
_NESTED = frozenset({"answers", "history", "levels", "tags"})


def export(task: Task) -> str:
    """A row group a page; numbers as decimals where they fit, nested values as JSON text."""
    schema = pa.schema([(name, _type(name)) for name in task.columns])
    condition = Key("studyId").eq(task.study) & Key("uploadedOn").between(task.low, task.high)
    table, start = tables(task.endpoint), dict[str, Any]()
    with pq.ParquetWriter(task.output, schema, compression=task.options["compression"]) as writer:
        while True:
            page = table.query(IndexName=INDEX, KeyConditionExpression=condition, **start)
            arrays = [
                pa.array([_value(name, row.get(name)) for row in page["Items"]], _type(name)) for name in task.columns
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            if "LastEvaluatedKey" not in page:
                return ""
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _type(name: str) -> Any:
    if name in _NUMBERS:
        return pa.decimal128(38, 18)
    return pa.bool_() if name in _FLAGS else pa.string()


def _value(name: str, value: Any) -> Any:
    if value is None or name in _NUMBERS or name in _FLAGS:
        return value
    if name in _NESTED:
        return json.dumps(value, default=lambda other: sorted(other) if isinstance(other, set) else _number(other))
    return str(value)


def _number(value: Any) -> Any:
    return int(value) if value == value.to_integral_value() else float(value)


if __name__ == "__main__":
    measured(export)
