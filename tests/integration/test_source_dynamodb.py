"""The source on a DynamoDB that parses and carries out its expressions (moto), and on botocore's own retries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from tidegate.definition import from_document
from tidegate.errors import RetriableError
from tidegate.instants import from_millis
from tidegate.model import Definition, Page, Window
from tidegate.sources import Ask
from tidegate.sources.dynamodb import DynamoDBSource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "study-uploadedOn-index"
DAY = Window(from_millis(1_000), from_millis(2_000))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBClient]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("dynamodb", region_name="eu-west-1")


def create(
    client: DynamoDBClient, *, key: tuple[str, ...] = ("id",), time: str = "N", projection: Any = None, **types: str
) -> None:
    """A table Records with the key, and the index by study and time with the projection (None: no index)."""
    kinds = {"id": "S", **types}
    used = {*key} | ({"studyId", "uploadedOn"} if projection else set())
    definitions: Any = [
        {"AttributeName": n, "AttributeType": time if n == "uploadedOn" else kinds.get(n, "S")} for n in used
    ]
    schema: Any = [{"AttributeName": n, "KeyType": k} for n, k in zip(key, ("HASH", "RANGE"), strict=False)]
    by_time: Any = [
        {"AttributeName": "studyId", "KeyType": "HASH"},
        {"AttributeName": "uploadedOn", "KeyType": "RANGE"},
    ]
    index: Any = [{"IndexName": INDEX, "KeySchema": by_time, "Projection": projection}]
    more = {"GlobalSecondaryIndexes": index} if projection else {}
    client.create_table(
        TableName="Records", KeySchema=schema, AttributeDefinitions=definitions, BillingMode="PAY_PER_REQUEST", **more
    )


def put(
    client: DynamoDBClient, record_id: Any, at: str, study: str = "s", kind: str = "N", **more: Any
) -> dict[str, Any]:
    key = {"S": record_id} if isinstance(record_id, str) else {"B": record_id}
    item = {"id": key, "studyId": {"S": study}, "uploadedOn": {kind: at}, **more}
    client.put_item(TableName="Records", Item=item)
    return item


def export(**source: Any) -> Definition:
    given = {"type": "dynamodb", "table": "Records", "index": INDEX, **source}
    return from_document({"source": {name: value for name, value in given.items() if value is not None}}, 1)


def pages(source: DynamoDBSource, ask: Ask) -> list[Page]:
    """All pages; and wherever the reading is taken up again, the same records follow."""
    found = list(source.pages(ask, None))
    for at, page in enumerate(found[:-1]):
        rest = list(source.pages(ask, json.loads(json.dumps(page.cursor))))
        assert ids(rest) == ids(found[at + 1 :])
    return found


def ids(found: list[Page]) -> list[tuple[str, ...]]:
    return [one.key for page in found for one in page.records]


@pytest.mark.parametrize(
    ("time_type", "kind", "before", "within", "after"),
    [
        ("epochMillis", "N", ["999", "999.9"], ["1000", "1000.5", "1999", "1999.999"], ["2000", "2000.1"]),
        ("epochSeconds", "N", ["0.9999"], ["1", "1.0001", "1.5", "1.9999"], ["2", "2.0001"]),
        (
            "iso8601",
            "S",
            ["1970-01-01T00:00:00.999Z"],
            ["1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.001Z", "1970-01-01T00:00:01.999Z"],
            ["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:02.001Z"],
        ),
    ],
)
@pytest.mark.parametrize("route", ["index", "index lacking attributes", "table", "scan"])
def test_a_window_has_what_lies_within_it_in_every_notation_on_every_route(
    client: DynamoDBClient,
    route: str,
    time_type: str,
    kind: str,
    before: list[str],
    within: list[str],
    after: list[str],
) -> None:
    projection = {"index": {"ProjectionType": "ALL"}, "index lacking attributes": {"ProjectionType": "KEYS_ONLY"}}
    key = ("studyId", "uploadedOn") if route == "table" else ("id",)
    create(client, key=key, time=kind, projection=projection.get(route))
    stored = [put(client, f"r{n}", at, kind=kind, x={"S": at}) for n, at in enumerate(before + within + after)]
    put(client, "foreign", within[0], "other", kind)
    definition = export(timeType=time_type, index=INDEX if route in projection else None, recordKey="id")
    for limit in (1, 2, 100):
        found = pages(DynamoDBSource(client, definition, page_limit=limit), Ask("s", DAY))
        values = [dict(one.values) for page in found for one in page.records]
        expected = stored[len(before) : -len(after)]
        assert sorted(values, key=str) == sorted(expected, key=str)
        assert route == "scan" or values == expected


def test_a_record_of_every_type_comes_as_it_is_stored(client: DynamoDBClient) -> None:
    create(client, projection={"ProjectionType": "KEYS_ONLY"})
    mix: dict[str, Any] = {
        "n": {"N": "-1234567890.1234567890123456789012345678"},
        "b": {"B": b"\x00\xff"},
        "flag": {"BOOL": False},
        "nothing": {"NULL": True},
        "list": {"L": [{"N": "1"}, {"S": "é😀\n"}]},
        "map": {"M": {"x": {"B": b"\x01"}}},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2"]},
    }
    stored = put(client, "r", "1000", **mix)
    (page,) = pages(DynamoDBSource(client, export()), Ask("s", DAY))
    assert dict(page.records[0].values) == stored


@pytest.mark.parametrize("route", ["index", "scan"])
def test_binary_keys_survive_in_cursors(client: DynamoDBClient, route: str) -> None:
    # moto cannot divide binary partition keys among segments, so there the sort key is the binary one.
    key = ("id",) if route == "index" else ("studyId", "id")
    create(client, key=key, id="B", projection={"ProjectionType": "ALL"} if route == "index" else None)
    for n in range(7):
        put(client, bytes([n, 255 - n]), "1500")
    definition = export(index=INDEX if route == "index" else None)
    found = pages(DynamoDBSource(client, definition, page_limit=2), Ask("s", DAY))
    assert len(set(ids(found))) == 7


def test_projection_and_filter_are_expressions_that_dynamodb_takes(client: DynamoDBClient) -> None:
    create(client, projection={"ProjectionType": "ALL"})
    put(client, "yes", "1500", size={"N": "1"}, data={"S": "x"}, status={"S": "final"})
    put(client, "no", "1500", size={"N": "1"}, status={"S": "draft"})
    # size, data and status are reserved words.
    definition = export(projection=["size", "data"], filter={"status": ["final", "amended"]})
    for index in (INDEX, None):
        source = DynamoDBSource(client, export(projection=["size", "data"], filter={"status": "final"}, index=index))
        found = pages(source, Ask("s", DAY))
        assert ids(found) == [("yes",)]
        assert sum(page.filtered for page in found) == 1
    (page,) = pages(DynamoDBSource(client, definition), Ask("s", DAY))
    assert set(page.records[0].values) == {"id", "uploadedOn", "size", "data"}


def test_a_scan_finds_a_time_of_the_wrong_type_and_ignores_one_that_is_absent(client: DynamoDBClient) -> None:
    create(client)
    client.put_item(TableName="Records", Item={"id": {"S": "timeless"}, "studyId": {"S": "s"}})
    source = DynamoDBSource(client, export(index=None))
    assert ids(pages(source, Ask("s", DAY))) == []
    put(client, "odd", "1970-01-01T00:00:01.000Z", kind="S")
    (failed,) = [one for page in pages(source, Ask("s", DAY)) for one in page.failed]
    assert (failed.key, failed.code) == (("odd",), "BAD_TIME")


def test_a_scan_finds_studies_whose_id_is_a_number(client: DynamoDBClient) -> None:
    create(client)
    client.put_item(TableName="Records", Item={"id": {"S": "r"}, "studyId": {"N": "7"}, "uploadedOn": {"N": "1500"}})
    assert ids(pages(DynamoDBSource(client, export(index=None)), Ask("7", DAY))) == [("r",)]


def test_an_override_finds_composite_keys_in_the_order_asked(client: DynamoDBClient) -> None:
    create(client, key=("id", "uploadedOn"))
    for n in range(250):
        put(client, f"r{n}", str(n), "s" if n % 2 else "other")
    keys = [(f"r{n}", str(n)) for n in reversed(range(260))]
    source = DynamoDBSource(client, export(index=None))
    found = pages(source, Ask("s", keys=keys))
    assert ids(found) == [(f"r{n}", str(n)) for n in reversed(range(250)) if n % 2]
    assert sum(page.filtered for page in found) == 125
    assert [key for page in found for key in page.missing] == keys[:10]
    assert source.owners(keys) == {key: "s" if int(key[1]) % 2 else "other" for key in keys[10:]}


def test_inspection_passes_on_a_table_that_fits(client: DynamoDBClient) -> None:
    create(client, projection={"ProjectionType": "KEYS_ONLY"})
    put(client, "r", "1500")
    findings = DynamoDBSource(client, export()).inspect(["s", "t"], DAY)
    assert all(finding.ok for finding in findings)
    assert [f.what.split(" records")[0] for f in findings[-2:]] == ["Study s has 1", "Study t has 0"]


def test_throttling_that_outlasts_botocore_is_something_to_try_later() -> None:
    # Stubbed answers stand for what is left after botocore's own attempts.
    quick = Config(retries={"total_max_attempts": 1})
    keys: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("dynamodb", region_name="eu-west-1", config=quick, **keys)
    schema: Any = [{"AttributeName": "studyId", "KeyType": "HASH"}, {"AttributeName": "uploadedOn", "KeyType": "RANGE"}]
    types: Any = [
        {"AttributeName": "studyId", "AttributeType": "S"},
        {"AttributeName": "uploadedOn", "AttributeType": "N"},
    ]
    with Stubber(client) as stub:
        stub.add_response("describe_table", {"Table": {"KeySchema": schema, "AttributeDefinitions": types}})
        stub.add_client_error("query", "ProvisionedThroughputExceededException", http_status_code=400)
        with pytest.raises(RetriableError, match="Querying table Records"):
            list(DynamoDBSource(client, export(index=None)).pages(Ask("s", DAY), None))
        stub.assert_no_pending_responses()


def test_an_empty_window_makes_no_call_at_all(client: DynamoDBClient) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("a call was made")

    client.meta.events.register("before-call.dynamodb", refuse)
    for start, end in ((1_000, 1_000), (2_000, 1_000)):
        window = Window(from_millis(start), from_millis(end))
        assert list(DynamoDBSource(client, export()).pages(Ask("s", window), None)) == []
