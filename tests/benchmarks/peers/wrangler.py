"""awswrangler: read_items into a data frame, to_csv."""

import awswrangler
import boto3
from boto3.dynamodb.conditions import Key

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured


def export(task: Task) -> str:
    """The whole study as one data frame."""
    awswrangler.config.dynamodb_endpoint_url = task.endpoint
    frame = awswrangler.dynamodb.read_items(
        table_name=TABLE,
        index_name=INDEX,
        key_condition_expression=Key("studyId").eq(task.study) & Key("uploadedOn").between(task.low, task.high),
        boto3_session=boto3.Session(region_name=REGION),
    )
    frame.to_csv(task.output, index=False)
    return ""


if __name__ == "__main__":
    measured(export)
