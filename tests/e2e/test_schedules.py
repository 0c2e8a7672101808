"""The schedules' way in: the function named by IntakeFunctionName, called with the payload that a firing has."""

import json

import pytest

from e2e.outsider import Outsider, record
from tidegate_local.stack import LocalStack

ARN = "arn:aws:scheduler:eu-west-2:111122223333:schedule/default/tidegate-daily"


def test_a_firing_repeated_by_hand_makes_its_operations_once(outsider: Outsider) -> None:
    outsider.define("by-hand", studies=["fired"], timeZone="Europe/London")
    outsider.put_study("fired")
    moments = {"start": "2025-05-30T23:00:00Z", "last": "2025-05-31T22:59:59.999Z", "end": "2025-05-31T23:00:00Z"}
    outsider.put_records(*(record("fired", name, moment) for name, moment in moments.items()))
    payload = {
        "schedule": ARN,
        "scheduledTime": "2025-06-01T01:00:00Z",
        "exportType": "DAILY",
        "timeZone": "Europe/London",
        "export": "by-hand",
        "tag": "fired by hand",
    }

    answers = [outsider.invoke("IntakeFunctionName", payload) for _ in range(2)]

    (row,) = outsider.ended(f"{ARN}@2025-06-01T01:00:00.000Z")
    assert answers == [{"operations": [row["operationId"]]}] * 2
    assert (row["trigger"], row["tag"], row["exportType"]) == ("RULE", "fired by hand", "DAILY")
    assert row["window"] == {"start": "2025-05-30T23:00:00.000Z", "end": "2025-05-31T23:00:00.000Z"}
    assert outsider.ids(row) == ["start", "last"]

    later = outsider.invoke("IntakeFunctionName", {**payload, "scheduledTime": "2025-06-01T02:00:00Z"})
    (same_day,) = [row for row in outsider.ended() if row["operationId"] in later["operations"]]
    assert same_day["outcome"] == "NOTHING_NEW"


@pytest.mark.parametrize(
    ("schedule", "export_type", "end"),
    [
        ("DailyExportSchedule", "DAILY", "2025-03-02T00:00:00.000Z"),
        ("HourlyExportSchedule", "HOURLY", "2025-03-02T03:00:00.000Z"),
    ],
)
def test_what_the_templates_schedules_send_is_a_request(
    outsider: Outsider, stack: LocalStack, schedule: str, export_type: str, end: str
) -> None:
    events = stack.session.client("events", endpoint_url=stack.endpoint_url)
    (rule,) = [rule for rule in events.list_rules()["Rules"] if schedule in rule["Name"]]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    template = target["InputTransformer"]["InputTemplate"]
    sent = template.replace("<aws.events.rule-arn>", rule["Arn"]).replace("<time>", "2025-03-02T03:05:00Z")
    export, study = f"of-{export_type.lower()}-rule", f"ruled-{export_type.lower()}"
    outsider.define(export, studies=[study])
    outsider.put_study(study)

    answer = outsider.invoke("IntakeFunctionName", {**json.loads(sent), "export": export})

    (row,) = [row for row in outsider.ended() if row["operationId"] in answer["operations"]]
    assert (row["state"], row["trigger"], row["exportType"]) == ("SUCCEEDED", "RULE", export_type)
    assert row["window"]["end"] == end


def test_a_request_given_by_hand_is_answered_with_what_became_of_it(outsider: Outsider) -> None:
    outsider.put_study("given")
    request = {"exportType": "DAILY", "endDateTime": "2025-03-02T00:00:00Z", "studyWhitelist": ["given"]}

    made = outsider.invoke("IntakeFunctionName", request)
    refused = outsider.invoke("IntakeFunctionName", {**request, "studyWhitelist": ["given", "unheard-of-by-hand"]})

    (row,) = [row for row in outsider.ended() if row["operationId"] in made["operations"]]
    assert (row["state"], row["study"]) == ("SUCCEEDED", "given")
    assert refused["error"]["code"] == "UNKNOWN_STUDY"
    assert "unheard-of-by-hand" in refused["error"]["message"]


def test_a_wrong_payload_is_refused_and_kept(outsider: Outsider) -> None:
    payload = {"schedule": ARN, "scheduledTime": "yesterday", "exportType": "DAILY", "tag": "wrong payload"}

    answer = outsider.invoke("IntakeFunctionName", payload)

    assert answer["error"]["code"] == "INVALID_FIELD"
    letter = outsider.dead_letter(json.dumps(payload))
    assert letter["errorCode"] == "INVALID_FIELD"
    assert "scheduledTime" in letter["errorMessage"]
