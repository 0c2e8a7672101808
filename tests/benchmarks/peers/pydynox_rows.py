"""pydynox, whose core is Rust: an iterator of items, csv.DictWriter."""

import csv
from pathlib import Path

from pydynox import DynamoDBClient

from benchmarks.measure import INDEX, REGION, TABLE, Task, measured


def export(task: Task) -> str:
    """All items of the query into the file."""
    client = DynamoDBClient(region=REGION, endpoint_url=task.endpoint)
    items = client.sync_query(
        TABLE,
        "#study = :study AND #time BETWEEN :low AND :high",
        expression_attribute_names={"#study": "studyId", "#time": "uploadedOn"},
        expression_attribute_values={":study": task.study, ":low": task.low, ":high": task.high},
        index_name=INDEX,
    )
    with Path(task.output).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, task.columns)
        writer.writeheader()
        writer.writerows(items)
    return ""


if __name__ == "__main__":
    measured(export)
