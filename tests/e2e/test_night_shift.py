"""The commands of the night shift on the whole application, with its roles and handlers: one command a problem."""

import json
from datetime import timedelta

from e2e.outsider import Outsider, at, record, text
from tidegate_local.waiting import wait_for

DAY_0, DAY_1, DAY_2, DAY_3 = (f"2026-01-0{day}T00:00:00Z" for day in range(5, 9))


def failed(outsider: Outsider, study: str, export: str) -> str:
    """An operation of this study that has failed because there were more records than the definition allows; its id."""
    outsider.define(export, rowLimit=2, tableBy=["kind"], format={"type": "JSONL", "compression": "none"})
    outsider.put_study(study)
    for number, kind in enumerate(("sleep", "steps", "sleep")):
        outsider.put_records(record(study, str(number), at(DAY_1) + timedelta(hours=number), kind={"S": kind}))
    request = {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": [study], "export": export}
    (operation,) = outsider.ended(outsider.send(request))
    assert (operation["state"], operation["error"]["code"]) == ("FAILED", "ROW_LIMIT")
    return str(operation["operationId"])


def test_the_tables_of_a_failed_operation_are_exported_by_its_own_window(outsider: Outsider) -> None:
    operation_id = failed(outsider, "night-tables", "night-tables")
    shown = outsider.told(
        "redrive", "tables", "--operation", operation_id, "--table", "sleep", "--yes", "--wait", status=0
    )
    (redriven,) = shown["operations"]
    assert redriven["trigger"] == "REDRIVE"
    assert redriven["window"] == {"start": text(at(DAY_1)), "end": text(at(DAY_2))}
    assert outsider.ids(redriven) == ["0", "2"]
    assert outsider.watermark("night-tables/night-tables") is None


def test_a_failed_operation_is_retried_under_its_own_id_after_its_log_was_read(outsider: Outsider) -> None:
    operation_id = failed(outsider, "night-retry", "night-retry")
    log = outsider.told("operations", "log", operation_id)
    assert "ROW_LIMIT" in json.dumps(log) or "more than" in json.dumps(log)
    outsider.dynamodb.delete_item(TableName=outsider.outputs["RecordTableName"], Key={"id": {"S": "night-retry-2"}})
    dry = outsider.told("redrive", "operation", operation_id, "--dry-run")
    assert dry["operations"][0]["state"] == "FAILED"
    assert "--yes" in outsider.run("redrive", "operation", operation_id, status=2).stderr
    shown = outsider.told("redrive", "operation", operation_id, "--yes", "--wait")
    (retried,) = shown["operations"]
    assert (retried["operationId"], retried["state"]) == (operation_id, "SUCCEEDED")
    assert sorted(outsider.ids(retried)) == ["0", "1"]
    delivery = outsider.told("redrive", "delivery", operation_id, "--yes")
    assert delivery["sent"] == []
    assert outsider.run("redrive", "operation", operation_id, "--yes", status=1).stderr.count("only a failed one") == 1


def test_a_sealed_window_is_delivered_from_its_stored_parts_once_the_bucket_takes_them(outsider: Outsider) -> None:
    outsider.put_study("night-sealed")
    outsider.put_records(record("night-sealed", "1", DAY_1))
    folder = f"arn:aws:s3:::{outsider.outputs['ExportBucketName']}/exports/export=default/study=night-sealed/*"
    with outsider.denied("Worker", "s3:PutObject", folder):
        request = {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["night-sealed"]}
        (operation,) = outsider.ended(outsider.send(request))
    assert (operation["state"], operation["error"]["code"]) == ("FAILED", "ACCESS_DENIED")
    assert outsider.watermark("night-sealed") is None
    operation_id = operation["operationId"]
    outsider.dynamodb.delete_item(TableName=outsider.outputs["RecordTableName"], Key={"id": {"S": "night-sealed-1"}})
    dry = outsider.told("redrive", "delivery", operation_id, "--dry-run")
    assert dry["sent"] == [{"retry": dry["sent"][0]["retry"]}]
    assert dry["sent"][0]["retry"]["deliveryOnly"] is True
    (delivered,) = outsider.told("redrive", "delivery", operation_id, "--yes", "--wait")["operations"]
    assert (delivered["operationId"], delivered["state"]) == (operation_id, "SUCCEEDED")
    assert outsider.ids(delivered) == ["1"], "the record is no longer in the source"
    assert outsider.watermark("night-sealed") is not None


def test_chosen_records_are_exported_again(outsider: Outsider) -> None:
    outsider.put_study("night-records")
    outsider.put_records(*(record("night-records", str(number), DAY_1) for number in range(3)))
    file = outsider.directory / "ids.txt"
    file.write_text("night-records-2\nnight-records-0\n")
    shown = outsider.told("redrive", "records", "--file", str(file), "--yes", "--wait")
    (operation,) = shown["operations"]
    assert outsider.ids(operation) == ["2", "0"]
    assert outsider.watermark("night-records") is None


def test_a_range_of_days_is_an_operation_a_day_and_the_same_again_sends_nothing(outsider: Outsider) -> None:
    outsider.put_study("night-window")
    outsider.put_records(*(record("night-window", day[8:10], day) for day in (DAY_0, DAY_1, DAY_2, DAY_3)))
    command = ("redrive", "window", "--start", DAY_0, "--end", DAY_3, "--study", "night-window", "--yes", "--wait")
    first = outsider.told(*command)
    assert [outsider.ids(operation) for operation in first["operations"]] == [["05"], ["06"], ["07"]]
    assert outsider.told(*command)["operations"] == first["operations"]
    assert outsider.watermark("night-window") is None


def test_a_watermark_is_moved_back_with_a_reason_and_the_next_export_repeats(outsider: Outsider) -> None:
    outsider.told("studies", "put", "night-mark", "--yes")
    outsider.put_records(*(record("night-mark", day[8:10], day) for day in (DAY_0, DAY_1)))
    outsider.export_daily("night-mark", DAY_2)
    shown = outsider.told("watermark", "set", "night-mark", "--to", DAY_0, "--reason", "a test", "--yes")
    assert shown["exportedAgain"] == {"start": text(at(DAY_0)), "end": text(at(DAY_2))}
    assert outsider.ids(outsider.export_daily("night-mark", DAY_3)) == ["05", "06"]
    outsider.told("watermark", "delete", "night-mark", "--reason", "a test", "--yes")
    assert outsider.watermark("night-mark") is None


def test_a_watermark_item_that_holds_none_is_put_right(outsider: Outsider) -> None:
    outsider.put_study("night-odd")
    odd = {"studyId": {"S": "night-odd"}, "lastExportDateTime": {"S": "yesterday"}}
    outsider.dynamodb.put_item(TableName=outsider.outputs["ExportTimeTableName"], Item=odd)
    shown = outsider.told("watermark", "set", "night-odd", "--to", DAY_1, "--reason", "a test", "--yes")
    assert (shown["unreadable"], shown["lastExportDateTime"]) == (True, text(at(DAY_1)))
    assert outsider.export_daily("night-odd", DAY_2)["window"] == {"start": text(at(DAY_1)), "end": text(at(DAY_2))}


def test_a_dead_letter_that_is_settled_is_dropped(outsider: Outsider) -> None:
    outsider.send({"exportType": "DAILY", "requestId": "night-drop"})
    outsider.ended("night-drop")
    letters = outsider.told("redrive", "dead-letters", "list", "--reason", "MISSING_FIELD")
    (letter,) = [letter["id"] for letter in letters if letter["requestId"] == "night-drop"]
    assert "--yes" in outsider.run("redrive", "dead-letters", "drop", letter, status=2).stderr
    (dropped,) = outsider.told("redrive", "dead-letters", "drop", letter, "--yes")
    assert dropped["done"] is True
    left = outsider.told("redrive", "dead-letters", "list", "--reason", "MISSING_FIELD")
    assert letter not in [one["id"] for one in left]


def test_a_refused_request_is_sent_again_from_the_dead_letters_once_its_study_is_there(outsider: Outsider) -> None:
    body = {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["night-late"], "requestId": "night-late"}
    outsider.send(body)
    outsider.ended("night-late")
    (letter,) = [
        letter
        for letter in outsider.told("redrive", "dead-letters", "list", "--queue", "requests")
        if letter["requestId"] == "night-late"
    ]
    assert letter["reason"] == "UNKNOWN_STUDY"
    assert json.loads(outsider.told("redrive", "dead-letters", "show", letter["id"])["body"]) == body
    outsider.told("studies", "put", "night-late", "--yes")
    (result,) = outsider.told("redrive", "dead-letters", "send", letter["id"], "--yes")
    assert result["done"] is True

    def states() -> list[str]:
        return [row["state"] for row in outsider.ended("night-late")]

    wait_for(lambda: "SUCCEEDED" in states(), what="the request to be accepted", within=60)
    left = outsider.told("redrive", "dead-letters", "list", "--queue", "requests")
    assert letter["id"] not in [one["id"] for one in left]


def test_a_deleted_study_loses_its_watermark_at_once(outsider: Outsider) -> None:
    outsider.told("studies", "put", "night-gone", "--yes")
    outsider.export_daily("night-gone", DAY_2)
    assert outsider.watermark("night-gone") is not None
    assert outsider.told("studies", "disable", "night-gone", "--yes")["enabled"] is False
    assert outsider.told("studies", "enable", "night-gone", "--yes")["enabled"] is True
    assert "--yes" in outsider.run("studies", "delete", "night-gone", status=2).stderr
    shown = outsider.told("studies", "delete", "night-gone", "--yes")
    assert [mark["export"] for mark in shown["watermarks"]] == ["default"]
    assert outsider.watermark("night-gone") is None
    assert "night-gone" not in [study["studyId"] for study in outsider.told("studies", "list")]


def test_a_dead_work_message_is_sent_again_and_its_operation_is_done(outsider: Outsider) -> None:
    operation_id = failed(outsider, "night-dead", "night-dead")
    outsider.dynamodb.delete_item(TableName=outsider.outputs["RecordTableName"], Key={"id": {"S": "night-dead-2"}})
    outsider.sqs.send_message(
        QueueUrl=outsider.outputs["WorkDeadLetterQueueUrl"],
        MessageBody=json.dumps({"operationId": operation_id, "pair": "night-dead/night-dead"}),
        MessageGroupId="night-dead",
        MessageDeduplicationId=f"{operation_id}-dead",
    )

    def letters() -> list[dict[str, object]]:
        found = outsider.told("redrive", "dead-letters", "list", "--queue", "work")
        return [letter for letter in found if letter["operationId"] == operation_id]

    # The tick looks at the same queue every minute, and holds what it sees for a moment.
    (letter,) = wait_for(letters, what="the letter to be seen", within=60)
    assert "is FAILED ROW_LIMIT" in str(letter["note"])
    (result,) = outsider.told("redrive", "dead-letters", "send", str(letter["id"]), "--yes")
    assert result["done"] is True

    def ended() -> bool:
        return bool(outsider.told("operations", "show", operation_id)["state"] == "SUCCEEDED")

    wait_for(ended, what="the operation to be done", within=60)
    assert letters() == []
