"""Bad requests through the queue: kept unchanged in the dead-letter queue, told by an operation, harming nobody."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.outsider import Outsider, record, text

DAY_1, DAY_2 = "2025-03-01T00:00:00Z", "2025-03-02T00:00:00Z"
STUDY = "refused-for"
TAKEN = "a-request-id-that-is-taken"
BATCH = 10


def daily(**more: Any) -> str:
    return json.dumps({"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": [STUDY], **more})


# What is wrong: the body, the code, and a word that the message has to have.
REFUSED = {
    "no JSON": ("exportType=DAILY", "MALFORMED", "JSON"),
    "null": ("null", "MALFORMED", "object"),
    "a list": ('[{"exportType": "INSTANT"}]', "MALFORMED", "object"),
    "text behind it": (daily() + " thanks", "MALFORMED", "JSON"),
    "a key twice": ('{"exportType": "DAILY", "exportType": "HOURLY"}', "MALFORMED", "exportType"),
    "a misspelt field": (daily(studyWhiteList=[STUDY]), "UNKNOWN_FIELD", "studyWhiteList"),
    "no type": (json.dumps({"endDateTime": DAY_2, "studyWhitelist": [STUDY]}), "MISSING_FIELD", "exportType"),
    "no end": (json.dumps({"exportType": "hourly", "studyWhitelist": [STUDY]}), "MISSING_FIELD", "endDateTime"),
    "a null field": (daily(tag=None), "INVALID_FIELD", "tag"),
    "an empty whitelist": (daily(studyWhitelist=[]), "INVALID_FIELD", "studyWhitelist"),
    "no offset": (daily(endDateTime="2025-03-02T00:00:00"), "INVALID_FIELD", "endDateTime"),
    "a start at the end": (daily(startDateTime=DAY_2, ignoreLastExportTime=True), "INVALID_FIELD", "startDateTime"),
    "an unknown type": (daily(exportType="WEEKLY"), "INVALID_FIELD", "exportType"),
    "a start with the watermark": (daily(startDateTime=DAY_1), "CONFLICTING_FIELDS", "startDateTime"),
    "tables with the watermark": (daily(tableWhitelist=["steps"]), "CONFLICTING_FIELDS", "tableWhitelist"),
    "a field and its alias": (daily(appWhitelist=[STUDY]), "CONFLICTING_FIELDS", "appWhitelist"),
    "a contradiction": (
        daily(ignoreLastExportTime=True, useLastExportTime=True),
        "CONFLICTING_FIELDS",
        "useLastExportTime",
    ),
    "an override with a type": (daily(s3override="ids/any.txt"), "CONFLICTING_FIELDS", "s3override"),
    "an override with the watermark": (
        json.dumps({"recordIdS3Override": "ids/any.txt", "ignoreLastExportTime": "false"}),
        "CONFLICTING_FIELDS",
        "ignoreLastExportTime",
    ),
    "an unknown export": (daily(export="unheard-of"), "UNKNOWN_EXPORT", "unheard-of"),
    "an unknown study": (daily(studyWhitelist=[STUDY, "unheard-of"]), "UNKNOWN_STUDY", "unheard-of"),
    "a disabled study": (daily(studyWhitelist=[STUDY, "switched-off"]), "STUDY_DISABLED", "switched-off"),
    "a missing override": ('{"recordIdS3Override": "ids/missing.txt"}', "OVERRIDE_NOT_FOUND", "ids/missing.txt"),
    "a foreign override": ('{"s3override": "s3://not-ours/ids.txt"}', "OVERRIDE_NOT_FOUND", "not-ours"),
    "an end that is far ahead": (
        daily(endDateTime=text(datetime.now(UTC) + timedelta(days=1))),
        "END_IN_FUTURE",
        "endDateTime",
    ),
    "a taken id": (daily(requestId=TAKEN, studyWhitelist=["neighbour"]), "REQUEST_ID_REUSED", TAKEN),
}
CODES = (
    *("MALFORMED", "UNKNOWN_FIELD", "MISSING_FIELD", "INVALID_FIELD", "CONFLICTING_FIELDS", "UNKNOWN_EXPORT"),
    *("UNKNOWN_STUDY", "STUDY_DISABLED", "OVERRIDE_NOT_FOUND", "END_IN_FUTURE", "REQUEST_ID_REUSED"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """All bad requests, each batch of them with a good one: the message of each, and what was there afterwards."""

    message_ids: Mapping[str, str]
    good: tuple[str, ...]
    refusals: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def sent(outsider: Outsider) -> Sent:
    for study in (STUDY, "neighbour"):
        outsider.put_study(study)
        outsider.put_records(record(study, "only", DAY_1))
    outsider.put_study("switched-off", enabled=False)
    outsider.send({"exportType": "INSTANT", "requestId": TAKEN, "studyWhitelist": ["neighbour"]})
    outsider.ended(TAKEN)
    message_ids: dict[str, str] = {}
    good = []
    for first in range(0, len(REFUSED), BATCH - 1):
        names = list(REFUSED)[first : first + BATCH - 1]
        neighbour = json.dumps({"exportType": "INSTANT", "studyWhitelist": ["neighbour"], "tag": f"with {names[0]}"})
        *bad, one = outsider.send_together([*(REFUSED[name][0] for name in names), neighbour])
        message_ids |= dict(zip(names, bad, strict=True))
        good.append(one)
    outsider.ended(*message_ids.values(), *good)
    told = outsider.told("operations", "list", "--state", "REJECTED")
    return Sent(message_ids, tuple(good), {operation["requestId"]: operation for operation in told})


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_request_is_kept_unchanged_and_its_sender_is_told_why(outsider: Outsider, what: str) -> None:
    body, code, word = REFUSED[what]
    letter = outsider.dead_letter(body)
    assert (set(letter), letter["errorCode"]) == ({"errorCode", "errorMessage"}, code)
    assert word in letter["errorMessage"]


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_is_an_operation_that_never_started(sent: Sent, what: str) -> None:
    _body, code, word = REFUSED[what]
    operation = sent.refusals[TAKEN if what == "a taken id" else sent.message_ids[what]]
    assert (operation["state"], operation["study"], operation["startedAt"]) == ("REJECTED", None, None)
    assert operation["error"]["code"] == code
    assert word in operation["error"]["message"]
    assert operation["error"]["remedy"]


def test_every_code_occurs() -> None:
    assert {code for _body, code, _word in REFUSED.values()} == set(CODES)


def test_the_neighbours_in_the_batch_are_not_affected(outsider: Outsider, sent: Sent) -> None:
    rows = outsider.operations(*sent.good)
    assert [(row["study"], row["state"]) for row in rows] == [("neighbour", "SUCCEEDED")] * len(sent.good)


@pytest.mark.usefixtures("sent")
def test_a_refused_request_exports_nothing_and_moves_no_watermark(outsider: Outsider) -> None:
    assert outsider.watermark(STUDY) is None
    assert outsider.keys(STUDY) == []
    assert [row for row in outsider.operations() if row["study"] == STUDY] == []


@pytest.mark.usefixtures("sent")
def test_a_refusal_uses_up_no_request_id(outsider: Outsider) -> None:
    body = {"exportType": "DAILY", "studyWhitelist": ["neighbour"], "requestId": "at-first-without-an-end"}
    outsider.send(body)
    (refused,) = outsider.ended("at-first-without-an-end")
    outsider.send({**body, "endDateTime": DAY_2})
    rows = outsider.ended("at-first-without-an-end")
    assert sorted(row["state"] for row in rows) == ["REJECTED", "SUCCEEDED"]
    assert refused in rows
