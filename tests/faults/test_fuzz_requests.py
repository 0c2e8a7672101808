"""Requests of any bytes and any JSON: a refusal with a code of the specification, or a request that means one thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from faults.fuzz_json import TEXTS, damaged, json_values, nearly, nested, written
from faults.fuzz_tally import Tally, counted, tries
from integration.handlers import handler_of
from integration.test_intake_handler import batch
from integration.world import Clock, World, build
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import Request, State
from tidegate.orders import order_of
from tidegate.request import canonical, parse, request_id_of, tag_of
from tidegate.schedule import from_schedule

Properties = Callable[[str, object], None]
CODES = {
    "MALFORMED", "UNKNOWN_FIELD", "MISSING_FIELD", "INVALID_FIELD", "CONFLICTING_FIELDS", "UNKNOWN_EXPORT",
}  # fmt: skip

INSTANTS = st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z".zfill(20)) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999Z", "2026-02-29T00:00:00Z", "2026-01-01T00:00:00.123456Z"]
)
FLAGS = st.sampled_from([True, False, "true", "false"])
PLAIN = st.sampled_from(["a", "tides-1", "\u00e9t\u00e9", "a b", "%2e"])
NAMES = st.lists(st.one_of(PLAIN, PLAIN, TEXTS), min_size=1, max_size=3)
FIELDS = {
    "exportType": st.sampled_from(["DAILY", "hourly", "Instant"]),
    "endDateTime": INSTANTS,
    "startDateTime": INSTANTS,
    "ignoreLastExportTime": FLAGS,
    "ignoreLastExportDateTime": FLAGS,
    "useLastExportTime": FLAGS,
    "studyWhitelist": NAMES,
    "appWhitelist": NAMES,
    "tableWhitelist": NAMES,
    "recordIdS3Override": TEXTS | st.builds("s3://{}/{}".format, TEXTS, TEXTS),
    "s3override": TEXTS,
    "export": st.sampled_from(["default", "partner-nightly", "UPPER", "a/b"]),
    "tag": TEXTS,
    "requestId": PLAIN | TEXTS,
    "redriveCount": st.integers(-1, 5),
}
EASY = ("tag", "export", "requestId", "studyWhitelist")
MESSAGES = st.one_of(
    nearly({name: FIELDS[name] for name in EASY}, {"exportType": st.just("INSTANT")}),
    nearly({name: FIELDS[name] for name in EASY}, {"recordIdS3Override": PLAIN}),
    nearly(
        {name: FIELDS[name] for name in (*EASY, "endDateTime", "ignoreLastExportTime")},
        {"exportType": FIELDS["exportType"]},
    ),
    nearly(FIELDS, {}),
)
BODIES = st.builds(lambda message, escaped: written(message, ascii_only=escaped), MESSAGES, st.booleans())


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield build(Clock())


def as_message(request: Request) -> dict[str, Any]:
    """A message that says what a request says, in the fields' own names."""
    said = {
        "exportType": request.export_type,
        "endDateTime": rfc3339(request.end) if request.end else None,
        "startDateTime": rfc3339(request.start) if request.start else None,
        "ignoreLastExportTime": request.ignore_watermark or None,
        "studyWhitelist": request.studies,
        "tableWhitelist": request.tables,
        "recordIdS3Override": request.override,
        "export": request.export,
        "tag": request.tag,
        "requestId": request.request_id,
        "redriveCount": request.redrive_count,
    }
    return {name: value for name, value in said.items() if value is not None}


def try_body(tally: Tally, body: bytes | str) -> None:
    tally.inputs += 1
    for read in (request_id_of, tag_of):
        assert (read(body) or "").encode() is not None
    try:
        request = parse(body)
    except RejectedError as error:
        tally.refused(error)
        return
    canonical(request).encode()
    assert parse(json.dumps(as_message(request))) == request
    tally.accepted += 1


def test_a_request_of_any_fields_is_refused_or_means_one_thing(record_property: Properties) -> None:
    @tries(500, 15_000)
    @given(st.one_of(BODIES, BODIES, BODIES, json_values().map(lambda value: written(value, ascii_only=True))))
    def run(body: bytes) -> None:
        try_body(tally, body)

    with counted(record_property, "request: JSON, nearly right") as tally:
        run()
    assert set(tally.codes) <= CODES


