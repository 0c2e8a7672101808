"""Records that cannot be exported, in the deployed shape: listed, redriven by the tick, left to a person, settled."""

import json
from collections.abc import Sequence
from typing import Any

from e2e.outsider import Outsider, Row

DAY_2 = "2025-03-02T00:00:00Z"
MARCH = {"N": "1740830400000"}
ODD = {"S": "the first of March"}


def put(outsider: Outsider, record_id: str, time: dict[str, str]) -> None:
    item: dict[str, Any] = {"id": {"S": record_id}, "studyId": {"S": "unreadable"}, "uploadedOn": time}
    outsider.dynamodb.put_item(TableName="Unreadable", Item=item)


def listed_in(outsider: Outsider, operation: Row) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outsider.read(operation["result"]["failedRecords"]["key"]).splitlines()]


def waiting(outsider: Outsider) -> dict[str, int]:
    """What `operations list --failed-records` shows: the count of each operation."""
    shown: Sequence[Row] = outsider.told("operations", "list", "--failed-records")
    return {row["operationId"]: row["result"]["failedRecords"]["count"] for row in shown}


def redriven(outsider: Outsider, operation: Row) -> Row:
    """What the tick asks for where an operation has failed records, at its end."""
    outsider.tick()
    (asked,) = outsider.ended(f"redrive-{operation['operationId']}")
    return asked


def test_unreadable_records_are_redriven_twice_by_themselves_and_then_by_a_person(outsider: Outsider) -> None:
    outsider.dynamodb.create_table(
        TableName="Unreadable",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    outsider.put_study("unreadable")
    for record_id, time in (("good", MARCH), ("odd-1", ODD), ("odd-2", ODD)):
        put(outsider, record_id, time)
    outsider.define("scanned", source={"table": "Unreadable", "index": None})

    first = outsider.export_daily("unreadable", DAY_2, export="scanned")
    manifest = outsider.manifest_of(first)
    assert (manifest["records"], manifest["failedRecords"]["count"]) == (1, 2)
    assert [line["errorCode"] for line in listed_in(outsider, first)] == ["BAD_TIME", "BAD_TIME"]

    put(outsider, "odd-1", MARCH)
    second = redriven(outsider, first)
    assert (second["state"], second["trigger"], second["study"]) == ("SUCCEEDED", "REDRIVE", "unreadable")
    assert second["tag"] == f"redrive; original: {first['tag']}"
    assert second["startAfter"] == first["finishedAt"]
    assert outsider.ids(second) == ["odd-1"]
    third = redriven(outsider, second)
    assert [line["key"] for line in listed_in(outsider, third)] == [["odd-2"]]
    outsider.tick()
    assert waiting(outsider)[third["operationId"]] == 1
    assert first["operationId"] not in waiting(outsider)

    put(outsider, "odd-2", MARCH)
    (fourth,) = outsider.told("redrive", "records", "--operation", third["operationId"], "--yes", "--wait")[
        "operations"
    ]
    assert outsider.ids(fourth) == ["odd-2"]
    assert fourth["result"]["origin"]["operationId"] == first["operationId"]
    assert third["operationId"] not in waiting(outsider)


def test_an_id_that_is_nowhere_stays_listed_until_a_person_settles_it(outsider: Outsider) -> None:
    file = outsider.directory / "nowhere.txt"
    file.write_text("nowhere-at-all\n")
    outsider.run("redrive", "records", "--file", str(file), "--yes", "--wait", status=1)
    (missing,) = [row for row in outsider.operations() if _names(outsider, row, "nowhere-at-all")]
    assert waiting(outsider)[missing["operationId"]] == 1
    assert "--yes" in outsider.run("redrive", "settle", missing["operationId"], "--reason", "a typo", status=2).stderr
    outsider.told("redrive", "settle", missing["operationId"], "--reason", "a typo", "--yes")
    assert missing["operationId"] not in waiting(outsider)


def _names(outsider: Outsider, row: Row, record_id: str) -> bool:
    if row["study"] is not None or row["error"] is None or row["error"]["code"] != "OVERRIDE_EMPTY":
        return False
    return [line["key"] for line in listed_in(outsider, row)] == [[record_id]]
