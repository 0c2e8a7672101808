from __future__ import annotations

import json
from typing import Any

import pytest

from integration.damage import (
    at,
    correct_part,
    export_hours,
    notes,
    off,
    only,
    part_keys,
    repair,
    rewrite_chain,
    rewrite_part,
    verify,
    without_second_line,
)
from integration.world import World
from tidegate.instants import rfc3339, to_millis
from tidegate.model import Window

INDEX = "study-uploadedOn-index"


def define(world: World, kind: str = "CSV", compression: str = "gzip", **more: Any) -> None:
    source = {"type": "dynamodb", "table": "Record", "index": INDEX, "recordKey": "id", **more.pop("source", {})}
    document = {"exportId": "default", "source": source, "format": {"type": kind, "compression": compression}, **more}
    world.stack.service().put_export(document, None, world.clock())


def restamp(world: World, record_id: str, hours: float) -> None:
    world.stack.clients.dynamodb.update_item(
        TableName="Record",
        Key={"id": {"S": record_id}},
        UpdateExpression="SET uploadedOn = :at",
        ExpressionAttributeValues={":at": {"N": str(to_millis(at(hours)))}},
    )


def delete(world: World, record_id: str) -> None:
    world.stack.clients.dynamodb.delete_item(TableName="Record", Key={"id": {"S": record_id}})


@pytest.mark.parametrize("kind", ["CSV", "TSV", "JSON", "JSONL"])
@pytest.mark.parametrize("source", [{}, {"index": None}])
def test_what_the_source_has_is_what_the_parts_hold(world: World, kind: str, source: dict[str, Any]) -> None:
    define(world, kind, source=source)
    export_hours(world)
    world.put_records("asthma", [at(4)])
    report = verify(world, against_source=True)
    assert report.ok
    assert not report.remarks
    assert report.source is not None
    assert (report.source.records, report.source.missing, report.source.duplicates) == (12, 0, 0)


def test_a_record_deleted_from_a_part_with_everything_corrected_is_missing_and_a_repair_brings_it_back(
    world: World,
) -> None:
    export_hours(world)
    removed = json.loads(world.data(part_keys(world)[1]).splitlines()[1])["id"]
    data = rewrite_part(world, part_keys(world)[1], without_second_line)

    def correct(number: int, manifest: dict[str, Any]) -> None:
        if number == 1:
            correct_part(manifest["parts"][0], data, records=3)
            manifest["records"] = 3

    rewrite_chain(world, correct)
    assert verify(world).ok
    report = verify(world, against_source=True)
    found = only(report)
    assert (found.code, found.window, found.records) == ("RECORDS_MISSING", Window(at(1), at(2)), (removed,))
    (body,) = repair(world, report)
    assert (body["startDateTime"], body["endDateTime"]) == (rfc3339(at(1)), rfc3339(at(2)))
    assert verify(world, against_source=True).ok


def test_a_record_that_became_visible_after_its_window_was_read_is_missing(world: World) -> None:
    export_hours(world)
    (late,) = world.put_records("asthma", [at(0.6)])
    found = only(verify(world, against_source=True))
    assert (found.code, found.window, found.records) == ("RECORDS_MISSING", Window(at(0), at(1)), (late,))


def test_records_that_were_restamped_or_deleted_are_listed_apart_and_are_no_fault(world: World) -> None:
    export_hours(world, ends=(1, 2))
    ids = sorted(row["id"] for manifest in world.manifests() for row in world.rows(manifest))
    restamp(world, ids[1], 2.5)
    restamp(world, ids[2], 30)
    delete(world, ids[3])
    world.export(exportType="HOURLY", endDateTime=rfc3339(at(3)))
    report = verify(world, against_source=True)
    assert report.ok
    assert report.source is not None
    assert (report.source.changed, report.source.deleted, report.source.missing) == (2, 1, 0)
    assert {"RECORDS_CHANGED", "RECORDS_DELETED"} == set(notes(report))


