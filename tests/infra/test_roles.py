"""What each function may do, and what none may."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Json = dict[str, Any]
Resolve = Callable[..., Any]
EVERYTHING = {
    "SourceTableArns": "arn:aws:dynamodb:eu-west-1:123456789012:table/More",
    "OverrideBuckets": "in-a,in-b",
    "DestinationBuckets": "out-a,out-b",
    "DestinationRoleArns": "arn:aws:iam::111122223333:role/a,arn:aws:iam::444455556666:role/b",
    "DestinationKeyArns": "arn:aws:kms:eu-west-1:123456789012:key/k",
}


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def allowed(template: Json, resolve: Resolve, role: str, **given: str) -> dict[str, tuple[set[str], list[str]]]:
    """Return the actions and resources of each statement of a role, by Sid."""
    properties = resolve(template, template["Resources"][role]["Properties"], **given)
    (policy,) = properties["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    by_sid = {item["Sid"]: (set(listed(item["Action"])), listed(item["Resource"])) for item in statements}
    assert len(by_sid) == len(statements)
    return by_sid


def roles(template: Json) -> Iterator[str]:
    return (name for name, item in template["Resources"].items() if item["Type"] == "AWS::IAM::Role")


def who_may(template: Json, resolve: Resolve, action: str, resource: str) -> set[str]:
    return {
        role
        for role in roles(template)
        for actions, resources in allowed(template, resolve, role).values()
        if action in actions and any(resource in item for item in resources)
    }


def test_each_function_has_a_role_of_its_own_and_nothing_else(template: Json) -> None:
    functions = [item for item in template["Resources"].values() if item["Type"] == "AWS::Serverless::Function"]
    used = [item["Properties"]["Role"]["Fn::GetAtt"][0] for item in functions]
    assert len(used) == len(set(used)) == 3
    assert set(roles(template)) - set(used) == {"LinkRole", "ScheduleRole"}
    for item in functions:
        assert "Policies" not in item["Properties"]
    for role in roles(template):
        assert "ManagedPolicyArns" not in template["Resources"][role]["Properties"]


def test_no_action_and_no_whole_resource_is_a_wildcard(template: Json, resolve: Resolve) -> None:
    for role in roles(template):
        for sid, (actions, resources) in allowed(template, resolve, role, **EVERYTHING).items():
            assert not [action for action in actions if "*" in action], sid
            for resource in resources:
                assert resource.removesuffix("/*").count("*") == 0, (sid, resource)
                assert resource.removesuffix("/*").removeprefix("arn:"), (sid, resource)


def test_functions_log_to_their_own_group_only(template: Json, resolve: Resolve) -> None:
    for function in ("Intake", "Worker", "Tick"):
        assert allowed(template, resolve, f"{function}Role")["WriteOwnLog"] == (
            {"logs:CreateLogStream", "logs:PutLogEvents"},
            [f"arn:{function}LogGroup"],
        )


@pytest.mark.parametrize("action", ["dynamodb:DeleteItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"])
def test_nobody_may_change_or_delete_history(template: Json, resolve: Resolve, action: str) -> None:
    assert who_may(template, resolve, action, "HistoryTable") == set()


def test_only_the_worker_may_write_a_watermark_and_only_the_tick_may_delete_one(
    template: Json, resolve: Resolve
) -> None:
    assert who_may(template, resolve, "dynamodb:UpdateItem", "table/ExportTimeTable") == {"WorkerRole"}
    assert who_may(template, resolve, "dynamodb:PutItem", "table/ExportTimeTable") == set()
    assert who_may(template, resolve, "dynamodb:DeleteItem", "table/ExportTimeTable") == {"TickRole"}
    assert who_may(template, resolve, "dynamodb:BatchWriteItem", "table/ExportTimeTable") == set()


def test_nobody_may_write_to_studies_records_or_definitions(template: Json, resolve: Resolve) -> None:
    for table in ("table/StudyTable", "table/RecordTable", "ExportTable"):
        for verb in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            assert who_may(template, resolve, f"dynamodb:{verb}", table) == set(), (table, verb)


def test_only_the_worker_writes_files_and_intake_writes_private_ones_alone(template: Json, resolve: Resolve) -> None:
    assert who_may(template, resolve, "s3:PutObject", "ExportBucket/exports/") == {"WorkerRole"}
    assert who_may(template, resolve, "s3:PutObject", "ExportBucket/work/") == {"IntakeRole", "WorkerRole"}
    assert who_may(template, resolve, "s3:PutObject", "ExportBucket/failed/") == {"IntakeRole"}


def test_work_is_sent_by_intake_and_the_tick_only(template: Json, resolve: Resolve) -> None:
    assert who_may(template, resolve, "sqs:SendMessage", "arn:WorkQueue") == {"IntakeRole", "TickRole"}


def test_intake_may_retry_operations_and_look_whether_a_window_is_sealed_but_not_touch_a_pair(
    template: Json, resolve: Resolve
) -> None:
    assert who_may(template, resolve, "dynamodb:UpdateItem", "OperationTable") == {
        "IntakeRole",
        "TickRole",
        "WorkerRole",
    }
    assert "IntakeRole" in who_may(template, resolve, "dynamodb:GetItem", "PairTable")
    assert who_may(template, resolve, "dynamodb:UpdateItem", "PairTable") == {"TickRole", "WorkerRole"}


def test_override_buckets_and_further_tables_are_opened_by_name_and_for_reading(
    template: Json, resolve: Resolve
) -> None:
    assert "ReadOverridesElsewhere" not in allowed(template, resolve, "IntakeRole")
    assert "ReadRecordsOfFurtherTables" not in allowed(template, resolve, "WorkerRole")
    table = EVERYTHING["SourceTableArns"]
    worker = allowed(template, resolve, "WorkerRole", **EVERYTHING)
    assert worker["ReadRecordsOfFurtherTables"][1] == [table, f"{table}/index/*"]
    intake = allowed(template, resolve, "IntakeRole", **EVERYTHING)
    assert intake["FindOwnersInFurtherTables"][1] == [table]
    assert intake["TellMissingOverridesElsewhere"][1] == ["arn:aws:s3:::in-a", "arn:aws:s3:::in-b"]
    assert intake["ReadOverridesElsewhere"] == (
        {"s3:GetObject", "s3:GetObjectVersion"},
        ["arn:aws:s3:::in-a/*", "arn:aws:s3:::in-b/*"],
    )


def test_only_intake_may_read_what_lies_in_an_override_bucket(template: Json, resolve: Resolve) -> None:
    for role in set(roles(template)) - {"IntakeRole"}:
        for sid, (_, resources) in allowed(template, resolve, role, **EVERYTHING).items():
            assert not [resource for resource in resources if "in-a" in resource or "in-b" in resource], (role, sid)


@pytest.mark.parametrize(
    "buckets",
    ["*", "in-*", "in-a/*", "in-a/x", "arn:aws:s3:::in-a", "IN-A", "in-a, in-b", "in-a,", "in a", "a", "${x}"],
)
def test_the_list_of_override_buckets_takes_names_of_buckets_and_nothing_wider(template: Json, buckets: str) -> None:
    pattern = template["Parameters"]["OverrideBuckets"]["AllowedPattern"]
    assert re.fullmatch(pattern, "in-a,in-b.example")
    assert re.fullmatch(pattern, buckets) is None


def test_worker_and_tick_announce_ends_on_one_bus_and_on_none_where_it_is_empty(
    template: Json, resolve: Resolve
) -> None:
    assert who_may(template, resolve, "events:PutEvents", ":event-bus/default") == {"WorkerRole", "TickRole"}
    for role in roles(template):
        assert "AnnounceEndedExports" not in allowed(template, resolve, role, EventBusName="")


def test_only_the_worker_may_reach_destinations_and_only_those_that_are_named(template: Json, resolve: Resolve) -> None:
    bare = allowed(template, resolve, "WorkerRole")
    assert not {"WriteToDestinations", "AssumeRolesOfDestinations", "UseKeysOfDestinations"} & set(bare)
    worker = allowed(template, resolve, "WorkerRole", **EVERYTHING)
    assert worker["WriteToDestinations"][1] == ["arn:aws:s3:::out-a/*", "arn:aws:s3:::out-b/*"]
    assert worker["AssumeRolesOfDestinations"] == ({"sts:AssumeRole"}, EVERYTHING["DestinationRoleArns"].split(","))
    assert worker["UseKeysOfDestinations"][1] == [EVERYTHING["DestinationKeyArns"]]
    assert worker["ReadSecretsOfDestinations"][0] == {"secretsmanager:GetSecretValue"}
    assert worker["ReadSecretsOfDestinations"][1][0].endswith(":secret:tidegate/*")
    others = set(roles(template)) - {"WorkerRole"}
    for role in others:
        for actions, _ in allowed(template, resolve, role, **EVERYTHING).values():
            assert not {"secretsmanager:GetSecretValue", "sts:AssumeRole", "kms:Decrypt"} & actions, role


def test_e_mails_go_from_named_addresses_to_allowed_domains_and_links_read_finished_files_alone(
    template: Json, resolve: Resolve
) -> None:
    given = {
        "EmailIdentity": "example.org",
        "EmailFromAddresses": "a@example.org,b@example.org",
        "AllowedRecipientDomains": "one.example,two.example",
    }
    policy = resolve(template, template["Resources"]["EmailRights"]["Properties"], **given)
    assert policy["Roles"] == ["WorkerRole"]
    statements = {item["Sid"]: item for item in policy["PolicyDocument"]["Statement"]}
    send = statements.pop("SendEmailsToAllowedDomains")
    assert set(send["Action"]) == {"ses:SendEmail", "ses:SendRawEmail"}
    assert [resource.rpartition(":")[2] for resource in send["Resource"]] == [
        "identity/example.org",
        "configuration-set/EmailConfigurationSet",
    ]
    assert send["Condition"] == {
        "StringEquals": {"ses:FromAddress": ["a@example.org", "b@example.org"]},
        "ForAllValues:StringLike": {"ses:Recipients": ["*@one.example", "*@two.example"]},
    }
    assert {item["Action"]: item["Resource"] for item in statements.values()} == {
        "ses:GetEmailIdentity": "arn:aws:ses:eu-west-1:123456789012:identity/example.org",
        "ses:GetAccount": "*",
        "sts:AssumeRole": "arn:LinkRole",
    }
    assert allowed(template, resolve, "LinkRole") == {
        "ReadFinishedFiles": ({"s3:GetObject"}, ["arn:ExportBucket/exports/*"])
    }
    for role in roles(template):
        for actions, _ in allowed(template, resolve, role, **EVERYTHING).values():
            assert not [action for action in actions if action.startswith("ses:")], role