def test_a_request_of_damaged_bytes_is_refused_or_means_one_thing(record_property: Properties) -> None:
    @tries(400, 15_000)
    @given(damaged(BODIES) | damaged(st.just(b'{"exportType": "INSTANT", "tag": "a tag that may be cut"}')))
    def run(body: bytes) -> None:
        try_body(tally, body)

    with counted(record_property, "request: bytes, damaged") as tally:
        run()


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_each_field_of_any_json_type_is_refused_or_means_one_thing(field: str) -> None:
    others = {} if "verride" in field else {"exportType": "INSTANT"}
    values: list[Any] = [
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**40,
        "",
        "true",
        [],
        [None],
        [[]],
        {},
        {"a": 1},
        "s3://",
        "s3:///k",
        "/",
    ]
    extremes = [nested("list", 5000), nested("object", 5000), "1" * 5000, "1e999", '"' + "x" * 262_000 + '"', "-"]
    bodies = [json.dumps({**others, field: value}) for value in values]
    bodies += [f'{{"exportType": "INSTANT", "{field}": {text}}}' for text in extremes]
    tally = Tally()
    for body in bodies:
        try_body(tally, body)
    assert tally.codes["MALFORMED"] >= 3


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_messages_of_any_text_never_come_back_from_intake_and_none_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, record_property: Properties
) -> None:
    world.put_study("a")
    handler = handler_of("intake", world, monkeypatch)
    sent: list[str] = []
    bodies = BODIES.map(lambda body: body.decode("utf-8", "replace"))
    texts = st.one_of(bodies, bodies, st.just('{"exportType": "INSTANT"}'), st.text(min_size=1))

    @tries(30, 500)
    @given(st.lists(texts.filter(sendable), min_size=1, max_size=5))
    def run(bodies: list[str]) -> None:
        event = batch(*bodies)
        for record in event["Records"]:
            record["messageId"] = f"m-{len(sent)}"
            sent.append(record["body"])
        assert handler(event) == {"batchItemFailures": []}

    with counted(record_property, "request: through the intake function") as tally:
        run()
        tally.inputs = len(sent)
        for at, body in enumerate(sent):
            found = world.stack.service().request_operations(request_id_of(body) or f"m-{at}")
            assert found, body
            refused = [operation.error for operation in found if operation.state is State.REJECTED]
            if refused and refused[0] is not None:
                tally.listed(refused[0].code)
            else:
                tally.accepted += 1


def sendable(body: str) -> bool:
    """Whether SQS takes this text: not empty, and without most control characters."""
    return (
        bool(body)
        and all(c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff") for c in body)
        and not (set(body) & {"\ufffe", "\uffff"})
    )


def test_a_schedules_payload_of_any_fields_is_refused_or_a_request(record_property: Properties) -> None:
    payloads = nearly(
        {"timeZone": st.sampled_from(["UTC", "Europe/London", "Europe", "../etc/passwd"]) | TEXTS, "tag": TEXTS},
        {"schedule": TEXTS, "scheduledTime": INSTANTS, "exportType": FIELDS["exportType"]},
    )

    @tries(200, 5_000)
    @given(payloads)
    def run(event: dict[str, Any]) -> None:
        tally.inputs += 1
        try:
            request, _ = from_schedule(event)
        except RejectedError as error:
            tally.refused(error)
            return
        assert parse(json.dumps(as_message(request))) == request
        assert from_schedule(event)[0] == request
        tally.accepted += 1

    with counted(record_property, "schedule: payload, nearly right") as tally:
        run()


def test_an_order_of_any_fields_is_refused_or_an_order(record_property: Properties) -> None:
    tables = nearly({"tag": TEXTS, "actor": TEXTS}, {"operationId": TEXTS, "tables": NAMES})
    retry = nearly({"deliveryOnly": st.booleans(), "actor": TEXTS}, {"operationId": TEXTS, "dispatch": st.integers()})
    records = nearly({"tag": TEXTS, "actor": TEXTS, "tables": NAMES}, {"operationId": TEXTS})
    orders = (
        st.fixed_dictionaries({"redrive": tables | json_values(), "requestId": TEXTS})
        | st.fixed_dictionaries({"redriveRecords": records | json_values(), "requestId": TEXTS})
        | st.fixed_dictionaries({"retry": retry | json_values()}, optional={"more": json_values()})
    )  # fmt: skip

    @tries(200, 5_000)
    @given(orders)
    def run(event: dict[str, Any]) -> None:
        tally.inputs += 1
        try:
            order = order_of(event)
        except RejectedError as error:
            tally.refused(error, by_command=True)
            return
        again = json.loads(json.dumps(order.payload()))
        assert order_of(again) == order
        tally.accepted += 1

    with counted(record_property, "order of a command: nearly right") as tally:
        run()