def test_a_record_that_is_in_two_parts_of_the_chain_is_found(world: World) -> None:
    export_hours(world)
    stolen = world.data(part_keys(world)[0]).splitlines(keepends=True)[1]
    data = rewrite_part(world, part_keys(world)[1], lambda data: data + stolen)

    def correct(number: int, manifest: dict[str, Any]) -> None:
        if number == 1:
            correct_part(manifest["parts"][0], data, records=5)
            manifest["records"] = 5

    rewrite_chain(world, correct)
    report = verify(world, against_source=True)
    assert off(report) == ["RECORDS_TWICE"]
    assert only(report).records == (json.loads(stolen)["id"],)


def test_parts_without_id_or_time_are_said_not_to_be_comparable_and_that_is_no_fault(world: World) -> None:
    define(world, columns=["id", "studyId"])
    export_hours(world)
    report = verify(world, against_source=True)
    assert report.ok
    assert list(notes(report)) == ["NOT_COMPARABLE"]
    assert report.source is not None
    assert not report.source.comparable


def test_windows_whose_parts_carry_no_time_are_left_out_and_the_others_compared(world: World) -> None:
    define(world, columns=["id"])
    export_hours(world, ends=(1,))
    define(world, columns=[{"from": "uploadedOn", "as": "at"}, {"from": "id", "as": "record"}])
    world.put_records("asthma", [at(1.5)])
    world.export(exportType="HOURLY", endDateTime=rfc3339(at(2)))
    report = verify(world, against_source=True)
    assert report.ok
    assert report.source is not None
    assert report.source.records == 1
    assert notes(report)["NOT_COMPARABLE"].window is not None


@pytest.mark.parametrize("record_id", ["=1+1", "-5", "@x", "a,b", 'quo"te', "two\nlines", "\u2028\x85", "'=1"])
@pytest.mark.parametrize("kind", ["CSV", "JSONL"])
def test_ids_that_a_format_writes_in_its_own_way_are_the_same_ids(world: World, record_id: str, kind: str) -> None:
    define(world, kind)
    world.put_study("asthma")
    item = {"id": {"S": record_id}, "studyId": {"S": "asthma"}, "uploadedOn": {"N": str(to_millis(at(0.5)) + 0.25)}}
    world.stack.clients.dynamodb.put_item(TableName="Record", Item=item)
    export_hours(world, ends=(1,))
    report = verify(world, against_source=True)
    assert report.ok
    assert not report.remarks
    assert report.source is not None
    assert report.source.records == 5


def test_a_source_that_cannot_be_read_is_a_problem_of_its_pair(world: World) -> None:
    export_hours(world)
    world.stack.clients.dynamodb.delete_table(TableName="Record")
    assert off(verify(world, against_source=True)) == ["SOURCE_UNREADABLE"]
    assert verify(world).ok


def test_a_record_in_a_redrive_list_is_not_missing_and_a_list_that_is_gone_is_found(world: World) -> None:
    define(world, "JSONL", "none", tableBy=["studyId"])
    export_hours(world, ends=(1,))
    (part,) = part_keys(world)
    removed = json.loads(world.data(part).splitlines()[1])["id"]
    data = rewrite_part(world, part, without_second_line)
    listed = part.partition("table=")[0] + "failed-records.jsonl"
    world.stack.objects.put(listed, json.dumps({"key": [removed], "reason": "too long"}).encode() + b"\n")

    def correct(_: int, manifest: dict[str, Any]) -> None:
        correct_part(manifest["parts"][0], data, records=3)
        manifest |= {"records": 3, "failedRecords": {"count": 1, "key": listed}}

    rewrite_chain(world, correct)
    report = verify(world, against_source=True)
    assert report.ok
    assert list(notes(report)) == ["RECORDS_FAILED"]
    world.stack.objects.remove([listed])
    assert off(verify(world)) == ["FAILED_LIST_MISSING"]
