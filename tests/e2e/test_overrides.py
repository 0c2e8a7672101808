"""Records by id: an override file in S3 says which, whatever their time; no watermark is read or moved."""

from datetime import UTC, datetime

from e2e.outsider import Outsider, record

DAY_1 = "2025-03-01T00:00:00Z"


def test_an_override_exports_these_ids_in_their_order_and_reports_the_missing(outsider: Outsider) -> None:
    for study in ("by-id-1", "by-id-2"):
        outsider.put_study(study)
        outsider.put_records(*(record(study, str(n), DAY_1) for n in range(4)))
    lines = ["by-id-1-3", "", "  by-id-2-0  ", "by-id-1-1", "nowhere-to-be-found", "by-id-1-3", "by-id-1-1"]
    outsider.put_object("ids/windows.txt", "\ufeff" + "\r\n".join(lines))

    rows = outsider.export(recordIdS3Override="ids/windows.txt", tag="by hand")

    of_study = {row["study"]: row for row in rows}
    assert set(of_study) == {"by-id-1", "by-id-2", None}
    assert outsider.ids(of_study["by-id-1"]) == ["3", "1"]
    assert outsider.ids(of_study["by-id-2"]) == ["0"]
    missing = of_study[None]
    assert missing["outcome"] == "NOTHING_NEW"
    assert missing["result"]["counts"]["missing"] == 1
    assert "nowhere-to-be-found" in outsider.read(missing["result"]["failedRecords"]["key"]).decode()
    assert [outsider.watermark(study) for study in ("by-id-1", "by-id-2")] == [None, None]
    first = of_study["by-id-1"]
    key = first["result"]["manifest"]["key"]
    assert f"/dt={datetime.now(UTC):%Y-%m-%d}/override={first['operationId']}/" in key
    manifest = outsider.manifest_of(first)
    assert (manifest["window"], manifest["exportType"], manifest["previousManifest"]) == (None, None, None)


def test_an_override_with_a_whitelist_counts_the_ids_of_other_studies(outsider: Outsider) -> None:
    for study in ("wanted", "unwanted"):
        outsider.put_study(study)
        outsider.put_records(record(study, "1", DAY_1), record(study, "2", DAY_1))
    outsider.put_object("ids/both.txt", "wanted-2\nunwanted-1\nunwanted-2")

    (row,) = outsider.export(s3override="ids/both.txt", studyWhitelist=["wanted"])

    assert outsider.ids(row) == ["2"]
    assert outsider.manifest_of(row)["skipped"]["filtered"] == 2


def test_an_override_may_lie_in_a_bucket_that_the_template_names(outsider: Outsider) -> None:
    outsider.s3.create_bucket(Bucket="override-files")
    outsider.put_study("elsewhere-listed")
    outsider.put_records(record("elsewhere-listed", "1", DAY_1))
    outsider.put_object("some/ids.txt", "elsewhere-listed-1\n", bucket="override-files")

    (row,) = outsider.export(recordIdS3Override="s3://override-files/some/ids.txt")

    assert outsider.ids(row) == ["1"]


def test_an_override_of_ids_that_are_nowhere_fails_and_lists_them(outsider: Outsider) -> None:
    outsider.put_object("ids/none.txt", "nothing-1\nnothing-2\n")

    (row,) = outsider.ended(outsider.send({"recordIdS3Override": "ids/none.txt"}))

    assert (row["state"], row["study"], row["error"]["code"]) == ("FAILED", None, "OVERRIDE_EMPTY")
    assert "nothing-2" in outsider.read(row["result"]["failedRecords"]["key"]).decode()


def test_a_file_that_changes_after_the_request_changes_nothing(outsider: Outsider) -> None:
    outsider.put_study("frozen")
    outsider.put_records(record("frozen", "1", DAY_1), record("frozen", "2", DAY_1))
    outsider.put_object("ids/frozen.txt", "frozen-1")
    body = {"recordIdS3Override": "ids/frozen.txt", "requestId": "frozen"}
    outsider.send(body)
    (first,) = outsider.ended("frozen")

    outsider.put_object("ids/frozen.txt", "frozen-2")
    outsider.send(body)

    assert outsider.ended("frozen") == [first]
    assert outsider.ids(first) == ["1"]
