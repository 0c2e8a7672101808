"""The definition of the export `default` that the template's parameters make."""

import json
from collections.abc import Callable
from typing import Any

from tidegate.definition_schema import validate

Json = dict[str, Any]
Resolve = Callable[..., Any]


def definition(template: Json, resolve: Resolve, **given: str) -> Json:
    text = resolve(
        template, template["Globals"]["Function"]["Environment"]["Variables"]["TIDEGATE_DEFAULT_EXPORT"], **given
    )
    parsed: Json = json.loads(text)
    # What the template makes is held to the same rules as what people write; it raises where it breaks one.
    validate(parsed)
    return parsed


def test_without_parameters_it_reads_the_stacks_own_record_table(template: Json, resolve: Resolve) -> None:
    assert definition(template, resolve) == {
        "exportId": "default",
        "source": {
            "type": "dynamodb",
            "table": "RecordTable",
            "index": "study-uploadedOn-index",
            "partitionKey": "studyId",
            "timeKey": "uploadedOn",
            "timeType": "epochMillis",
        },
        "studies": "all",
        "format": {"type": "CSV", "compression": "gzip", "formulaGuard": True},
        "destinations": [{"type": "S3"}],
        "timeZone": "UTC",
        "settleSeconds": 60,
        "lookbackSeconds": 900,
        "emptyPolicy": "none",
        "maxRecordsPerPart": 1_000_000,
        "maxFailedRecords": {"percent": 1, "atLeast": 10},
    }


def test_every_parameter_reaches_it(template: Json, resolve: Resolve) -> None:
    given = {
        "ExistingRecordTable": "Answers", "SourceIndex": "by-time", "PartitionKey": "app", "TimeKey": "at",
        "TimeType": "iso8601", "TimeFraction": "6", "RecordKey": "pk", "RecordSortKey": "sk",
        "Projection": "pk,sk,at", "TableBy": "schemaId,revision", "Columns": "pk,at",
        "FirstExportFrom": "2026-01-01T00:00:00Z", "TimeZone": "Europe/London", "SettleSeconds": "5",
        "LookbackSeconds": "0", "FormatType": "JSONL", "Compression": "none", "FormulaGuard": "false",
        "EmptyPolicy": "header", "MaxRecordsPerPart": "500", "MaxBytesPerPart": "1048576", "RowLimit": "100000",
        "RowLimitPolicy": "split", "MaxFailedPercent": "2.5", "MaxFailedAtLeast": "0",
    }  # fmt: skip
    assert definition(template, resolve, **given) == {
        "exportId": "default",
        "source": {
            "type": "dynamodb",
            "table": "Answers",
            "index": "by-time",
            "partitionKey": "app",
            "timeKey": "at",
            "timeType": "iso8601",
            "timeFraction": 6,
            "recordKey": ["pk", "sk"],
            "projection": ["pk", "sk", "at"],
        },
        "studies": "all",
        "tableBy": ["schemaId", "revision"],
        "columns": ["pk", "at"],
        "format": {"type": "JSONL", "compression": "none", "formulaGuard": False},
        "destinations": [{"type": "S3"}],
        "timeZone": "Europe/London",
        "settleSeconds": 5,
        "lookbackSeconds": 0,
        "firstExportFrom": "2026-01-01T00:00:00Z",
        "emptyPolicy": "header",
        "maxRecordsPerPart": 500,
        "maxFailedRecords": {"percent": 2.5, "atLeast": 0},
        "maxBytesPerPart": 1_048_576,
        "rowLimit": 100_000,
        "rowLimitPolicy": "split",
    }


def test_one_name_as_record_key_stays_one_name(template: Json, resolve: Resolve) -> None:
    assert definition(template, resolve, RecordKey="id")["source"]["recordKey"] == "id"


def test_an_empty_index_means_the_table_itself(template: Json, resolve: Resolve) -> None:
    assert "index" not in definition(template, resolve, SourceIndex="")["source"]


def test_the_environment_of_a_function_fits_into_lambdas_4_kilobytes(template: Json, resolve: Resolve) -> None:
    longest = {
        name: "x" * parameter["MaxLength"]
        for name, parameter in template["Parameters"].items()
        if "MaxLength" in parameter
    }
    assert set(longest) == {
        "Projection",
        "Columns",
        "TableBy",
        "EmailIdentity",
        "EmailFromAddresses",
        "AllowedRecipientDomains",
    }
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"]["WorkerFunction"]["Properties"]["Environment"]["Variables"]
    for given in (shared, {**shared, **own}):
        variables = resolve(template, given, **longest)
        # What stands for a resource here is shorter than its name in AWS: 25 characters for a table, 90 for a queue's
        # URL or a role.
        room = sum(90 if name.endswith(("_URL", "_ROLE")) else 25 for name in variables if name.startswith("TIDEGATE_"))
        assert sum(len(name) + len(str(value)) for name, value in variables.items()) + room < 4096
