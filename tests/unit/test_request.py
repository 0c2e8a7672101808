"""SPEC 2: each row of the table of fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.errors import RejectedError
from tidegate.message import SAMPLE
from tidegate.model import ExportType, Request
from tidegate.request import parse

END = "2026-01-31T00:00:00Z"
DAILY = {"exportType": "DAILY", "endDateTime": END}
INSTANT = {"exportType": "INSTANT"}


def parsed(**fields: Any) -> Request:
    return parse(json.dumps(fields))


def refused(body: str | bytes | dict[str, Any]) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        parse(json.dumps(body) if isinstance(body, dict) else body)
    assert caught.value.remedy, "every refusal says what to do"
    assert len(caught.value.message) < 1000
    return caught.value


def test_the_message_of_the_original_design_is_taken_as_it_stands() -> None:
    body = (
        '{"endDateTime": "2016-10-04T23:59:59Z", "startDateTime": "2016-10-03T23:59:59Z", "exportType": "DAILY",\n'
        '     "ignoreLastExportTime": "true", "tag": "test exporter"}'
    )
    assert json.loads(body) == SAMPLE
    assert parse(body) == Request(
        export="default",
        export_type=ExportType.DAILY,
        end=datetime(2016, 10, 4, 23, 59, 59, tzinfo=UTC),
        start=datetime(2016, 10, 3, 23, 59, 59, tzinfo=UTC),
        ignore_watermark=True,
        studies=None,
        tables=None,
        override=None,
        tag="test exporter",
        request_id=None,
        redrive_count=0,
    )


def test_a_body_may_be_text_or_utf8_bytes() -> None:
    assert parse(json.dumps({**INSTANT, "tag": "ebb 🌊"}, ensure_ascii=False).encode()).tag == "ebb 🌊"


@pytest.mark.parametrize("written", ["DAILY", "Daily", "daily", "dAiLy"])
def test_the_export_type_is_read_in_any_case(written: str) -> None:
    assert parsed(exportType=written, endDateTime=END).export_type is ExportType.DAILY


@pytest.mark.parametrize("written", ["WEEKLY", "", "DA\u0131LY", " DAILY", 1, True, ["DAILY"]])
def test_another_export_type_is_invalid(written: object) -> None:
    error = refused({"exportType": written, "endDateTime": END})
    assert error.code == "INVALID_FIELD"
    assert "exportType" in error.message


def test_the_export_type_is_required_without_an_override() -> None:
    error = refused("{}")
    assert (error.code, "exportType" in error.message) == ("MISSING_FIELD", True)


@pytest.mark.parametrize("export_type", ["DAILY", "hourly"])
def test_daily_and_hourly_need_an_end(export_type: str) -> None:
    error = refused({"exportType": export_type})
    assert (error.code, "endDateTime" in error.message) == ("MISSING_FIELD", True)


def test_the_end_of_an_instant_request_may_be_left_open_for_acceptance() -> None:
    assert parsed(**INSTANT).end is None
    assert parsed(**INSTANT, endDateTime=END).end == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-31T00:00:00.123Z", datetime(2026, 1, 31, 0, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-01-31T00:00:00.5z", datetime(2026, 1, 31, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31t01:00:00+01:00", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-30T13:30:00-10:30", datetime(2026, 1, 31, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_instants_are_rfc_3339_with_an_offset(written: str, instant: datetime) -> None:
    assert parsed(exportType="DAILY", endDateTime=written).end == instant


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T00:00:00",
        "2026-01-31T00:00:00.1234Z",
        "2026-01-31",
        "2026-02-30T00:00:00Z",
        "2026-01-31T24:30:00Z",
        "2026-01-31 00:00:00Z",
        "2026-01-31T00:00:00+0100",
        "2026-01-31T00:00:00Z\n",
        "9999-12-31T23:59:59-10:00",
        "٢026-01-31T00:00:00Z",
        "",
        1769817600000,
        True,
        {"at": END},
    ],
)
def test_any_other_instant_is_invalid(written: object) -> None:
    for field in ("endDateTime", "startDateTime"):
        error = refused({**DAILY, "ignoreLastExportTime": True, field: written})
        assert (error.code, field in error.message) == ("INVALID_FIELD", True)


@pytest.mark.parametrize("start", [END, "2026-01-31T00:00:00.001Z", "2026-01-31T01:00:00+00:30"])
def test_a_start_that_is_not_before_the_end_is_invalid(start: str) -> None:
    error = refused({**DAILY, "ignoreLastExportTime": True, "startDateTime": start})
    assert error.code == "INVALID_FIELD"
    assert "startDateTime" in error.message
    assert "endDateTime" in error.message


@pytest.mark.parametrize("ignoring", [{}, {"ignoreLastExportTime": False}, {"useLastExportTime": "true"}])
def test_a_start_needs_the_watermark_to_be_ignored(ignoring: dict[str, object]) -> None:
    error = refused({**DAILY, **ignoring, "startDateTime": "2026-01-30T00:00:00Z"})
    assert (error.code, "startDateTime" in error.message) == ("CONFLICTING_FIELDS", True)


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({}, False),
        ({"ignoreLastExportTime": True}, True),
        ({"ignoreLastExportTime": "true"}, True),
        ({"ignoreLastExportTime": "false"}, False),
        ({"ignoreLastExportDateTime": True}, True),
        ({"ignoreLastExportDateTime": "false"}, False),
        ({"useLastExportTime": True}, False),
        ({"useLastExportTime": "false"}, True),
        ({"useLastExportTime": False, "ignoreLastExportTime": "true"}, True),
        ({"useLastExportTime": True, "ignoreLastExportDateTime": False}, False),
    ],
)
def test_the_watermark_is_ignored_by_either_name_or_by_the_opposite(fields: dict[str, object], ignored: bool) -> None:
    assert parsed(**DAILY, **fields).ignore_watermark is ignored


@pytest.mark.parametrize("written", ["TRUE", "yes", "", 1, 0, [], None])
@pytest.mark.parametrize("field", ["ignoreLastExportTime", "ignoreLastExportDateTime", "useLastExportTime"])
def test_only_booleans_and_their_two_words_are_flags(field: str, written: object) -> None:
    error = refused({**DAILY, field: written})
    assert (error.code, field in error.message) == ("INVALID_FIELD", True)


@pytest.mark.parametrize("ignore", ["ignoreLastExportTime", "ignoreLastExportDateTime"])
@pytest.mark.parametrize("said", [True, False])
def test_the_flag_and_its_opposite_must_not_contradict(ignore: str, said: bool) -> None:
    error = refused({**DAILY, ignore: said, "useLastExportTime": said})
    assert error.code == "CONFLICTING_FIELDS"
    assert ignore in error.message
    assert "useLastExportTime" in error.message


@pytest.mark.parametrize(
    ("field", "alias", "value"),
    [
        ("ignoreLastExportTime", "ignoreLastExportDateTime", True),
        ("studyWhitelist", "appWhitelist", ["a"]),
        ("recordIdS3Override", "s3override", "ids.txt"),
    ],
)
def test_a_field_and_its_alias_conflict_even_when_they_agree(field: str, alias: str, value: object) -> None:
    others = {} if "verride" in field else DAILY
    error = refused({**others, field: value, alias: value})
    assert error.code == "CONFLICTING_FIELDS"
    assert field in error.message
    assert alias in error.message


@pytest.mark.parametrize("field", ["studyWhitelist", "appWhitelist"])
def test_a_study_whitelist_keeps_its_order_and_counts_each_study_once(field: str) -> None:
    assert parsed(**DAILY, **{field: ["b", "a", "b", "é"]}).studies == ("b", "a", "é")
    assert parsed(**DAILY).studies is None


@pytest.mark.parametrize(
    "written", [[], "a", {"a": 1}, [""], ["a/b"], [None], [1], ["a", ["b"]], ["x" * 601], ["\U0001f980" * 51]]
)
@pytest.mark.parametrize("field", ["studyWhitelist", "appWhitelist"])
def test_any_other_study_whitelist_is_invalid(field: str, written: object) -> None:
    error = refused({**DAILY, field: written})
    assert (error.code, field in error.message) == ("INVALID_FIELD", True)


def test_a_table_whitelist_goes_with_an_ignored_watermark_or_an_override() -> None:
    assert parsed(**DAILY, ignoreLastExportTime=True, tableWhitelist=["t", "u", "t"]).tables == ("t", "u")
    assert parsed(s3override="ids.txt", tableWhitelist=["a/b"]).tables == ("a/b",)
    error = refused({**DAILY, "tableWhitelist": ["t"]})
    assert (error.code, "tableWhitelist" in error.message) == ("CONFLICTING_FIELDS", True)


@pytest.mark.parametrize("written", [[], "t", [""], [1], [None], [f"table-{n}" for n in range(5000)]])
def test_any_other_table_whitelist_is_invalid(written: object) -> None:
    error = refused({**DAILY, "ignoreLastExportTime": True, "tableWhitelist": written})
    assert (error.code, "tableWhitelist" in error.message) == ("INVALID_FIELD", True)


@pytest.mark.parametrize("field", ["recordIdS3Override", "s3override"])
@pytest.mark.parametrize("where", ["overrides/ids.txt", "s3://bucket/some/ids.txt"])
def test_t6_an_override_implies_an_ignored_watermark_and_has_no_time(field: str, where: str) -> None:
    request = parsed(**{field: where}, studyWhitelist=["a"])
    assert (request.override, request.ignore_watermark, request.studies) == (where, True, ("a",))
    assert (request.export_type, request.start, request.end) == (None, None, None)
    assert parsed(**{field: where}, ignoreLastExportTime="true").ignore_watermark
    assert parsed(**{field: where}, useLastExportTime=False).ignore_watermark


@pytest.mark.parametrize(
    "fields",
    [
        {"exportType": "INSTANT"},
        {"endDateTime": END},
        {"startDateTime": END},
        {"ignoreLastExportTime": False},
        {"ignoreLastExportDateTime": "false"},
        {"useLastExportTime": True},
    ],
)
@pytest.mark.parametrize("override", ["recordIdS3Override", "s3override"])
def test_an_override_conflicts_with_time_type_and_watermark(override: str, fields: dict[str, object]) -> None:
    error = refused({override: "ids.txt", **fields})
    assert error.code == "CONFLICTING_FIELDS"
    assert override in error.message
    assert next(iter(fields)) in error.message


@pytest.mark.parametrize("written", ["", "s3://bucket", "s3://bucket/", "s3:///key", "k" * 1025, 1, ["ids.txt"]])
def test_any_other_override_is_invalid(written: object) -> None:
    error = refused({"recordIdS3Override": written})
    assert (error.code, "recordIdS3Override" in error.message) == ("INVALID_FIELD", True)


def test_the_export_is_the_default_one_unless_named() -> None:
    assert parsed(**DAILY).export == "default"
    assert parsed(**DAILY, export="partner-nightly").export == "partner-nightly"


@pytest.mark.parametrize("written", ["Partner", "a_b", "a/b", "x" * 65, "é", "a\n"])
def test_an_export_that_cannot_be_one_is_unknown(written: str) -> None:
    assert refused({**DAILY, "export": written}).code == "UNKNOWN_EXPORT"


@pytest.mark.parametrize("written", ["", 1, ["default"]])
def test_an_export_that_is_no_text_is_invalid(written: object) -> None:
    error = refused({**DAILY, "export": written})
    assert (error.code, "export must" in error.message) == ("INVALID_FIELD", True)


def test_a_tag_has_256_characters_at_most_and_a_default() -> None:
    assert parsed(**DAILY).tag == "(no tag)"
    assert parsed(**DAILY, tag="🌊" * 256).tag == "🌊" * 256
    for written in ("🌊" * 257, 1, ["x"]):
        error = refused({**DAILY, "tag": written})
        assert (error.code, "tag" in error.message) == ("INVALID_FIELD", True)


def test_a_request_id_has_1_to_128_characters() -> None:
    assert parsed(**DAILY).request_id is None
    assert parsed(**DAILY, requestId="r" * 128).request_id == "r" * 128
    for written in ("", "r" * 129, 1, True):
        error = refused({**DAILY, "requestId": written})
        assert (error.code, "requestId" in error.message) == ("INVALID_FIELD", True)


def test_a_redrive_count_is_a_whole_number_from_zero() -> None:
    assert parsed(**DAILY).redrive_count == 0
    assert parsed(**DAILY, redriveCount=2).redrive_count == 2
    for written in (-1, True, "1", 1.0, 1.5, 10**30):
        error = refused({**DAILY, "redriveCount": written})
        assert (error.code, "redriveCount" in error.message) == ("INVALID_FIELD", True)
    assert refused('{"exportType": "INSTANT", "redriveCount": ' + "9" * 5000 + "}").code == "INVALID_FIELD"
