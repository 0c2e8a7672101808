"""dlt: a resource that yields boto3's pages, a pipeline into a folder of CSV files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "SCHEMA__NAMING": "direct",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}

import boto3
import dlt
from boto3.dynamodb.conditions import Key

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured


def export(task: Task) -> str:
    """One run of a pipeline; the output is a folder, with a file for each set of columns."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "benchmark",
            pipelines_dir=f"{folder}/state",
            destination=dlt.destinations.filesystem(f"{folder}/out"),
            dataset_name="exports",
        )
        rows = dlt.resource(pages(task), name="records", max_table_nesting=0)
        pipeline.run(rows, loader_file_format="csv")
        shutil.copytree(f"{folder}/out/exports/records", task.output, dirs_exist_ok=True)
    return ""


def pages(task: Task) -> Iterator[list[dict[str, Any]]]:
    """The pages, with sets as lists: dlt knows no sets."""
    resource: Any = boto3.resource("dynamodb", endpoint_url=task.endpoint, region_name=REGION)
    condition = Key("studyId").eq(task.study) & Key("uploadedOn").between(task.low, task.high)
    start: dict[str, Any] = {}
    while True:
        page = resource.Table(TABLE).query(IndexName=INDEX, KeyConditionExpression=condition, **start)
        for item in page["Items"]:
            item["tags"], item["levels"] = list(item["tags"]), list(item["levels"])
        yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


if __name__ == "__main__":
    measured(export)
