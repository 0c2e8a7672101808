"""boto3's Table.query and csv.DictWriter: what most people have, and the 1.0 that everything else is compared with."""

import csv
import gzip
from contextlib import closing
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured

GZIP_LEVEL = 6


def export(task: Task) -> str:
    """Page by page into the file; nested values as csv writes them, which is Python's notation."""
    opened: Any = gzip.open if task.options.get("compression") == "gzip" else open
    level = {"compresslevel": GZIP_LEVEL} if opened is gzip.open else {}
    table = tables(task.endpoint)
    condition = Key("studyId").eq(task.study) & Key("uploadedOn").between(task.low, task.high)
    start: dict[str, Any] = {}
    with closing(opened(task.output, "wt", encoding="utf-8", newline="", **level)) as file:
        writer = csv.DictWriter(file, task.columns)
        writer.writeheader()
        while True:
            page = table.query(IndexName=INDEX, KeyConditionExpression=condition, **start)
            writer.writerows(page["Items"])
            if "LastEvaluatedKey" not in page:
                return ""
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


_TABLES: dict[str, Any] = {}


def tables(endpoint: str) -> Any:
    """The table, made once."""
    if endpoint not in _TABLES:
        resource: Any = boto3.resource("dynamodb", endpoint_url=endpoint, region_name=REGION)
        _TABLES[endpoint] = resource.Table(TABLE)
    return _TABLES[endpoint]


if __name__ == "__main__":
    measured(export)
