"""Windows and watermarks as someone outside sees them: records and messages in, files and watermarks out."""

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from e2e.outsider import Outsider, at, millis, record, text
from tidegate_local.waiting import wait_for

DAY_1, DAY_2, DAY_3, DAY_4 = (f"2025-03-0{day}T00:00:00Z" for day in (1, 2, 3, 4))
LAST_OF_DAY_1 = "2025-03-01T23:59:59.999Z"
# Word for word from the original design.
SAMPLE_MESSAGE = (
    '{"endDateTime": "2016-10-04T23:59:59Z", "startDateTime": "2016-10-03T23:59:59Z", "exportType": "DAILY",\n'
    '     "ignoreLastExportTime": "true", "tag": "test exporter"}'
)
FORGOTTEN_WITHIN_SECONDS = 300
"""Within which a deleted study loses its watermark."""


def watermark_item(key: str, end: str) -> dict[str, dict[str, str]]:
    """The whole item: exactly two attributes."""
    return {"studyId": {"S": key}, "lastExportDateTime": {"N": str(millis(at(end)))}}


def test_a_daily_export_has_its_window_and_nothing_else(outsider: Outsider) -> None:
    outsider.put_study("daily")
    moments = {"before": "2025-02-28T23:59:59.999Z", "start": DAY_1, "last": LAST_OF_DAY_1, "end": DAY_2}
    outsider.put_records(*(record("daily", name, moment) for name, moment in moments.items()))

    first = outsider.export_daily("daily", DAY_2)

    assert outsider.ids(first) == ["start", "last"]
    assert (first["outcome"], first["window"]) == ("EXPORTED", {"start": text(at(DAY_1)), "end": text(at(DAY_2))})
    assert outsider.watermark("daily") == watermark_item("daily", DAY_2)
    directory = "exports/export=default/study=daily/dt=2025-03-02/20250301T000000.000Z_20250302T000000.000Z"
    assert outsider.keys("daily") == [f"{directory}/manifest.json", f"{directory}/part-00001.csv.gz"]

    second = outsider.export_daily("daily", DAY_3)

    assert outsider.ids(second) == ["end"]


def test_an_identical_second_request_exports_nothing(outsider: Outsider) -> None:
    outsider.put_study("repeated")
    outsider.put_records(record("repeated", "only", DAY_1))
    outsider.export_daily("repeated", DAY_2)
    files = outsider.keys("repeated")

    again = outsider.export_daily("repeated", DAY_2)

    assert (again["outcome"], again["progress"]["records"], again["result"]["manifest"]) == ("NOTHING_NEW", 0, None)
    assert outsider.keys("repeated") == files
    assert outsider.watermark("repeated") == watermark_item("repeated", DAY_2)


