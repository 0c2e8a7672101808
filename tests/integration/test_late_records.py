"""Late records: stamped before the last end, visible only after it was read; in the next file, once (SPEC 3)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.damage import verify
from integration.faults import Crash, Faults
from integration.lagging import Tide, ago
from integration.resources import INDEX
from integration.sealing import die_at
from integration.world import DEFAULT, NOON, World
from tidegate.instants import rfc3339
from tidegate.job import QUEUE_VISIBILITY_SECONDS
from tidegate.model import Pair, State
from tidegate.sweep import sweep_memories


@pytest.fixture
def tide(world: World) -> Tide:
    return Tide(world)


def define(world: World, **changes: Any) -> None:
    """The default export, but for these changes."""
    source = {"type": "dynamodb", "table": "Record", **DEFAULT["source"], **changes.pop("source", {})}
    source["table"] = "Record"
    document = {**DEFAULT, "exportId": "default", **changes, "source": source}
    world.stack.service().put_export(document, None, world.clock())


def skipped(world: World, study: str = "a") -> list[int]:
    return [manifest["skipped"]["duplicate"] for manifest in world.manifests(study)]


def test_a_late_record_is_in_the_next_file_once_and_never_again(tide: Tide) -> None:
    (early, last) = tide.put(58, 31)
    (late,) = tide.put(35, late=True)
    tide.export(30)
    tide.hidden.clear()
    (new,) = tide.put(20)
    tide.export(15)
    tide.export(5)
    assert tide.files() == [[early, last], [late, new], []]
    assert skipped(tide.world) == [0, 1, 1]
    second = tide.world.manifests("a")[1]
    assert second["window"] == {"start": rfc3339(ago(30)), "end": rfc3339(ago(15))}
    assert tide.world.watermark("a") == ago(5)
    report = verify(tide.world, Pair("default", "a"), against_source=True)
    assert report.ok, report.remarks
    assert report.remarks == ()


def test_windows_shorter_than_the_look_back_find_a_record_as_long_as_it_lies_within_it(tide: Tide) -> None:
    shown = [tide.put(59 - 5 * number)[0] for number in range(6)]
    late, too_late = tide.put(52, 53.5, late=True)
    for minutes in range(58, 29, -4):
        if minutes <= 42:
            tide.hidden = {too_late}
        if minutes <= 34:
            tide.hidden = set()
        tide.export(minutes)
    found = [record_id for window in tide.files() for record_id in window]
    assert sorted(found) == sorted([*shown, late])
    assert [late in window for window in tide.files()].index(True) == 4
    assert len(tide.memories()) == 1


def test_what_is_remembered_is_bounded_by_the_look_back_and_named_by_the_chain_head(tide: Tide) -> None:
    tide.put(*range(10, 60))
    tide.export(20)
    (key,) = tide.memories()
    head = tide.world.stack.ledger.pairs.standing(Pair("default", "a")).head
    assert head is not None
    assert head.memory is not None
    assert head.memory.key == key
    header, *marks = gzip.decompress(tide.world.data(key)).splitlines()
    assert json.loads(header)["since"] == rfc3339(ago(35))
    assert len(marks) == 15
    tide.export(5)
    assert tide.memories() != [key]
    assert len(tide.memories()) == 1


def test_without_a_look_back_nothing_is_remembered_asked_or_called(tide: Tide, faults: Faults) -> None:
    define(tide.world, lookbackSeconds=0)
    tide.put(40)
    tide.export(30)
    tide.put(35)
    faults.clear()
    tide.export(15)
    assert [len(window) for window in tide.files()] == [1, 0]
    assert [window.start for window in tide.asked[1:]] == [ago(30)]
    assert not [call for call in faults.calls if "lookback/" in str(call.params)]
    assert tide.world.keys("lookback/") == []


def test_a_look_back_that_is_turned_off_leaves_no_memory_and_turned_on_again_reads_it_from_the_parts(
    tide: Tide,
) -> None:
    ids = tide.put(40, 33)
    tide.export(30)
    define(tide.world, lookbackSeconds=0)
    tide.export(25)
    assert tide.memories() == []
    define(tide.world, lookbackSeconds=1200)
    (late,) = tide.put(27)
    tide.export(10)
    assert tide.files() == [ids, [], [late]]


def test_nothing_is_looked_back_for_at_the_start_of_a_chain(tide: Tide) -> None:
    tide.world.set_watermark("a", ago(30))
    tide.put(35)
    (first,) = tide.put(20)
    tide.export(15)
    (late,) = tide.put(25)
    tide.export(10)
    assert tide.files() == [[first], [late]]
    assert [window.start for window in tide.asked] == [ago(30), ago(30), ago(15)]


def test_a_watermark_set_by_hand_starts_a_chain_that_looks_back_no_further(tide: Tide) -> None:
    tide.put(50)
    tide.export(30)
    tide.world.set_watermark("a", ago(25))
    tide.put(28)
    (late,) = tide.put(12, late=True)
    tide.export(10)
    tide.hidden.clear()
    tide.export(5)
    assert tide.files()[1:] == [[], [late]]
    assert len(tide.memories()) == 1


def test_a_reexport_neither_uses_nor_changes_what_is_remembered(tide: Tide) -> None:
    tide.put(40)
    tide.export(30)
    before = {key: tide.world.data(key) for key in tide.memories()}
    (late,) = tide.put(35)
    asked = len(tide.asked)
    tide.export(
        32,
        exportType="INSTANT",
        startDateTime=rfc3339(ago(45)),
        ignoreLastExportTime=True,
        endDateTime=rfc3339(ago(32)),
    )
    assert len(tide.asked) == asked + 1
    assert before == {key: tide.world.data(key) for key in tide.memories()}
    tide.export(20)
    assert tide.files()[1] == [late]


def test_a_record_stamped_anew_with_a_later_time_is_exported_again(tide: Tide) -> None:
    (record_id,) = tide.put(40)
    tide.export(30)
    for minutes in (32.0, 20.0):
        tide.world.stack.clients.dynamodb.update_item(
            TableName="Record",
            Key={"id": {"S": record_id}},
            UpdateExpression="SET uploadedOn = :at",
            ExpressionAttributeValues={":at": {"N": str(int(ago(minutes).timestamp() * 1000))}},
        )
        tide.export(15 if minutes > 30 else 5)
    assert tide.files() == [[record_id], [record_id], [record_id]]


@pytest.mark.parametrize(
    "source", [{"index": None}, {"projection": ["id", "uploadedOn", "note"]}], ids=["scan", "chosen"]
)
def test_a_source_without_an_order_by_time_finds_late_records_too(tide: Tide, source: dict[str, Any]) -> None:
    define(tide.world, source=source)
    shown = tide.put(*range(31, 60, 4), note={"S": "x"})
    late = tide.put(33, 34, late=True)
    tide.export(30)
    tide.hidden.clear()
    tide.page_limit = 2
    tide.export(20)
    tide.export(10)
    first, second, third = tide.files()
    assert (sorted(first), sorted(second), third) == (sorted(shown), sorted(late), [])


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("CSV", {}),
        ("JSON", {}),
        ("JSONL", {}),
        ("Parquet", {}),
        ("TSV", {"bom": True, "lineEnd": "LF"}),
        ("CSV", {"delimiter": ";", "header": False, "quoting": "all"}),
    ],
    ids=["CSV", "JSON", "JSONL", "Parquet", "TSV", "CSV without header"],
)
@pytest.mark.parametrize("damage", ["deleted", "changed"])
def test_a_memory_that_is_lost_is_read_from_the_parts(
    tide: Tide, kind: str, dialect: dict[str, Any], damage: str
) -> None:
    define(
        tide.world,
        format={"type": kind, "compression": "gzip", **dialect},
        maxRecordsPerPart=3,
        tableBy=["schema"],
        columns=[{"from": "id", "as": "record"}, {"from": "uploadedOn", "as": "at"}],
    )
    shown = [tide.put(50 - number, schema={"S": "ab"[number % 2]})[0] for number in range(20)]
    (late, later) = tide.put(44, 41, late=True, schema={"S": "a"})
    for minutes in (45, 40, 31):
        tide.export(minutes)
    tide.hidden = {later}
    (key,) = tide.memories()
    if damage == "deleted":
        tide.world.stack.objects.remove([key])
    else:
        tide.world.stack.objects.put(key, tide.world.data(key)[:-9])
    assert [r.code for r in verify(tide.world, Pair("default", "a")).remarks] == ["LOOKBACK_LOST"]
    tide.export(30)
    tide.hidden.clear()
    tide.export(26)
    manifests = tide.world.manifests("a")
    ids = [[row["record"] for row in tide.world.rows(manifest)] for manifest in manifests]
    assert sorted(record_id for window in ids[:3] for record_id in window) == sorted(shown[:-1])
    assert ids[3] == [late, shown[-1]]
    assert ids[4] == [later]
    assert verify(tide.world, Pair("default", "a"), against_source=True).ok
    assert tide.world.keys("work/") == []


@pytest.mark.parametrize("kind", ["CSV", "TSV"])
@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("record_id", ["=1+1", "-5", "@x", "'=1", 'quo"te', "two\nlines", "\u2028\x85"])
def test_ids_that_a_spreadsheet_guard_touches_are_the_same_ids_when_they_are_read_back(
    tide: Tide, record_id: str, guard: bool, kind: str
) -> None:
    define(tide.world, format={"type": kind, "compression": "none", "formulaGuard": guard})
    millis = str(int(ago(35).timestamp() * 1000))
    item = {"id": {"S": record_id}, "studyId": {"S": "a"}, "uploadedOn": {"N": millis}}
    tide.world.stack.clients.dynamodb.put_item(TableName="Record", Item=item)
    tide.export(30)
    tide.world.stack.objects.remove(tide.memories())
    tide.export(20)
    assert [len(window) for window in tide.files()] == [1, 0]


def test_where_nobody_knows_what_was_exported_the_operation_fails_and_says_what_can_be_done(tide: Tide) -> None:
    define(tide.world, columns=["id"])
    tide.put(40)
    tide.export(30)
    tide.world.stack.objects.remove(tide.memories())
    failed = tide.export(20)
    assert failed.error is not None
    assert (failed.state, failed.error.code) == (State.FAILED, "LOOKBACK_UNKNOWN")
    assert "lookbackSeconds" in failed.error.remedy
    assert f"watermark set a --to {rfc3339(ago(45))}" in failed.error.remedy
    assert tide.world.watermark("a") == ago(30)
    tide.world.set_watermark("a", ago(45))
    tide.export(20)
    (late,) = tide.put(25)
    tide.export(10)
    assert [len(window) for window in tide.files()] == [1, 1, 1]
    assert tide.files()[2] == [late]


@pytest.mark.parametrize("lost", ["manifest", "part", "part changed", "failed list"])
def test_what_the_chain_has_lost_itself_cannot_be_read_from_it(tide: Tide, lost: str) -> None:
    define(tide.world, source={"recordKey": ["id", "more"]})
    tide.put(40, more={"S": "x"})
    tide.put(39)
    tide.export(30)
    end = {"manifest": "manifest.json", "failed list": "failed-records.jsonl"}.get(lost, "part-00001.jsonl")
    (key,) = [key for key in tide.world.keys("exports/") if key.endswith(end)]
    if lost == "part changed":
        tide.world.stack.objects.put(key, b"{}\n")
    else:
        tide.world.stack.objects.remove([key])
    tide.world.stack.objects.remove(tide.memories())
    error = tide.export(20).error
    assert error is not None
    assert error.code == "LOOKBACK_UNKNOWN"
    assert key in error.message


def test_a_memory_of_another_identity_is_not_used(tide: Tide) -> None:
    (record_id,) = tide.put(35, more={"S": "x"})
    tide.export(30)
    define(tide.world, source={"recordKey": ["more", "id"]})
    tide.export(20)
    tide.export(10)
    assert tide.files() == [[record_id], [], []]


def test_a_failed_record_in_the_span_is_listed_once(tide: Tide) -> None:
    define(tide.world, source={"recordKey": ["id", "more"]})
    (known,) = tide.put(35)
    (late,) = tide.put(34, late=True)
    tide.export(30)
    tide.hidden.clear()
    for minutes in (25, 20):
        tide.export(minutes)
    tide.world.stack.objects.remove(tide.memories())
    tide.export(16)
    lists = [m["failedRecords"] for m in tide.world.manifests("a")]
    assert [one["count"] for one in lists] == [1, 1, 0, 0]
    assert [json.loads(tide.world.text(one["key"]))["key"] for one in lists[:2]] == [[known], [late]]


def test_a_time_of_the_wrong_type_in_a_scanned_table_is_listed_once_while_the_look_back_sees_it(tide: Tide) -> None:
    define(tide.world, source={"index": None, "timeKey": "stamped"})
    tide.put(40, stamped={"S": "yesterday"})
    for minutes in (30, 20, 10):
        tide.export(minutes)
    assert [m["failedRecords"]["count"] for m in tide.world.manifests("a")] == [1, 0, 0]


def test_mixed_fractions_of_iso8601_are_merged_within_their_second(tide: Tide) -> None:
    client = tide.world.stack.clients.dynamodb
    client.create_table(
        TableName="Texts",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("id", "studyId", "at")],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "studyId", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    tide.world.define(
        "texts", source={"type": "dynamodb", "table": "Texts", "index": INDEX, "timeKey": "at", "timeType": "iso8601"}
    )
    second = rfc3339(ago(31))[:-5]
    texts = [f"{second}{end}" for end in ("Z", ".9Z", ".25Z", ".123456Z", "+00:00", ".000Z", "-nonsense")]
    for number, text in enumerate(texts):
        item = {"id": {"S": f"r{number}"}, "studyId": {"S": "a"}, "at": {"S": text}}
        client.put_item(TableName="Texts", Item=item)
    tide.hidden = {"r1", "r4"}
    tide.page_limit = 2
    tide.export(30, export="texts")
    tide.hidden.clear()
    tide.export(20, export="texts")
    tide.export(16, export="texts")
    assert [sorted(window) for window in tide.files()] == [["r0", "r2", "r3", "r5"], ["r1", "r4"], []]
    assert [m["failedRecords"]["count"] for m in tide.world.manifests("a")] == [1, 0, 0]


def test_an_export_of_many_passes_finds_the_same_late_records_with_the_same_bytes(world: World) -> None:
    written = []
    for study, pages in (("one", None), ("many", 1)):
        tide = Tide(world, study, page_limit=2, pages_a_pass=pages)
        times = [44 - number for number in range(14)]
        world_ids = world.put_records(study, [ago(minutes) for minutes in times], note={"S": "x" * 40})
        tide.hidden = set(world_ids[1::3])
        tide.export(30)
        tide.hidden.clear()
        tide.put(28, 27, 26)
        tide.export(25)
        (key,) = tide.memories()
        marks = [json.loads(line) for line in gzip.decompress(world.data(key)).splitlines()[1:]]
        order = {
            record_id: number for number, record_id in enumerate(sorted(i for window in tide.files() for i in window))
        }
        written.append(([[order[i] for i in window] for window in tide.files()], [(m[0], order[m[2]]) for m in marks]))
        assert world.keys("work/") == []
    assert written[0] == written[1]
    assert len(written[0][0][1]) == 5 + 3


def test_a_worker_that_dies_after_any_call_leaves_a_memory_that_the_next_window_can_use(
    world: World, faults: Faults
) -> None:
    number = 0
    while True:
        number += 3  # every third call; test_seal_commit tries each call of a chain's first window
        tide = Tide(world, f"s{number:03d}")
        shown = tide.put(50, 33)
        (late,) = tide.put(34, late=True)
        tide.export(30)
        tide.hidden.clear()
        (new,) = tide.put(25)
        (operation_id,) = tide.submit(20)
        with faults.crash_after(number) as died:
            tide.work()
        world.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
        tide.work()
        at = f"dead after call {number}, {died}"
        assert world.operation(operation_id).state is State.SUCCEEDED, at
        tide.export(15)
        assert tide.files() == [shown, [late, new], []], at
        world.clock.tick(minutes=16)
        sweep_memories(world.stack.ledger, world.stack.objects, world.clock())
        assert len(tide.memories()) == 1, at
        assert world.keys("work/") == [], at
        world.clock.now = NOON
        if not died:
            break
    assert number > 20


def test_a_memory_that_vanishes_between_two_passes_lets_the_reading_begin_anew(world: World) -> None:
    tide = Tide(world, page_limit=2, pages_a_pass=1)
    shown = tide.put(*range(31, 45))
    (late,) = tide.put(31.5, late=True)
    tide.export(30)
    tide.hidden.clear()
    (operation_id,) = tide.submit(20)
    for _ in range(3):
        world.work_once(engine=tide.engine(), seconds_left=lambda: 0.0)
    assert world.operation(operation_id).state is State.RUNNING
    world.stack.objects.remove(tide.memories())
    tide.work()
    assert tide.files() == [shown[::-1], [late]]


def test_the_tick_removes_memories_that_no_chain_head_names(tide: Tide) -> None:
    tide.put(40)
    tide.export(30)
    (kept,) = tide.memories()
    objects, ledger = tide.world.stack.objects, tide.world.stack.ledger
    objects.put(kept.replace("120000", "110000") + "-old", b"left over")
    objects.put("lookback/export=default/study=gone/x.jsonl.gz", b"of a study that was deleted")
    objects.put("lookback/notes.txt", b"somebody else's")
    assert sweep_memories(ledger, objects, tide.world.clock()) == 0, "they may just be being published"
    tide.world.clock.tick(minutes=16)
    assert sweep_memories(ledger, objects, tide.world.clock()) == 2
    assert tide.world.keys("lookback/") == [kept, "lookback/notes.txt"]


def test_a_sealed_window_that_another_operation_completes_leaves_its_memory(world: World, faults: Faults) -> None:
    tide = Tide(world)
    tide.put(40)
    tide.export(30)
    (late,) = tide.put(33)
    (first,) = tide.submit(20)
    die_at(faults, lambda call: call.name == "TransactWriteItems")
    with pytest.raises(Crash):
        tide.work()
    faults.clear()
    world.stack.ledger.close(world.operation(first), State.FAILED, world.clock(), "failed by the test")
    world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.work_queue_url)
    world.clock.tick(seconds=100)
    assert len(tide.files()) == 1
    tide.export(10)
    assert [late in window for window in tide.files()] == [False, True, False]
    assert len(tide.memories()) == 1


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 14)), min_size=5, max_size=25),
    gaps=st.lists(st.integers(1, 14), min_size=2, max_size=4),
    page_limit=st.integers(3, 6),
    pages_a_pass=st.sampled_from([None, 2]),
)
def test_each_record_is_exactly_once_in_the_manifests_whatever_its_delay(
    world: World, found: list[tuple[int, int]], gaps: list[int], page_limit: int, pages_a_pass: int | None
) -> None:
    study = f"p{len(world.stack.service().operations(limit=None))}"
    tide = Tide(world, study, page_limit=page_limit, pages_a_pass=pages_a_pass)
    ids = [tide.put(119 - minute)[0] for minute, _ in found]
    minute = 0
    for gap in [*gaps, 14, 14, 14]:
        minute += gap
        tide.hidden = {i for i, (at, delay) in zip(ids, found, strict=True) if at + delay > minute}
        tide.export(120 - minute)
    assert sorted(i for window in tide.files() for i in window) == sorted(ids)
    assert verify(world, Pair("default", study), against_source=True).ok
