"""What acceptance refuses, what it freezes, and which operations it makes (SPEC 2)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults
from integration.world import NOON, World
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import Operation, Outcome, State, Trigger

ELEVEN = "2026-03-10T11:00:00Z"
SAMPLE = (
    '{"endDateTime": "2016-10-04T23:59:59Z", "startDateTime": "2016-10-03T23:59:59Z", "exportType": "DAILY",'
    ' "ignoreLastExportTime": "true", "tag": "test exporter"}'
)


def refusal(world: World, **body: Any) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        world.submit(message_id="the-message", **body)
    return caught.value


def daily(**more: Any) -> dict[str, Any]:
    return {"exportType": "DAILY", "endDateTime": ELEVEN, **more}


REFUSED: dict[str, dict[str, Any]] = {
    "UNKNOWN_EXPORT": daily(export="nightly"),
    "UNKNOWN_STUDY": daily(studyWhitelist=["a", "nobody"]),
    "STUDY_DISABLED": daily(studyWhitelist=["a", "closed"]),
    "OVERRIDE_NOT_FOUND": {"recordIdS3Override": "ids/none.txt"},
    "END_IN_FUTURE": daily(endDateTime=rfc3339(NOON + timedelta(minutes=15, milliseconds=1))),
    "UNKNOWN_FIELD": daily(studyWhiteList=["a"]),
    "MISSING_FIELD": {"exportType": "HOURLY"},
    "INVALID_FIELD": daily(tag=None),
    "CONFLICTING_FIELDS": daily(startDateTime="2026-03-10T10:00:00Z"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_bad_request_is_refused_with_its_code_and_touches_nothing(world: World, faults: Faults, code: str) -> None:
    world.put_study("a")
    world.put_study("closed", enabled=False)
    world.put_records("a", [NOON - timedelta(hours=2)])
    faults.clear()

    assert refusal(world, **REFUSED[code]).code == code

    settings = world.stack.settings
    assert not [c for c in faults.calls if c.names(settings.record_table) or c.names(settings.export_time_table)]
    assert world.work() == []
    assert world.keys("") == []
    (operation,) = world.stack.service().operations(limit=None)
    assert (operation.state, operation.study, operation.request_id) == (State.REJECTED, None, "the-message")
    assert operation.error is not None
    assert operation.error.code == code


@pytest.mark.parametrize("code", REFUSED)
def test_a_refused_body_lies_unchanged_in_the_dead_letter_queue_with_the_reason(world: World, code: str) -> None:
    world.put_study("a")
    world.put_study("closed", enabled=False)
    body = json.dumps({**REFUSED[code], "requestId": "mine"}, indent=3) + "\n "

    with pytest.raises(RejectedError) as caught:
        world.submit_text(body)

    (letter,) = world.dead_requests()
    attributes = {name: found["StringValue"] for name, found in letter["MessageAttributes"].items()}
    assert letter["Body"] == body
    assert set(attributes) == {"errorCode", "errorMessage"}
    assert attributes["errorCode"] == code
    assert caught.value.message in attributes["errorMessage"]
    (operation,) = world.stack.service().operations()
    assert operation.request_id == "mine"


@pytest.mark.parametrize("body", ["", "null", "[]", "{", '{"exportType": "INSTANT"} x', '{"tag": "1", "tag": "2"}'])
def test_what_is_no_single_json_object_is_refused_as_malformed_under_the_message_id(world: World, body: str) -> None:
    with pytest.raises(RejectedError) as caught:
        world.submit_text(body or " ", message_id="sqs-1")
    assert caught.value.code == "MALFORMED"
    (operation,) = world.stack.service().operations()
    assert (operation.request_id, operation.study, operation.export_type) == ("sqs-1", None, None)
    assert [letter["Body"] for letter in world.dead_requests()] == [body or " "]


def test_one_refused_study_refuses_the_whole_request(world: World) -> None:
    world.put_study("a")
    assert "nobody" in refusal(world, **daily(studyWhitelist=["a", "nobody"], requestId="r")).message
    assert world.states() == {State.REJECTED}
    assert world.work() == []


def test_a_rejected_request_does_not_use_up_its_id(world: World) -> None:
    world.put_study("a")
    refusal(world, **daily(studyWhitelist=["nobody"], requestId="r"))
    (operation,) = world.export(**daily(requestId="r"))
    assert (operation.request_id, operation.state) == ("r", State.SUCCEEDED)


def test_the_same_id_with_another_body_is_refused_and_the_first_one_stands(world: World) -> None:
    world.put_study("a")
    first = world.submit(**daily(requestId="r"))
    assert refusal(world, **daily(requestId="r", tag="other")).code == "REQUEST_ID_REUSED"
    assert world.submit(**daily(requestId="r")) == first
    assert len(world.work()) == 1


def test_the_same_request_written_in_another_way_is_the_same_request(world: World) -> None:
    world.put_study("a")
    world.put_study("b")
    first = world.submit(**daily(requestId="r", studyWhitelist=["a", "b"]))
    again = world.submit(
        requestId="r", appWhitelist=["b", "a"], endDateTime="2026-03-10T12:00:00+01:00", exportType="daily"
    )
    assert again == first
    assert len(world.work()) == 2


def test_an_instant_request_keeps_the_end_of_its_first_acceptance(world: World) -> None:
    world.put_study("a")
    first = world.submit(exportType="INSTANT", requestId="r")
    world.clock.tick(minutes=10)
    assert world.submit(exportType="INSTANT", requestId="r") == first
    world.work()
    (window,) = [world.operation(i).window for i in first]
    assert window is not None
    assert window.end == NOON - timedelta(seconds=60)


def test_an_id_is_taken_for_as_long_as_its_operations_live_and_at_least_14_days(world: World) -> None:
    world.put_study("a")
    first = world.submit(**daily(requestId="r"))
    world.work()
    world.clock.tick(days=15)
    assert world.submit(**daily(requestId="r")) == first
    assert world.work() == []
    assert refusal(world, **daily(requestId="r", tag="x")).code == "REQUEST_ID_REUSED"


def test_a_request_that_matches_no_study_makes_one_operation_with_nothing_new(world: World) -> None:
    world.put_study("closed", enabled=False)
    world.put_study("custom", usesCustomExportSchedule=True)
    (operation,) = world.export(**daily())
    assert (operation.study, operation.state, operation.outcome) == (None, State.SUCCEEDED, Outcome.NOTHING_NEW)
    assert world.manifests() == []


def test_a_study_with_a_custom_schedule_takes_part_only_when_it_is_whitelisted(world: World) -> None:
    world.put_study("a")
    world.put_study("custom", usesCustomExportSchedule=True)
    assert {operation.study for operation in world.export(**daily())} == {"a"}
    assert {operation.study for operation in world.export(**daily(studyWhitelist=["custom"]))} == {"custom"}


def test_a_study_with_a_slash_is_refused_and_the_field_is_named(world: World) -> None:
    world.put_study("a/b")
    error = refusal(world, **daily(studyWhitelist=["a/b"]))
    assert (error.code, "a/b" in error.message) == ("INVALID_FIELD", True)


def test_the_message_of_the_original_design_exports_exactly_that_window_and_leaves_the_watermark(world: World) -> None:
    world.put_study("a")
    start, end = 1475539199000, 1475625599000
    ids = world.put_records("a", [start - 1, start, end - 1, end])
    world.submit_text(SAMPLE)
    world.work()
    (manifest,) = world.manifests("a")
    assert [row["id"] for row in world.rows(manifest)] == ids[1:3]
    assert (manifest["tag"], manifest["watermark"]) == ("test exporter", {"before": None, "after": None})
    assert world.watermark("a") is None


def test_a_table_that_does_not_occur_gives_no_records_and_the_result_says_so(world: World) -> None:
    world.define("by-schema", tableBy=["schemaId"])
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=2)], schemaId={"S": "steps"})
    body = daily(export="by-schema", tableWhitelist=["steps", "sleep"], ignoreLastExportTime=True)
    (operation,) = world.export(**body)
    assert operation.result is not None
    assert operation.result["absentTables"] == ["sleep"]
    assert operation.result["counts"]["records"] == 1


def test_the_longest_whitelist_of_tables_that_is_accepted_can_be_committed_too(world: World) -> None:
    world.define("by-schema", tableBy=["schemaId"], studies=["a", *(f"study-{number}" for number in range(5_000))])
    world.put_study("a")
    tables = ["\U0001f980" * 80 + str(number) for number in range(67)]
    assert 64_000 < len(json.dumps(tables)) <= 65_536
    (operation,) = world.export(**daily(export="by-schema", tableWhitelist=tables, ignoreLastExportTime=True))
    assert operation.result is not None
    assert (operation.state, operation.result["absentTables"]) == (State.SUCCEEDED, tables)


@pytest.mark.parametrize("study", ["x" * 601, "\U0001f980" * 51])
def test_a_study_whose_files_could_have_no_key_is_refused_before_anything_is_written(world: World, study: str) -> None:
    world.put_study(study)
    assert refusal(world, **daily()).code == "INVALID_FIELD"
    assert world.keys("") == []


@pytest.mark.parametrize(
    "study", ["two words", "per%cent", "..", "a\\b", "new\nline", "\uffff", "\U0001f980\u202e", "~+=&?#'"]
)
def test_a_study_may_have_any_other_id(world: World, study: str) -> None:
    world.put_study(study)
    ids = world.put_records(study, [NOON - timedelta(hours=2)])
    world.export(**daily())
    assert world.exported_ids(study) == ids


def test_the_note_of_a_refusal_takes_nobodys_request_id(world: World) -> None:
    world.put_study("a")
    refusal(world, **daily(studyWhitelist=["nobody"], requestId="r"))
    keys = world.stack.clients.dynamodb.scan(TableName=world.stack.settings.request_table)["Items"]
    assert all(len(item["requestId"]["S"]) > 128 for item in keys)


def test_the_operations_of_a_request_carry_what_it_said_and_where_it_came_from(world: World) -> None:
    world.put_study("a")
    (sent,) = world.submit(**daily(tag="from a test"))
    (fired,) = world.submit(trigger=Trigger.RULE, **daily())
    (commanded,) = world.submit(**daily(requestId="cli-1"))
    found: list[Operation] = [world.operation(i) for i in (sent, fired, commanded)]
    assert [operation.trigger for operation in found] == [Trigger.MESSAGE, Trigger.RULE, Trigger.COMMAND]
    assert [operation.tag for operation in found] == ["from a test", "(no tag)", "(no tag)"]
    assert {operation.export_type for operation in found} == {"DAILY"}
    assert {(operation.created_at, operation.state) for operation in found} == {(NOON, State.NOT_STARTED)}


def test_rejected_requests_and_expired_operations_leave_the_list_when_their_time_is_over(world: World) -> None:
    world.put_study("a")
    refusal(world, **daily(studyWhitelist=["nobody"]))
    world.export(**daily())
    world.clock.tick(days=13)
    assert world.states() == {State.REJECTED, State.SUCCEEDED}
    world.clock.tick(days=2)
    assert world.states() == set()
