"""Marked values go in everywhere, the three functions run, and all but the exported files is searched for them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from integration.handlers import Handler, handler_of
from integration.leaks import kept, library_log
from integration.spoiled import read_instead
from integration.test_intake_handler import batch
from integration.world import NOON, World
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339, to_millis
from tidegate.model import JSON, Page, Record, State
from tidegate.sources import _FACTORIES, Ask

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

SECRET = "s3cr3t-value"
"""Stands in every value of a record; may be in exported parts and nowhere else."""
MARKED_ID = "marked-id"
"""Stands in every record id; may be in redrive lists, in the lists of an override, and in an operation's error."""
HALF = "\ud800"
END = NOON - timedelta(hours=1)
DAILY = {"exportType": "DAILY", "endDateTime": rfc3339(END)}


class Odd:
    """A source of one's own: its exceptions are made of a record's content, and its values are none."""

    def pages(self, ask: Ask, cursor: JSON | None) -> Iterator[Page]:
        assert cursor is None
        if ask.study == "explodes":
            try:
                int(SECRET)
            except ValueError as error:
                error.add_note(SECRET)
                raise KeyError(SECRET) from error
        values: list[Any] = [
            {"N": SECRET},
            {"B": SECRET},
            {"S": SECRET + HALF},
            {SECRET: SECRET},
            SECRET,
            {"SS": [1, SECRET]},
        ]
        yield Page([Record((f"{MARKED_ID}-{n}",), None, {"note": value}) for n, value in enumerate(values)], None)


@pytest.fixture
def functions(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Handler]:
    """The three handlers, on a stack in which a source of one's own is registered."""
    monkeypatch.setattr("tidegate.sources._FACTORIES", {**_FACTORIES, "odd": lambda *_: Odd()})
    return {name: handler_of(name, world, monkeypatch) for name in ("intake", "worker", "tick")}


def put(world: World, study: str, record_id: str, table: str = "Record", **attributes: Any) -> None:
    at = {"N": str(to_millis(END - timedelta(hours=1)))}
    values = {"note": {"S": SECRET}, "nested": {"M": {"deep": {"L": [{"S": SECRET}]}}}, **attributes}
    item = {"id": {"S": f"{MARKED_ID}-{record_id}"}, "studyId": {"S": study}, "uploadedOn": at, **values}
    world.stack.clients.dynamodb.put_item(TableName=table, Item=item)


