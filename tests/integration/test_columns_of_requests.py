"""Columns that say something of the request, and dates: in the files of a stack."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integration.test_passes import engine, out_of_time, put_many
from integration.world import NOON, World
from tidegate.model import State

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}
FACTS = ["study", "table", "export", "tag", "exportType", "operationId", "windowStart", "windowEnd", "windowDate"]


def test_each_fact_is_that_of_the_operation(world: World) -> None:
    world.define(
        "e", columns=["id", *({"request": fact} for fact in [*FACTS, "requestId", "exportDate"])],
        tableBy=["kind"], timeZone="Asia/Tokyo",
    )  # fmt: skip
    world.put_study("a")
    (record_id,) = world.put_records("a", [NOON - timedelta(hours=2)], kind={"S": "sleep"})
    (done,) = world.export(**{**BODY, "endDateTime": "2026-03-10T11:00:00.5Z"}, export="e", tag="nightly")
    (manifest,) = world.manifests()
    assert world.rows(manifest) == [
        {
            "id": record_id, "study": "a", "table": "sleep", "export": "e", "tag": "nightly", "exportType": "DAILY",
            "operationId": done.operation_id, "requestId": done.request_id, "windowStart": "2026-03-09T11:00:00.500Z",
            "windowEnd": "2026-03-10T11:00:00.500Z", "windowDate": "2026-03-10", "exportDate": "2026-03-10",
        }
    ]  # fmt: skip
    assert manifest["columns"]["sleep"][-1] == {"name": "exportDate", "type": "string"}


def test_an_operation_of_many_invocations_and_days_writes_the_date_of_its_acceptance(world: World) -> None:
    world.define("e", columns=["id", {"request": "exportDate", "date": "iso"}, {"request": "operationId"}])
    ids = put_many(world)
    (operation_id,) = world.submit(**BODY, export="e")
    accepted = world.operation(operation_id).created_at
    while world.operation(operation_id).state is not State.SUCCEEDED:
        world.clock.tick(hours=7)
        assert world.work_once(seconds_left=out_of_time, engine=engine(world)) is not None
    (manifest,) = world.manifests()
    expected = accepted.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert world.rows(manifest) == [{"id": i, "exportDate": expected, "operationId": operation_id} for i in ids]


def test_an_override_has_no_window_and_no_type_to_write(world: World) -> None:
    world.define("e", columns=["id", *({"request": fact} for fact in ("windowEnd", "windowDate", "exportType"))])
    world.put_study("a")
    (record_id,) = world.put_records("a", [NOON])
    world.stack.objects.put("overrides/ids", record_id.encode())
    world.export(recordIdS3Override="overrides/ids", export="e")
    (manifest,) = world.manifests()
    assert world.rows(manifest) == [{"id": record_id}]


def test_a_record_whose_date_is_none_is_listed_and_the_others_are_exported(world: World) -> None:
    world.define("e", columns=["id", {"from": "born", "date": "YYYY-MM-DD"}])
    world.put_study("a")
    (good,) = world.put_records("a", [NOON - timedelta(hours=2)], born={"S": "1980-05-01T00:00:00Z"})
    (bad,) = world.put_records("a", [NOON - timedelta(hours=2)], born={"S": "1980-05-01"})
    (done,) = world.export(**BODY, export="e")
    (manifest,) = world.manifests()
    assert done.state is State.SUCCEEDED
    assert world.rows(manifest) == [{"id": good, "born": "1980-05-01"}]
    listed = world.text(manifest["failedRecords"]["key"])
    assert bad in listed
    assert 'cannot be written as JSONL: column \\"born\\" holds what is no time' in listed
    assert "1980" not in listed


def test_an_unknown_column_delivers_nothing_and_the_corrected_export_covers_the_window(world: World) -> None:
    world.define("e", columns=["id"], unknownColumns="fail")
    world.put_study("a")
    ids = world.put_records("a", [NOON - timedelta(hours=3)])
    ids += world.put_records("a", [NOON - timedelta(hours=2)], dose={"N": "5"})
    (failed,) = world.export(**BODY, export="e")
    assert failed.error is not None
    assert (failed.state, failed.error.code) == (State.FAILED, "UNKNOWN_COLUMN")
    assert (world.keys(), world.watermark("a", "e")) == ([], None)

    world.define("e", columns=["id", "dose"], unknownColumns="fail")
    (done,) = world.export(**BODY, export="e")
    assert done.state is State.SUCCEEDED
    (manifest,) = world.manifests()
    assert world.rows(manifest) == [{"id": ids[0]}, {"id": ids[1], "dose": 5}]


def test_unknown_columns_of_pages_that_are_bytes_are_appended(world: World) -> None:
    world.define("e", columns=["id"], unknownColumns="append", format={"type": "CSV", "compression": "none"})
    put_many(world, count=3)
    world.export(**BODY, export="e")
    (manifest,) = world.manifests()
    assert [column["name"] for column in manifest["columns"][""]] == ["id", "note"]
    assert [row["note"] for row in world.rows(manifest)] == ["x" * 40] * 3
