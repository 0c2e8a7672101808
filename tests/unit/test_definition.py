"""SPEC 7: an export's document, what is refused in it, and the definition that is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import jsonschema
import pytest
import yaml

from tidegate.definition import from_document
from tidegate.definition_schema import json_schema, validate
from tidegate.errors import RejectedError
from tidegate.model import ColumnSpec, FormatSpec, SourceSpec

SOURCE = {"type": "dynamodb", "table": "Records"}
SHORT = {"exportId": "short", "source": SOURCE}
SPECIFIED = """
exportId: partner-nightly            # [a-z0-9-], 64 at most
source: {type: dynamodb, table: Records, index: study-uploadedOn-index, partitionKey: studyId, timeKey: uploadedOn,
         timeType: epochMillis, recordKey: id, projection: [id, studyId, uploadedOn, answers, schemaId]}
studies: all                         # or a list
tableBy: [schemaId]                  # optional; several are joined by ~, records without them are in table _none
columns: [id, uploadedOn, {from: answers.q1, as: q1}]      # optional
format: {type: CSV, compression: gzip}                     # CSV, JSON, JSONL; gzip, none
destinations: [{type: S3}]           # the stack's own bucket, section 6
timeZone: Europe/London              # default UTC
settleSeconds: 60
lookbackSeconds: 900
firstExportFrom: 2026-01-01T00:00:00Z
emptyPolicy: none
maxRecordsPerPart: 1000000           # and maxBytesPerPart, rowLimit, rowLimitPolicy
maxFailedRecords: {percent: 1, atLeast: 10}
"""
OF_THE_TEMPLATE = (
    '{"exportId":"default","source":{"type":"dynamodb","table":"T","index":"study-uploadedOn-index",'
    '"partitionKey":"studyId","timeKey":"uploadedOn","timeType":"epochMillis"},"studies":"all","format":{"type":"CSV",'
    '"compression":"gzip","formulaGuard":true},"destinations":[{"type":"S3"}],"timeZone":"UTC","settleSeconds":60,'
    '"lookbackSeconds":900,"emptyPolicy":"none","maxRecordsPerPart":1000000}'
)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def refused(document: object, **options: Any) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        validate(document, **options)
    assert caught.value.remedy
    return caught.value


def test_the_specified_document_is_taken_as_yaml() -> None:
    definition = from_document(validate(yaml.safe_load(SPECIFIED)), 3)
    assert (definition.export, definition.version, definition.studies) == ("partner-nightly", 3, None)
    assert definition.source.index == "study-uploadedOn-index"
    assert definition.source.record_key == ("id",)
    assert definition.source.projection == ("id", "studyId", "uploadedOn", "answers", "schemaId")
    assert definition.table_by == ("schemaId",)
    assert definition.columns == (
        ColumnSpec("id", "id"),
        ColumnSpec("uploadedOn", "uploadedOn"),
        ColumnSpec("answers.q1", "q1"),
    )
    assert definition.time_zone == "Europe/London"
    assert definition.first_export_from == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_short_document_gets_every_default() -> None:
    definition = from_document(validate(SHORT), 1)
    assert definition.source == SourceSpec(type="dynamodb", table="Records")
    assert definition.format == FormatSpec("CSV", "gzip", formula_guard=True)
    assert (definition.studies, definition.table_by, definition.columns) == (None, (), None)
    assert definition.destinations == ({"type": "S3", "name": "S3"},)
    assert (definition.time_zone, definition.settle_seconds, definition.lookback_seconds) == ("UTC", 60, 900)
    assert (definition.first_export_from, definition.empty_policy) == (None, "none")
    assert (definition.max_records_per_part, definition.max_bytes_per_part) == (1_000_000, 1 << 30)
    assert (definition.row_limit, definition.row_limit_policy) == (None, "error")
    assert (definition.max_failed_percent, definition.max_failed_at_least) == (1.0, 10)


@pytest.mark.parametrize(
    "document",
    [
        SHORT,
        yaml.safe_load(SPECIFIED),
        json.loads(OF_THE_TEMPLATE),
        {"exportId": "s", "source": {"type": "sample", "options": {"everySeconds": 60, "note": None}}},
        {**SHORT, "source": {**SOURCE, "recordKey": ["id", "at"], "filter": {"live": True, "n": [1, 2.5], "s": "x"}}},
        {**SHORT, "format": {"type": "Parquet"}},
        {**SHORT, "columns": ["a"], "format": {"type": "Parquet", "compression": "snappy", "schema": {"a": "int64"}}},
        {**SHORT, "studies": ["a", "é"], "columns": [{"from": "a.b"}], "rowLimit": 100_000},
    ],
)
def test_what_validation_returns_is_json_validates_to_itself_and_fits_the_schema(document: dict[str, Any]) -> None:
    normalised = validate(document)
    assert json.loads(json.dumps(normalised)) == normalised
    assert validate(normalised) == normalised
    assert VALIDATOR.is_valid(normalised)


def test_a_document_means_the_same_before_and_after_its_defaults_are_written_out() -> None:
    for document in (SHORT, json.loads(OF_THE_TEMPLATE), json.loads(json.dumps(validate(yaml.safe_load(SPECIFIED))))):
        before, after = from_document(document, 1), from_document(validate(document), 1)
        assert replace(before, document={}) == replace(after, document={})
        assert before.document is document


def test_only_what_has_no_default_may_be_null() -> None:
    assert refused({**SHORT, "timeZone": None}).message.startswith("timeZone is null")
    nothing = {**SHORT, "columns": None, "rowLimit": None, "firstExportFrom": None}
    assert validate(nothing) == validate(SHORT)
    assert replace(from_document(nothing, 1), document={}) == replace(from_document(SHORT, 1), document={})


def test_parquet_is_compressed_with_zstd_unless_it_says_otherwise() -> None:
    for document in (
        {**SHORT, "format": {"type": "Parquet"}},
        {**SHORT, "format": {"type": "Parquet", "schema": None}},
    ):
        assert from_document(document, 1).format == FormatSpec("Parquet", "zstd")
        assert from_document(validate(document), 1).format == FormatSpec("Parquet", "zstd")
    assert from_document(validate({**SHORT, "format": {"type": "Parquet", "compression": "gzip"}}), 1).format == (
        FormatSpec("Parquet", "gzip")
    )


def test_a_declared_type_is_kept_as_it_is_meant() -> None:
    document = {**SHORT, "format": {"type": "Parquet", "schema": {"amount": "decimal( 12 , 2 )", "at": "timestamp"}}}
    assert validate(document)["format"]["schema"] == {"amount": "decimal(12,2)", "at": "timestamp"}
    assert from_document(document, 1).format.schema["at"] == "timestamp"


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("format.schema.amount", {"format": {"type": "Parquet", "schema": {"amount": "money"}}}),
        ("format.schema.amuont is the type of no column",
         {"format": {"type": "Parquet", "schema": {"amuont": "int64"}}, "columns": ["amount"]}),
        ("format.schema is for Parquet, and format.type is CSV", {"format": {"type": "CSV", "schema": {"a": "int64"}}}),
        ("format.compression is for Parquet, and",
         {"format": {"type": "JSONL", "compression": "snappy"}}),
    ],
)  # fmt: skip
def test_types_that_mean_nothing_are_refused(said: str, changes: dict[str, Any]) -> None:
    error = refused({**SHORT, **changes})
    assert error.code == "INVALID_FIELD"
    assert said in error.message


def test_a_filter_gives_each_attribute_its_list_of_values() -> None:
    document = {**SHORT, "source": {**SOURCE, "filter": {"live": True, "status": ["final", "amended"]}}}
    expected = {"live": [True], "status": ["final", "amended"]}
    assert from_document(validate(document), 1).source.filter == expected
    assert from_document(document, 1).source.filter == expected


def test_a_column_without_a_name_is_called_by_its_path() -> None:
    definition = from_document(validate({**SHORT, "columns": [{"from": "answers.q1"}, "id"]}), 1)
    assert definition.columns == (ColumnSpec("answers.q1", "answers.q1"), ColumnSpec("id", "id"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00.000Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC), "2026-01-01T00:00:00.005Z"),
    ],
)
def test_first_export_from_may_be_text_or_what_yaml_makes_of_it(written: object, expected: str) -> None:
    assert validate({**SHORT, "firstExportFrom": written})["firstExportFrom"] == expected


def test_a_source_of_ones_own_is_taken_where_it_is_registered() -> None:
    document = {"exportId": "own", "source": {"type": "ledger", "options": {"book": "a"}}}
    assert "dynamodb, mocked, sample" in refused(document).message
    normalised = validate(document, source_types=("dynamodb", "ledger"))
    assert from_document(normalised, 1).source == SourceSpec(type="ledger", time_key="", options={"book": "a"})


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("exportId", {"exportId": "Partner"}),
        ("exportId", {"exportId": "x" * 65}),
        ("exportId", {"exportId": 1}),
        ("source", {"source": "Records"}),
        ("source.type", {"source": {"type": "postgres"}}),
        ("source.table", {"source": {**SOURCE, "table": ""}}),
        ("source.timeType", {"source": {**SOURCE, "timeType": "ms"}}),
        ("source.timeFraction", {"source": {**SOURCE, "timeFraction": 9}}),
        ("source.recordKey", {"source": {**SOURCE, "recordKey": []}}),
        ("source.recordKey", {"source": {**SOURCE, "recordKey": ["a", "b", "c"]}}),
        ("source.recordKey", {"source": {**SOURCE, "recordKey": ["a", "a"]}}),
        ("source.projection", {"source": {**SOURCE, "projection": ["a", "a"]}}),
        ("source.filter.a", {"source": {**SOURCE, "filter": {"a": None}}}),
        ("source.filter.a", {"source": {**SOURCE, "filter": {"a": [float("nan")]}}}),
        ("source.filter.a", {"source": {**SOURCE, "filter": {"a": []}}}),
        ("source.options", {"source": {"type": "sample", "options": {"a": float("inf")}}}),
        ("source.options", {"source": {"type": "sample", "options": {"a": date(2026, 1, 1)}}}),
        ("studies", {"studies": "some"}),
        ("studies", {"studies": []}),
        ("studies", {"studies": ["a", "a"]}),
        ("studies[1]", {"studies": ["a", "b/c"]}),
        ("tableBy", {"tableBy": ["a", "a"]}),
        ("tableBy", {"tableBy": "schemaId"}),
        ("columns", {"columns": []}),
        ("columns", {"columns": ["q1", {"from": "answers.q1", "as": "q1"}]}),
        ("columns[1]", {"columns": ["id", 2]}),
        ("columns[0]", {"columns": ["a..b"]}),
        ("columns[0].from", {"columns": [{"from": ""}]}),
        ("format", {"format": "CSV"}),
        ("format.type", {"format": {"type": "XML"}}),
        ("format.compression", {"format": {"compression": "zip"}}),
        ("format.formulaGuard", {"format": {"formulaGuard": "yes"}}),
        ("destinations", {"destinations": []}),
        ("destinations[0].type", {"destinations": [{"type": "FTP"}]}),
        ("timeZone", {"timeZone": "Europe"}),
        ("settleSeconds", {"settleSeconds": -1}),
        ("settleSeconds", {"settleSeconds": True}),
        ("lookbackSeconds", {"lookbackSeconds": 1.5}),
        ("firstExportFrom", {"firstExportFrom": "2026-01-01"}),
        ("firstExportFrom", {"firstExportFrom": date(2026, 1, 1)}),
        ("firstExportFrom", {"firstExportFrom": datetime(2026, 1, 1)}),  # noqa: DTZ001 - what YAML makes without a zone
        ("firstExportFrom", {"firstExportFrom": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)}),
        ("emptyPolicy", {"emptyPolicy": "file"}),
        ("maxRecordsPerPart", {"maxRecordsPerPart": 0}),
        ("maxBytesPerPart", {"maxBytesPerPart": 0}),
        ("rowLimit", {"rowLimit": 0}),
        ("rowLimitPolicy", {"rowLimitPolicy": "truncate"}),
        ("maxFailedRecords.percent", {"maxFailedRecords": {"percent": 101}}),
        ("maxFailedRecords.atLeast", {"maxFailedRecords": {"atLeast": -1}}),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(path: str, change: dict[str, Any]) -> None:
    error = refused({**SHORT, **change})
    assert error.code == "INVALID_FIELD"
    assert f"{error.message} ".startswith(f"{path} ")


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("timezone", {"timezone": "UTC"}),
        ("source.timetype", {"source": {**SOURCE, "timetype": "epochMillis"}}),
        ("source.table", {"source": {"type": "sample", "table": "Records"}}),
        ("columns[0].to", {"columns": [{"from": "a", "to": "b"}]}),
        ("destinations[0].buckets", {"destinations": [{"type": "S3", "buckets": "b"}]}),
    ],
)
def test_an_unknown_key_is_refused_with_its_path(path: str, change: dict[str, Any]) -> None:
    error = refused({**SHORT, **change})
    assert error.code == "UNKNOWN_FIELD"
    assert error.message.startswith(f"{path} ")


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("exportId", {"source": SOURCE}),
        ("source", {"exportId": "a"}),
        ("source.type", {"exportId": "a", "source": {"table": "Records"}}),
        ("source.table", {"exportId": "a", "source": {"type": "dynamodb"}}),
    ],
)
def test_a_missing_key_is_named_with_its_path(path: str, document: dict[str, Any]) -> None:
    error = refused(document)
    assert (error.code, error.message) == ("MISSING_FIELD", f"{path} is required.")


@pytest.mark.parametrize("document", [None, [], "exportId: a", 1])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert "must be an object" in refused(document).message


def test_a_document_that_no_operation_could_carry_is_refused() -> None:
    with pytest.raises(RejectedError, match="100000 bytes") as caught:
        validate({**SHORT, "studies": [f"study-{number}" for number in range(10_000)]})
    assert caught.value.code == "INVALID_FIELD"


CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maxRecordsPerPart": 16**5000}, "thousands of digits"),
        ({"maxFailedRecords": {"atLeast": 16**5000}}, "thousands of digits"),
        ({"source": {**SOURCE, "filter": {"a": "\ud800"}}}, "unpaired surrogate"),
        ({"source": {"type": "sample", "options": {"\ud800": 1}}}, "unpaired surrogate"),
        ({"source": {"type": "sample", "options": json.loads('{"a":' * 300 + "1" + "}" * 300)}}, "nested too deeply"),
        ({"source": {"type": "sample", "options": json.loads('{"a":' * 900 + "1" + "}" * 900)}}, "nested too deeply"),
        ({"source": {"type": "sample", "options": CYCLE}}, "holds itself"),
    ],
    ids=["huge-number", "huge-number-inside", "surrogate", "surrogate-name", "deep", "deeper", "cycle"],
)
def test_what_no_json_text_can_hold_is_refused(change: dict[str, Any], told: str) -> None:
    error = refused({**SHORT, **change})
    assert error.code == "INVALID_FIELD"
    assert told in error.message


@pytest.mark.parametrize(
    "name", ["password", "dbPassword", "client_secret", "apiKey", "API-KEY", "token", "credentials"]
)
def test_a_secret_does_not_belong_into_a_definition_and_is_not_repeated_in_the_refusal(name: str) -> None:
    secret = "hunter2-hunter2"
    error = refused({**SHORT, "source": {"type": "sample", "options": {"nested": [{name: secret}]}}})
    assert error.code == "INVALID_FIELD"
    assert name in error.message
    assert "Secrets Manager" in error.message
    assert secret not in str(error)


def test_the_arn_of_a_secret_does() -> None:
    options = {"password": "arn:aws:secretsmanager:eu-west-2:111122223333:secret:db-AbCdEf", "tokenAttribute": "t"}
    assert validate({**SHORT, "source": {"type": "sample", "options": options}})["source"]["options"] == options


def test_the_published_schema_takes_the_specified_document_and_refuses_misspellings() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    document = {**yaml.safe_load(SPECIFIED), "firstExportFrom": "2026-01-01T00:00:00Z"}
    assert VALIDATOR.is_valid(document)
    for wrong in ({**document, "timezone": "UTC"}, {**document, "format": {"type": "XML"}}, {"exportId": "a"}):
        assert not VALIDATOR.is_valid(wrong)
