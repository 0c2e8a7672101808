from __future__ import annotations

import json
from typing import Any

import pytest

from integration.damage import (
    ASTHMA,
    at,
    correct_part,
    export_hours,
    manifest_keys,
    note_move,
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
from integration.faults import Call, Crash, Faults
from integration.world import World
from tidegate.instants import rfc3339
from tidegate.model import Pair, Window
from tidegate.upkeep import Report
from tidegate.verify import Verification

FORMATS = [("CSV", "gzip"), ("CSV", "none"), ("JSON", "gzip"), ("JSONL", "none"), ("Parquet", "zstd")]


def use_format(world: World, kind: str, compression: str) -> None:
    source = {"type": "dynamodb", "table": "Record", "index": "study-uploadedOn-index", "recordKey": "id"}
    document = {"exportId": "default", "source": source, "format": {"type": kind, "compression": compression}}
    world.stack.service().put_export(document, None, world.clock())


@pytest.mark.parametrize(("kind", "compression"), FORMATS)
def test_a_sound_chain_is_followed_to_its_start_and_everything_in_it_counted(
    world: World, kind: str, compression: str
) -> None:
    use_format(world, kind, compression)
    export_hours(world)
    report = verify(world)
    assert report.ok
    assert not report.remarks
    assert (report.windows, report.parts, report.records) == (3, 3, 12)
    assert report.watermark == at(3)
    assert report.span is not None
    assert report.span.end == at(3)


def test_verifying_writes_nothing(world: World) -> None:
    export_hours(world)
    before = world.keys(""), world.watermark("asthma"), len(world.stack.service().operations(limit=None))
    verify(world, against_source=True)
    assert before == (world.keys(""), world.watermark("asthma"), len(world.stack.service().operations(limit=None)))


def test_a_deleted_part_is_found_and_its_window_repaired_without_moving_the_watermark(world: World) -> None:
    export_hours(world)
    world.stack.objects.remove(part_keys(world)[1:2])
    report = verify(world)
    found = only(report)
    assert (found.code, found.window) == ("PART_MISSING", Window(at(1), at(2)))
    (body,) = repair(world, report)
    assert (body["startDateTime"], body["endDateTime"]) == (rfc3339(at(1)), rfc3339(at(2)))
    assert body["tag"] == "repair; verify found PART_MISSING"
    assert world.watermark("asthma") == at(3)
    cured = verify(world, against_source=True)
    assert cured.ok
    assert notes(cured)["PART_MISSING"].cured_by in manifest_keys(world)
    assert repair(world, cured) == []


@pytest.mark.parametrize(("kind", "compression"), FORMATS)
def test_a_flipped_byte_is_found_wherever_it_is(world: World, kind: str, compression: str) -> None:
    use_format(world, kind, compression)
    export_hours(world, ends=(1,))
    (key,) = part_keys(world)
    data = world.data(key)
    for place in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[place] ^= 1
        world.stack.objects.put(key, bytes(flipped))
        found = only(verify(world))
        assert (found.code, found.key) == ("PART_CHANGED", key)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_missing_manifest_is_found_and_what_lies_behind_it_is_still_checked(world: World, place: int) -> None:
    export_hours(world)
    world.stack.objects.remove([manifest_keys(world)[place]])
    report = verify(world)
    found = only(report)
    assert (found.code, found.window and found.window.end) == ("MANIFEST_MISSING", at(place + 1))
    assert (report.windows, report.records) == (3, 8)
    repair(world, report)
    assert verify(world, against_source=True).ok


def test_damage_behind_a_missing_manifest_is_found_too(world: World) -> None:
    export_hours(world)
    world.stack.objects.remove([manifest_keys(world)[1], part_keys(world)[0]])
    assert sorted(off(verify(world))) == ["MANIFEST_MISSING", "PART_MISSING"]


def test_a_changed_manifest_is_found_by_its_successors_hash_and_the_last_by_the_chain_heads(world: World) -> None:
    export_hours(world)
    for place in (0, 2):
        key = manifest_keys(world)[place]
        original = world.data(key)
        world.stack.objects.put(key, original.replace(b'"tag": "(no tag)"', b'"tag": "changed!"'))
        assert only(verify(world)).code == "MANIFEST_CHANGED"
        world.stack.objects.put(key, b"{")
        assert only(verify(world)).code == "MANIFEST_UNREADABLE"
        world.stack.objects.put(key, original)
    assert verify(world).ok


def test_a_record_deleted_from_a_part_with_all_hashes_corrected_is_found_by_the_count(world: World) -> None:
    export_hours(world)
    data = rewrite_part(world, part_keys(world)[1], without_second_line)

    def correct(number: int, manifest: dict[str, Any]) -> None:
        if number == 1:
            correct_part(manifest["parts"][0], data)

    rewrite_chain(world, correct)
    found = only(verify(world))
    assert found.code == "COUNT_WRONG"
    assert "holds 3 records, its manifest says 4" in found.message


def test_a_manifest_whose_sum_is_not_that_of_its_parts_is_found(world: World) -> None:
    export_hours(world)
    rewrite_chain(world, lambda number, manifest: manifest.update(records=5) if number == 1 else None)
    assert only(verify(world)).code == "COUNT_WRONG"


def test_a_part_that_is_not_of_its_format_is_found_even_with_its_hash_corrected(world: World) -> None:
    export_hours(world, ends=(1,))
    data = rewrite_part(world, part_keys(world)[0], lambda data: data[:-5])
    rewrite_chain(world, lambda _, manifest: correct_part(manifest["parts"][0], data))
    assert only(verify(world)).code == "PART_UNREADABLE"


def test_a_watermark_moved_ahead_behind_tidegates_back_is_a_gap_then_and_later(world: World) -> None:
    export_hours(world)
    world.put_records("asthma", [at(3.5)])
    world.set_watermark("asthma", at(4))
    found = only(verify(world))
    assert (found.code, found.window) == ("WATERMARK_AHEAD", Window(at(3), at(4)))
    world.export(exportType="HOURLY", endDateTime=rfc3339(at(5)))
    report = verify(world)
    assert (only(report).code, only(report).window) == ("GAP", Window(at(3), at(4)))
    repair(world, report)
    assert verify(world, against_source=True).ok
    assert world.watermark("asthma") == at(5)


def test_a_watermark_moved_back_behind_tidegates_back_is_an_overlap_that_no_export_cures(world: World) -> None:
    export_hours(world)
    world.set_watermark("asthma", at(2))
    assert only(verify(world)).code == "WATERMARK_BEHIND"
    world.export(exportType="HOURLY", endDateTime=rfc3339(at(4)))
    report = verify(world)
    assert (only(report).code, only(report).window) == ("OVERLAP", Window(at(2), at(3)))
    assert repair(world, report) == []
    assert off(verify(world, against_source=True)) == ["OVERLAP", "RECORDS_TWICE"]


@pytest.mark.parametrize(("to", "code"), [(2, "OVERLAP_EXPLAINED"), (4, "GAP_EXPLAINED"), (3, "CHAIN_RESTARTED")])
def test_a_watermark_set_by_hand_is_reported_with_the_audit_event_and_is_no_fault(
    world: World, to: int, code: str
) -> None:
    export_hours(world)
    world.clock.tick(minutes=1)
    if code == "CHAIN_RESTARTED":
        world.stack.ledger.pairs("default/asthma").update(actions=[world.stack.ledger.pairs.headKey.remove()])
        note_move(world, None, "WATERMARK_DELETED", "moved house")
    note_move(world, at(to), "WATERMARK_SET", "partner lost its disk")
    world.set_watermark("asthma", at(to))
    assert verify(world).ok
    world.clock.tick(minutes=1)
    world.export(exportType="HOURLY", endDateTime=rfc3339(at(5)))
    report = verify(world, against_source=True)
    assert report.ok
    explained = notes(report)[code].explained_by
    assert explained is not None
    assert (explained.actor, explained.reason) == ("night shift", "partner lost its disk")


def test_a_watermark_that_was_taken_over_is_reported_and_is_no_fault(world: World) -> None:
    world.set_watermark("asthma", at(0))
    export_hours(world)
    report = verify(world)
    assert report.ok
    assert "it was there before Tidegate's first export" in notes(report)["CHAIN_START"].message


def test_a_watermark_that_is_gone_is_found(world: World) -> None:
    export_hours(world)
    row = world.stack.ledger.watermarks
    row("asthma").delete()
    assert only(verify(world)).code == "WATERMARK_MISSING"


def test_a_deleted_and_recreated_study_has_two_chains_and_the_deletion_explains_both(world: World) -> None:
    export_hours(world)
    world.delete_study("asthma")
    world.clock.tick(minutes=2)
    world.stack.upkeep().forget(ASTHMA, world.clock(), Report())
    assert "CHAIN_CLOSED" in notes(verify(world))
    world.clock.tick(minutes=2)
    world.put_study("asthma")
    world.export(exportType="DAILY", endDateTime=rfc3339(at(3)))
    report = verify(world, against_source=True)
    assert report.ok
    assert "OVERLAP_EXPLAINED" in notes(report)


def test_a_second_chain_and_files_that_no_manifest_names_are_found(world: World) -> None:
    export_hours(world)
    first = manifest_keys(world)[0]
    forged = json.loads(world.text(first))
    forged["window"] = {"start": rfc3339(at(2.25)), "end": rfc3339(at(2.5))}
    forged |= {"parts": [], "records": 0, "columns": {}, "createdAt": rfc3339(world.clock())}
    folder = first.rsplit("/", 2)[0]
    second = f"{folder}/20260309T141500.000Z_20260309T143000.000Z/manifest.json"
    world.stack.objects.put(second, json.dumps(forged).encode())
    world.stack.objects.put(first.replace("manifest.json", "part-00009.jsonl"), b"{}\n")
    assert sorted(off(verify(world))) == ["OVERLAP", "UNNAMED_FILES"]


def test_manifests_beyond_the_chain_head_are_found(world: World) -> None:
    export_hours(world)
    keys = manifest_keys(world)
    rows = world.stack.ledger.pairs
    previous = json.loads(world.text(keys[2]))["previousManifest"]
    rows("default/asthma").update(
        actions=[rows.headEnd.set(at(2)), rows.headKey.set(keys[1]), rows.headSha256.set(previous["sha256"])]
    )
    assert off(verify(world)) == ["SECOND_CHAIN", "WATERMARK_AHEAD"]


def test_a_lost_chain_head_is_found(world: World) -> None:
    export_hours(world)
    world.stack.ledger.pairs("default/asthma").delete()
    assert off(verify(world)) == ["HEAD_MISSING"]


def test_a_window_that_is_just_being_committed_is_no_fault(world: World, faults: Faults) -> None:
    export_hours(world)
    world.put_records("asthma", [at(3.5)])
    ids = world.submit(exportType="HOURLY", endDateTime=rfc3339(at(4)))

    def crash(_number: int, call: Call) -> None:
        writes = call.params.get("TransactItems", ()) if call.name == "TransactWriteItems" else ()
        if any(write.get("Update", {}).get("TableName") == "ExportTime" for write in writes):
            raise Crash

    faults.before = crash
    with pytest.raises(Crash):
        world.work_once()
    faults.before = None
    assert not world.operation(ids[0]).state.final
    assert len(manifest_keys(world)) == 4
    assert verify(world).ok


def test_pairs_are_those_with_a_row_a_watermark_or_files_and_can_be_narrowed(world: World) -> None:
    export_hours(world, ends=(1,))
    export_hours(world, ends=(1,), study="sleep ~/%"[:6])
    world.set_watermark("taken", at(0))
    world.stack.ledger.pairs("default/asthma").delete()
    world.stack.ledger.watermarks("asthma").delete()
    verification = Verification(world.stack.ledger, world.stack.objects, world.stack.source_of, lambda _: None)  # type: ignore[arg-type, return-value]
    assert verification.pairs() == [ASTHMA, Pair("default", "sleep "), Pair("default", "taken")]
    assert verification.pairs("default", ["taken"]) == [Pair("default", "taken")]
    assert verification.pairs("partner") == []
    assert verify(world, Pair("default", "taken")).ok