def test_of_two_identical_requests_at_once_one_exports_nothing(outsider: Outsider) -> None:
    outsider.put_study("at-once")
    outsider.put_records(record("at-once", "only", DAY_1))
    body = json.dumps({"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["at-once"]})

    rows = outsider.ended(*outsider.send_together([body, body]))

    assert sorted((row["outcome"], row["progress"]["records"]) for row in rows) == [("EXPORTED", 1), ("NOTHING_NEW", 0)]
    assert len(outsider.manifests("at-once")) == 1


def test_the_same_request_id_is_the_same_request(outsider: Outsider) -> None:
    outsider.put_study("same-id")
    body = {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["same-id"], "requestId": "same-id"}
    outsider.send(body)
    first = outsider.ended("same-id")

    outsider.send(body)

    assert outsider.ended("same-id") == first
    assert len(first) == 1


def test_windows_abut_and_each_manifest_names_the_one_before(outsider: Outsider) -> None:
    outsider.put_study("chained")
    outsider.put_records(*(record("chained", f"r{hour}", at(DAY_1) + timedelta(hours=hour)) for hour in range(72)))
    ended = [outsider.export_daily("chained", end) for end in (DAY_2, DAY_3, DAY_4)]

    assert [outsider.ids(one) for one in ended] == [[f"r{n}" for n in range(d * 24, d * 24 + 24)] for d in range(3)]
    manifests = [outsider.manifest_of(one) for one in ended]
    ends = [text(at(day)) for day in (DAY_1, DAY_2, DAY_3, DAY_4)]
    assert [one["window"] for one in manifests] == [{"start": s, "end": e} for s, e in itertools.pairwise(ends)]
    assert [one["watermark"] for one in manifests] == [
        {"before": None, "after": ends[1]},
        {"before": ends[1], "after": ends[2]},
        {"before": ends[2], "after": ends[3]},
    ]
    keys = [one["result"]["manifest"]["key"] for one in ended]
    before = [{"key": key, "sha256": hashlib.sha256(outsider.read(key)).hexdigest()} for key in keys]
    assert [one["previousManifest"] for one in manifests] == [None, *before[:2]]


def test_an_hourly_export_begins_an_hour_before_its_end_and_later_at_the_watermark(outsider: Outsider) -> None:
    outsider.put_study("hourly")
    moments = ("09:59:59.999", "10:00:00.000", "10:59:59.999", "11:00:00.000", "12:30:00.000")
    outsider.put_records(*(record("hourly", moment, f"2025-03-01T{moment}Z") for moment in moments))

    first, second = (
        outsider.export(exportType="hourly", endDateTime=f"2025-03-01T{hour}:00:00Z", studyWhitelist=["hourly"])
        for hour in ("11", "13")
    )

    assert outsider.ids(first[0]) == ["10:00:00.000", "10:59:59.999"]
    assert outsider.ids(second[0]) == ["11:00:00.000", "12:30:00.000"]


def test_an_instant_export_ends_where_records_have_settled(outsider: Outsider) -> None:
    outsider.put_study("instant")
    now = datetime.now(UTC)
    ages = {"a-day-and-more": 86_700, "settled": 120, "fresh": 2}
    outsider.put_records(*(record("instant", name, now - timedelta(seconds=age)) for name, age in ages.items()))

    (row,) = outsider.export(exportType="INSTANT", studyWhitelist=["instant"])

    assert outsider.ids(row) == ["settled"]
    end = at(row["window"]["end"])
    assert end == at(row["createdAt"]) - timedelta(seconds=60)
    assert outsider.watermark("instant") == watermark_item("instant", row["window"]["end"])


def test_a_window_whose_end_has_not_settled_sleeps_until_it_has(outsider: Outsider) -> None:
    outsider.put_study("sleeper")
    end = datetime.now(UTC) - timedelta(seconds=55)
    outsider.put_records(record("sleeper", "only", end - timedelta(minutes=1)))

    sent = outsider.send({"exportType": "HOURLY", "endDateTime": text(end), "studyWhitelist": ["sleeper"]})
    (asleep,) = wait_for(lambda: outsider.operations(sent), what="the operation", every=0.01)

    assert (asleep["state"], asleep["startAfter"]) == ("SLEEPING", text(at(text(end)) + timedelta(seconds=60)))
    # Each tick starts what is due; the rule would send one within a minute.
    wait_for(lambda: outsider.invoke("TickFunctionName", {})["woken"], what="the tick that wakes it", every=0.5)
    (row,) = outsider.ended(sent)
    assert outsider.ids(row) == ["only"]
    assert at(row["startedAt"]) >= at(asleep["startAfter"])


def test_the_sample_message_of_the_design_exports_its_window_and_leaves_the_watermark(outsider: Outsider) -> None:
    outsider.put_study("sampled")
    moments = {"before": "2016-10-03T23:59:58.999Z", "start": "2016-10-03T23:59:59Z", "end": "2016-10-04T23:59:59Z"}
    outsider.put_records(*(record("sampled", name, moment) for name, moment in moments.items()))
    outsider.export_daily("sampled", DAY_2)
    before = outsider.watermark("sampled")

    rows = outsider.ended(outsider.send(SAMPLE_MESSAGE))

    (row,) = [row for row in rows if row["study"] == "sampled"]
    assert (row["state"], row["tag"], outsider.ids(row)) == ("SUCCEEDED", "test exporter", ["start"])
    assert f"/reexport={row['operationId']}/" in row["result"]["manifest"]["key"]
    manifest = outsider.manifest_of(row)
    assert (manifest["watermark"], manifest["previousManifest"]) == ({"before": None, "after": None}, None)
    assert outsider.watermark("sampled") == before == watermark_item("sampled", DAY_2)


@pytest.mark.parametrize("flag", [{"ignoreLastExportDateTime": True}, {"useLastExportTime": "false"}])
def test_a_request_that_ignores_the_watermark_creates_none(outsider: Outsider, flag: dict[str, object]) -> None:
    study = f"ignored-by-{next(iter(flag))}"
    outsider.put_study(study)
    outsider.put_records(record(study, "only", DAY_1))

    row = outsider.export_daily(study, DAY_2, **flag)

    assert outsider.ids(row) == ["only"]
    assert outsider.watermark(study) is None


def test_every_enabled_study_takes_part_but_those_with_a_schedule_of_their_own(outsider: Outsider) -> None:
    outsider.define("everyone")
    outsider.put_study("takes-part", enabled=True)
    outsider.put_study("disabled", enabled=False)
    outsider.put_study("own-schedule", usesCustomExportSchedule=True)
    for study in ("takes-part", "disabled", "own-schedule"):
        outsider.put_records(record(study, "only", DAY_1))

    rows = outsider.export(exportType="DAILY", endDateTime=DAY_2, export="everyone")

    studies = {row["study"] for row in rows}
    assert "takes-part" in studies
    assert studies.isdisjoint({"disabled", "own-schedule"})
    chosen = outsider.export_daily("own-schedule", DAY_2, export="everyone")
    assert outsider.ids(chosen) == ["only"]


def test_a_whitelist_exports_these_studies_and_no_others(outsider: Outsider) -> None:
    for study in ("listed-1", "listed-2", "unlisted"):
        outsider.put_study(study)
        outsider.put_records(record(study, "only", DAY_1))

    rows = outsider.export(exportType="DAILY", endDateTime=DAY_2, appWhitelist=["listed-2", "listed-1", "listed-2"])

    assert sorted((row["study"], outsider.ids(row)) for row in rows) == [("listed-1", ["only"]), ("listed-2", ["only"])]
    assert outsider.watermark("unlisted") is None


def test_each_export_has_a_watermark_of_its_own(outsider: Outsider) -> None:
    outsider.define("partner-nightly", firstExportFrom="2025-01-01T00:00:00Z", format={"type": "JSONL"})
    outsider.put_study("shared")
    outsider.put_records(record("shared", "old", "2025-01-01T00:00:00Z"), record("shared", "new", DAY_1))

    own = outsider.export_daily("shared", DAY_2)
    partner = outsider.export_daily("shared", DAY_3, export="partner-nightly")

    assert (outsider.ids(own), outsider.ids(partner)) == (["new"], ["old", "new"])
    assert outsider.watermark("shared") == watermark_item("shared", DAY_2)
    assert outsider.watermark("partner-nightly/shared") == watermark_item("partner-nightly/shared", DAY_3)


def test_one_studys_failure_stops_no_other_and_the_next_request_covers_the_gap(outsider: Outsider) -> None:
    outsider.define("strict", rowLimit=2)
    for study, count in (("too-many", 3), ("few", 2)):
        outsider.put_study(study)
        outsider.put_records(*(record(study, str(n), at(DAY_1) + timedelta(hours=n)) for n in range(count)))
    request = {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["too-many", "few"], "export": "strict"}

    rows = {row["study"]: row for row in outsider.ended(outsider.send(request))}

    assert (rows["too-many"]["state"], rows["too-many"]["error"]["code"]) == ("FAILED", "ROW_LIMIT")
    assert (outsider.watermark("strict/too-many"), outsider.keys("too-many", "strict")) == (None, [])
    assert outsider.ids(rows["few"]) == ["0", "1"]
    assert outsider.watermark("strict/few") == watermark_item("strict/few", DAY_2)

    outsider.define("strict", firstExportFrom=DAY_1)
    covering = outsider.export_daily("too-many", DAY_3, export="strict")
    assert outsider.ids(covering) == ["0", "1", "2"]


def test_a_deleted_study_loses_its_watermark_and_comes_back_without_one(outsider: Outsider) -> None:
    outsider.put_study("deleted")
    outsider.put_records(record("deleted", "only", DAY_1))
    outsider.export_daily("deleted", DAY_2)
    assert outsider.watermark("deleted") == watermark_item("deleted", DAY_2)

    outsider.delete_study("deleted")

    def forgotten() -> bool:
        outsider.invoke("TickFunctionName", {})
        return outsider.watermark("deleted") is None

    wait_for(forgotten, what="the watermark to go", within=FORGOTTEN_WITHIN_SECONDS, every=2)
    outsider.put_study("deleted")
    again = outsider.export_daily("deleted", DAY_2)
    assert outsider.ids(again) == ["only"]
    assert outsider.manifest_of(again)["previousManifest"] is None
