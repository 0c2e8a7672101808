"""Records that cannot be exported, in the deployed shape: the tick has the rights to ask for them again."""

import json

from e2e.outsider import Outsider, Row
from tidegate_local.waiting import wait_for

ASKED_WITHIN_SECONDS = 150
"""A tick comes every minute."""


def test_a_record_whose_time_cannot_be_read_is_listed_and_its_redrive_is_asked_for(outsider: Outsider) -> None:
    outsider.dynamodb.create_table(
        TableName="Unreadable",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    outsider.put_study("unreadable")
    for record_id, time in (("good", {"N": "1740830400000"}), ("odd", {"S": "the first of March"})):
        item = {"id": {"S": record_id}, "studyId": {"S": "unreadable"}, "uploadedOn": time}
        outsider.dynamodb.put_item(TableName="Unreadable", Item=item)
    outsider.define("scanned", source={"table": "Unreadable", "index": None})

    first = outsider.export_daily("unreadable", "2025-03-02T00:00:00Z", export="scanned")

    manifest = outsider.manifest_of(first)
    assert (manifest["records"], manifest["failedRecords"]["count"]) == (1, 1)
    (line,) = map(json.loads, outsider.read(manifest["failedRecords"]["key"]).splitlines())
    assert (line["key"], line["errorCode"]) == (["odd"], "BAD_TIME")

    def redrive() -> Row | None:
        asked = outsider.operations(f"redrive-{first['operationId']}")
        return asked[0] if asked else None

    asked = wait_for(redrive, what="the redrive of the failed record", within=ASKED_WITHIN_SECONDS, every=1)
    assert (asked["state"], asked["trigger"], asked["study"]) == ("SLEEPING", "REDRIVE", "unreadable")
    assert asked["tag"] == f"redrive; original: {first['tag']}"
