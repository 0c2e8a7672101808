"""SPEC 2: what is refused before its fields are looked at one by one, in which order, and what a refusal may say."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tidegate.errors import RejectedError
from tidegate.json_text import LIMIT_BYTES
from tidegate.model import ExportType
from tidegate.request import json_schema, parse, request_id_of, tag_of

END = "2026-01-31T00:00:00Z"
DAILY = {"exportType": "DAILY", "endDateTime": END}
INSTANT = {"exportType": "INSTANT"}


def refused(body: str | bytes | dict[str, Any]) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        parse(json.dumps(body) if isinstance(body, dict) else body)
    assert caught.value.remedy, "every refusal says what to do"
    assert len(caught.value.message) < 1000
    return caught.value


@pytest.mark.parametrize("field", sorted(json_schema()["properties"]))
def test_null_is_invalid_in_every_field(field: str) -> None:
    error = refused({**DAILY, field: None})
    assert (error.code, f"{field} is null" in error.message) == ("INVALID_FIELD", True)


def test_an_unknown_field_is_refused_and_the_likely_one_suggested() -> None:
    error = refused({**DAILY, "studyWhiteList": ["a"]})
    assert error.code == "UNKNOWN_FIELD"
    assert "studyWhiteList" in error.message
    assert "studyWhitelist?" in error.message
    assert refused({**DAILY, "date": "2026-01-31"}).code == "UNKNOWN_FIELD"
    assert refused({**DAILY, "unheard of": None}).code == "UNKNOWN_FIELD"


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "null",
        "[]",
        '"text"',
        "1",
        "true",
        "{",
        "{} {}",
        "{}x",
        "{'exportType': 'INSTANT'}",
        '{"exportType": "INSTANT",}',
        '{"exportType": "INSTANT", "exportType": "INSTANT"}',
        '{"exportType": "INSTANT", "tag": {"a": 1, "a": 2}}',
        '{"exportType": "INSTANT", "tag": NaN}',
        '{"exportType": "INSTANT", "redriveCount": -Infinity}',
        '{"exportType": "INSTANT", "tag": "\ud800"}',
        '{"exportType": "INSTANT", "tag": "\\ud800"}',
        '{"exportType": "INSTANT", "\\udfff": 1}',
        '{"exportType": "INSTANT", "tag": "line\nbreak"}',
        "\ufeff{}",
        "[" * 100_000,
        '{"tag": ' + "[" * 50_000 + "]" * 50_000 + "}",
        b'{"exportType": "INSTANT", "tag": "\xff"}',
        json.dumps(INSTANT).encode("utf-16"),
    ],
)
def test_what_is_not_exactly_one_json_object_is_malformed(body: str | bytes) -> None:
    assert refused(body).code == "MALFORMED"


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("{" + ",".join(f'"k{n}":1' for n in range(20_000)) + "}", "UNKNOWN_FIELD", "k2 is not a field"),
        ("{" + ",".join(f'"k{n}":1' for n in range(20_000)) + ',"k19999":1}', "MALFORMED", "'k19999' twice"),
    ],
    ids=["unknown keys", "a key twice"],
)
def test_a_large_bad_body_costs_its_neighbours_in_the_batch_no_time(body: str, code: str, told: str) -> None:
    begun = time.process_time()
    error = refused(body)
    assert (error.code, told in error.message) == (code, True)
    assert time.process_time() - begun < 2  # it takes 0.1 s; with work for each pair of keys it was a minute


def test_the_limit_is_256_kilobytes_of_utf8() -> None:
    room = LIMIT_BYTES - len(json.dumps(INSTANT))
    assert parse(json.dumps(INSTANT) + " " * room).export_type is ExportType.INSTANT
    assert refused(json.dumps(INSTANT) + " " * (room + 1)).code == "MALFORMED"
    assert refused(json.dumps({"tag": "é" * (LIMIT_BYTES // 2)}, ensure_ascii=False)).code == "MALFORMED"


def test_the_first_code_in_the_documented_order_is_told_whatever_the_order_of_the_fields() -> None:
    wrong: dict[str, Any] = {
        "s3override": "ids.txt",
        "appWhitelist": [],
        "startDateTime": END,
        "exportType": "WEEKLY",
        "colour": "red",
    }
    assert refused(wrong).code == "UNKNOWN_FIELD"
    assert refused(dict(reversed(wrong.items()))).code == "UNKNOWN_FIELD"
    del wrong["colour"]
    assert refused(wrong).code == "INVALID_FIELD"
    assert refused({"startDateTime": END}).code == "MISSING_FIELD"
    assert refused({**DAILY, "startDateTime": END}).code == "CONFLICTING_FIELDS"
    assert refused({**DAILY, "startDateTime": END, "ignoreLastExportTime": True, "export": "A"}).code == "INVALID_FIELD"


@pytest.mark.parametrize("field", ["tag", "export", "exportType", "endDateTime", "recordIdS3Override", "x" * 5000])
def test_no_more_than_80_characters_of_what_was_sent_are_repeated(field: str) -> None:
    error = refused({**INSTANT, field: "secret" * 1000})
    repeated = error.message.count("secret") * 6 + error.message.count("x" * 81)
    assert repeated <= 80


def test_messages_hold_only_characters_that_a_queue_attribute_may_hold() -> None:
    for written in ("\x00\x1b[31m", "\ufffe", "\u202eevil"):
        message = refused({**INSTANT, "export": written, "redriveCount": -1}).message
        message += refused({**INSTANT, written: 1}).message + refused({**INSTANT, "exportType": written}).message
        assert message.isprintable()


@pytest.mark.parametrize(
    ("body", "request_id", "tag"),
    [
        ('{"requestId": "r1", "tag": "t", "colour": 1}', "r1", "t"),
        ('{"requestId": "r1", "a": 1, "a": 2}', "r1", None),
        ('{"requestId": "r1", "requestId": "r2", "tag": ""}', None, ""),
        ('{"requestId": "r1", "tag": NaN}', "r1", None),
        ('{"requestId": 1, "tag": 1}', None, None),
        ('{"requestId": "", "tag": "' + "t" * 257 + '"}', None, None),
        ('{"requestId": "\\ud800"}', None, None),
        ('{"requestId": "r1"} and more', None, None),
        ("null", None, None),
        ("[" * 100_000, None, None),
        (b"\xff", None, None),
    ],
)
def test_the_request_id_and_tag_of_a_bad_body_are_read_where_there_is_no_doubt(
    body: str | bytes, request_id: str | None, tag: str | None
) -> None:
    assert (request_id_of(body), tag_of(body)) == (request_id, tag)
