"""The alarms and the dashboard: what they watch, and that somebody hears of it."""

import json
import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Resolve = Callable[..., Any]


def alarms(observability: Json) -> Json:
    return {
        name: item["Properties"]
        for name, item in observability["Resources"].items()
        if item["Type"] == "AWS::CloudWatch::Alarm"
    }


def watched(template: Json, observability: Json) -> dict[tuple[str, str], Json]:
    """Return each alarm by the logical id of what it watches (the stack for own metrics) and the metric's name."""
    found: dict[tuple[str, str], Json] = {}
    given = template["Resources"]["Observability"]["Properties"]["Parameters"]
    for alarm in alarms(observability).values():
        (dimension,) = alarm["Dimensions"]
        source = given[dimension["Value"]["Ref"]]
        ((_, target),) = source.items()
        found[(target[0] if isinstance(target, list) else target, alarm["MetricName"])] = alarm
    assert len(found) == len(alarms(observability))
    return found


def test_each_queue_has_one_alarm_dead_letters_by_what_is_visible(template: Json, observability: Json) -> None:
    queues = {
        name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == "AWS::SQS::Queue"
    }
    by_target = watched(template, observability)
    for name, queue in queues.items():
        metric = "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in queue else "ApproximateNumberOfMessagesVisible"
        assert [key for key in by_target if key[0] == name] == [(name, metric)]
    for name in ("RequestDeadLetterQueue", "WorkDeadLetterQueue"):
        assert by_target[(name, "ApproximateNumberOfMessagesVisible")]["Threshold"] == 0


def test_errors_and_throttles_of_each_function_have_an_alarm(template: Json, observability: Json) -> None:
    functions = [name for name, item in template["Resources"].items() if item["Type"] == "AWS::Serverless::Function"]
    for name in functions:
        for metric in ("Errors", "Throttles"):
            assert watched(template, observability)[(name, metric)]["Threshold"] == 0


def test_failed_operations_failed_records_and_held_deletions_have_an_alarm(template: Json, observability: Json) -> None:
    for metric in ("OperationsFailed", "FailedRecordsLeft", "DeletionsHeld"):
        alarm = watched(template, observability)[("AWS::StackName", metric)]
        assert (alarm["Namespace"], alarm["Threshold"]) == ("Tidegate", 0)
        assert alarm["Dimensions"][0]["Name"] == "service"


def test_a_lag_that_nobody_reports_is_an_alarm_too(template: Json, observability: Json) -> None:
    alarm = watched(template, observability)[("AWS::StackName", "WatermarkLagSeconds")]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["Threshold"] == {"Ref": "WatermarkLagAlarmSeconds"}


def test_the_alarms_look_where_the_functions_report(template: Json) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    given = template["Resources"]["Observability"]["Properties"]["Parameters"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == given["Service"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Tidegate"


def test_every_alarm_is_sent_to_the_one_topic(observability: Json, resolve: Resolve) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:operators"
    assert len(alarms(observability)) == 14
    for name, alarm in alarms(observability).items():
        made = resolve(observability, alarm["AlarmActions"], AlarmEmail="ops@example.org", AlarmTopicArn="")
        assert made == ["AlarmTopic"], name
        assert resolve(observability, alarm["AlarmActions"], AlarmTopicArn=topic) == [topic], name


def test_the_address_is_subscribed_to_the_topic_that_is_made(observability: Json, resolve: Resolve) -> None:
    subscription = observability["Resources"]["AlarmEmailSubscription"]
    condition = {"Condition": subscription["Condition"]}
    assert resolve(observability, condition, AlarmEmail="ops@example.org") is True
    assert resolve(observability, condition, AlarmEmail="") is False
    given = resolve(observability, subscription["Properties"], AlarmEmail="ops@example.org")
    assert given == {"TopicArn": "AlarmTopic", "Protocol": "email", "Endpoint": "ops@example.org"}


def test_the_nested_stack_is_given_every_parameter(template: Json, observability: Json) -> None:
    assert set(template["Resources"]["Observability"]["Properties"]["Parameters"]) == set(observability["Parameters"])


def test_the_dashboard_shows_every_metric_that_has_an_alarm(observability: Json, resolve: Resolve) -> None:
    body = resolve(observability, observability["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    assert not re.search(r"\$\{", body)
    shown = {metric[1] for widget in json.loads(body)["widgets"] for metric in widget["properties"]["metrics"]}
    assert {alarm["MetricName"] for alarm in alarms(observability).values()} <= shown