def furnish(world: World) -> None:
    """Studies, records, definitions and override files, all of them marked."""
    for study in ("plain", "explodes", "odd", "timeless"):
        world.put_study(study, usesCustomExportSchedule=True)
    for number in range(5):
        put(world, "plain", f"good-{number}")
    put(world, "plain", "spoiled", spoiled={"S": "to spoil"})
    read_instead(world, {"S": "to spoil"}, {"S": SECRET + HALF})
    world.define("strict", maxFailedRecords={"percent": 0, "atLeast": 0})
    now = world.clock()
    world.stack.ledger.exports.put("own", {"exportId": "own", "source": {"type": "odd"}}, None, now)
    world.stack.clients.dynamodb.create_table(
        TableName="Scanned", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    put(world, "timeless", "no-time", "Scanned", uploadedOn={"S": f"2026-03-10T10:{SECRET}"})
    put(world, "timeless", "no-number", "Scanned", uploadedOn={"M": {"at": {"S": SECRET}}})
    world.define("scanned", source={"type": "dynamodb", "table": "Scanned", "timeType": "iso8601"})
    ids = [f"{MARKED_ID}-{name}" for name in ("good-1", "spoiled", "nowhere")]
    world.stack.objects.put("in/ids.txt", "\n".join(ids).encode())
    world.stack.objects.put("in/no-text.txt", f"{SECRET}\n{SECRET}".encode() + b"\xff")
    world.stack.objects.put("in/long.txt", SECRET.encode() * 5000)


REQUESTS: list[dict[str, Any]] = [
    {**DAILY, "studyWhitelist": ["plain"]},
    {**DAILY, "studyWhitelist": ["plain"], "export": "strict"},
    {**DAILY, "studyWhitelist": ["timeless"], "export": "scanned"},
    {**DAILY, "studyWhitelist": ["explodes"], "export": "own"},
    {**DAILY, "studyWhitelist": ["odd"], "export": "own"},
    {"recordIdS3Override": "in/ids.txt"},
    {"recordIdS3Override": "in/no-text.txt"},
    {"recordIdS3Override": "in/long.txt"},
    {"exportType": "NEVER"},
]


def run(world: World, functions: Mapping[str, Handler]) -> None:
    """Send the requests, and let worker and tick go on until all has ended, automatic redrives too."""
    assert functions["intake"](batch(*map(json.dumps, REQUESTS))) == {"batchItemFailures": []}
    quiet = 0
    while quiet < 6:
        received = world.receive()
        if received is None:
            quiet = quiet + 1 if all(state.final for state in world.states()) else 0
            world.clock.tick(minutes=10)
            functions["tick"]({})
            continue
        task, message = received
        record = {"messageId": "m", "receiptHandle": message.receipt, "body": json.dumps(task.body())}
        if not functions["worker"]({"Records": [record]})["batchItemFailures"]:
            message.client.delete_message(QueueUrl=message.url, ReceiptHandle=message.receipt)


def test_no_record_content_is_in_logs_metrics_rows_messages_or_private_objects(
    world: World, functions: dict[str, Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    furnish(world)
    with library_log() as log:
        run(world, functions)
    found = Counter(
        (operation.export, operation.state, operation.error.code if operation.error else None)
        for operation in world.stack.service().operations(limit=None)
    )
    assert found["strict", State.FAILED, "TOO_MANY_FAILED_RECORDS"] == 1
    assert found["own", State.FAILED, "UNEXPECTED"] == 1
    assert found[None, State.REJECTED, "INVALID_FIELD"] == 3
    assert sum(operation.failed_records for operation in world.stack.service().operations(limit=None)) >= 10
    exported = [world.data(part["key"]) for manifest in world.manifests() for part in manifest["parts"]]
    assert any(SECRET.encode() in data for data in exported), "the marked values went in"
    printed = log.getvalue() + "".join(capsys.readouterr())
    assert "unexpected error" in printed
    assert "KeyError" in printed
    for place, text in [("logs and metrics", printed), *kept(world)]:
        assert SECRET not in text, f"{place} holds a record's content: {text[:2000]}"


def test_record_ids_are_in_lists_and_in_the_error_of_an_operation_and_never_in_logs(
    world: World, functions: dict[str, Handler], capsys: pytest.CaptureFixture[str]
) -> None:
    furnish(world)
    with library_log() as log:
        run(world, functions)
    assert MARKED_ID not in log.getvalue() + "".join(capsys.readouterr())
    places = {place for place, text in kept(world) if MARKED_ID in text}
    lists = {place for place in places if place.endswith("/failed-records.jsonl") or place.startswith("work/requests/")}
    assert lists
    assert places - lists == {"table Operation"}
    (failed,) = (o for o in world.stack.service().operations(limit=None) if o.export == "strict")
    assert failed.error is not None
    assert MARKED_ID in failed.error.remedy
    assert MARKED_ID not in failed.error.message


@pytest.mark.parametrize(
    "change",
    [
        {"password": SECRET},
        {"source": {"type": "dynamodb", "table": "T", "secretKey": SECRET}},
        {"source": {"type": "sample", "options": {"password": SECRET}}},
        {"source": {"type": "sample", "options": {"list": [{"api_key": SECRET}]}}},
        {"destinations": [{"type": "S3", "accessKey": SECRET}]},
        {"format": {"type": "CSV", "passphrase": SECRET}},
    ],
)
def test_a_definition_with_a_secret_is_refused_and_the_secret_is_kept_nowhere(
    world: World, change: dict[str, Any]
) -> None:
    with pytest.raises(RejectedError) as caught:
        world.define("x", **change)
    assert SECRET not in str(caught.value)
    assert [place for place, text in kept(world) if SECRET in text] == []
