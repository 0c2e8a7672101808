"""The test cases of the original design, by name (T1 to T6, T8, T9), and the case table of SPEC 3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.faults import Faults, refused
from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Operation, Outcome, State

END = datetime(2026, 3, 10, 11, tzinfo=UTC)
MARK = END - timedelta(hours=5)
TIMES = [END - timedelta(hours=h) for h in (30, 24, 7, 5, 1)] + [END - timedelta(milliseconds=1), END]
"""Before any window, at a day's start, before MARK, at MARK, at an hour's start, the last instant, END."""


@pytest.fixture
def ids(world: World) -> list[str]:
    """The ids of study a's records, one for each of TIMES."""
    world.put_study("a")
    return world.put_records("a", TIMES)


def run(world: World, export_type: str = "DAILY", end: datetime = END, **more: Any) -> Operation:
    (operation,) = world.export(exportType=export_type, endDateTime=rfc3339(end), **more)
    return operation


def window_of(operation: Operation) -> tuple[datetime, datetime]:
    assert operation.window is not None
    return operation.window.start, operation.window.end


def test_t1_daily_without_ignore_starts_at_the_watermark_where_there_is_one(world: World, ids: list[str]) -> None:
    world.set_watermark("a", MARK)
    operation = run(world)
    assert window_of(operation) == (MARK, END)
    assert operation.watermark_before == MARK
    assert world.exported_ids("a") == ids[3:6]
    assert world.watermark("a") == END


def test_t1_daily_without_ignore_starts_a_day_before_the_end_where_there_is_no_watermark(
    world: World, ids: list[str]
) -> None:
    operation = run(world)
    assert window_of(operation) == (END - timedelta(days=1), END)
    assert operation.watermark_before is None
    assert world.exported_ids("a") == ids[1:6]
    assert world.watermark("a") == END


def test_t1_daily_range_is_half_open_so_two_days_in_a_row_share_no_record_and_miss_none(
    world: World, ids: list[str]
) -> None:
    run(world, end=END - timedelta(days=1))
    run(world)
    assert world.exported_ids("a") == ids[:6]
    first, second = world.manifests("a")
    assert first["window"]["end"] == second["window"]["start"]


def test_t2_one_time_without_ignore_starts_at_the_watermark_and_moves_it(world: World, ids: list[str]) -> None:
    world.set_watermark("a", MARK)
    (operation,) = world.export(exportType="INSTANT")
    assert window_of(operation) == (MARK, NOON - timedelta(seconds=60))
    assert world.exported_ids("a") == ids[3:]
    assert world.watermark("a") == NOON - timedelta(seconds=60)


def test_t2_one_time_without_ignore_and_without_a_watermark_covers_a_day(world: World, ids: list[str]) -> None:
    operation = run(world, "INSTANT")
    assert window_of(operation) == (END - timedelta(days=1), END)
    assert world.exported_ids("a") == ids[1:6]


def test_t3_hourly_without_ignore_starts_at_the_watermark_where_there_is_one(world: World, ids: list[str]) -> None:
    world.set_watermark("a", MARK)
    assert window_of(run(world, "HOURLY")) == (MARK, END)
    assert world.exported_ids("a") == ids[3:6]


def test_t3_hourly_without_ignore_starts_an_hour_before_the_end_where_there_is_no_watermark(
    world: World, ids: list[str]
) -> None:
    assert window_of(run(world, "HOURLY")) == (END - timedelta(hours=1), END)
    assert world.exported_ids("a") == ids[4:6]
    assert world.watermark("a") == END


@pytest.mark.parametrize(("case", "export_type", "hours"), [("t4", "DAILY", 24), ("t5", "HOURLY", 1)])
@pytest.mark.parametrize("mark", [None, MARK])
def test_t4_daily_and_t5_hourly_with_ignore_have_a_generated_start_and_do_not_touch_the_watermark(
    world: World, ids: list[str], faults: Faults, case: str, export_type: str, hours: int, mark: datetime | None
) -> None:
    if mark is not None:
        world.set_watermark("a", mark)
    faults.clear()
    operation = run(world, export_type, ignoreLastExportTime=True)
    table = world.stack.settings.export_time_table
    assert not [call.name for call in faults.calls if call.names(table)], case
    assert window_of(operation) == (END - timedelta(hours=hours), END)
    (manifest,) = world.manifests("a")
    assert [row["id"] for row in world.rows(manifest)] == ids[1 if hours == 24 else 4 : 6]
    assert f"reexport={operation.operation_id}/" in manifest["parts"][0]["key"]
    assert world.watermark("a") == mark


def test_t6_override_exports_the_ids_of_the_file_and_does_not_touch_the_watermark(
    world: World, ids: list[str], faults: Faults
) -> None:
    world.set_watermark("a", MARK)
    world.stack.objects.put("ids.txt", f"{ids[6]}\n{ids[0]}\n".encode())
    faults.clear()
    (operation,) = world.export(recordIdS3Override="ids.txt")
    table = world.stack.settings.export_time_table
    assert not [call.name for call in faults.calls if call.names(table)]
    assert operation.state is State.SUCCEEDED
    assert world.exported_ids("a") == [ids[6], ids[0]]
    assert world.watermark("a") == MARK


@pytest.mark.parametrize("gap", [timedelta(0), timedelta(milliseconds=1), timedelta(days=2)])
def test_t8_an_end_at_or_before_the_watermark_exports_nothing_and_never_moves_it_back(
    world: World, ids: list[str], faults: Faults, gap: timedelta
) -> None:
    assert ids
    world.set_watermark("a", END)
    faults.clear()
    operation = run(world, end=END - gap)
    assert (operation.state, operation.outcome) == (State.SUCCEEDED, Outcome.NOTHING_NEW)
    assert operation.result is not None
    assert operation.result["counts"]["records"] == 0
    assert world.watermark("a") == END
    assert world.keys("") == []
    record_table = world.stack.settings.record_table
    assert not [call.name for call in faults.calls if call.names(record_table)], "an empty window sends no query"


STAGES: Mapping[str, tuple[str, str]] = {
    "reading": ("Query", "Record"),
    "writing": ("PutObject", "work/"),
    "sealing": ("TransactWriteItems", "seal"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_t9_a_failed_export_leaves_the_watermark_and_the_next_of_any_type_covers_the_gap(
    world: World, ids: list[str], faults: Faults, stage: str
) -> None:
    world.set_watermark("a", MARK)
    operation_name, needle = STAGES[stage]
    denied = refused("AccessDeniedException", operation_name)
    faults.fail(lambda call: call.name == operation_name and needle in str(call.params), denied)
    failed = run(world)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert failed.error.code == "ACCESS_DENIED"
    assert world.watermark("a") == MARK
    assert world.keys("") == [], "nothing of it is left, visible or private"

    assert window_of(run(world, "HOURLY", end=END + timedelta(minutes=30))) == (MARK, END + timedelta(minutes=30))
    assert world.exported_ids("a") == ids[3:7]


@pytest.mark.parametrize("stage", ["CopyObject", "manifest.json"])
def test_t9_an_export_that_fails_after_its_seal_is_completed_by_the_next_request_of_any_type(
    world: World, ids: list[str], faults: Faults, stage: str
) -> None:
    world.set_watermark("a", MARK)
    denied = refused("AccessDenied", "PutObject", status=403)
    faults.fail(lambda call: stage == call.name or stage in str(call.params.get("Key")), denied)
    failed = run(world)
    assert failed.state is State.FAILED
    assert world.watermark("a") == MARK

    late = run(world, "HOURLY", end=END + timedelta(minutes=30))
    assert window_of(late) == (END, END + timedelta(minutes=30))
    assert world.exported_ids("a") == ids[3:7]
    assert world.operation(failed.operation_id).state is State.SUCCEEDED
    assert world.operation(failed.operation_id).error is None
    assert world.keys("work/") == []


CASES: Mapping[str, tuple[dict[str, Any], str]] = {
    "chosen start": ({"startDateTime": "2026-03-10T09:00:00Z", "ignoreLastExportTime": True}, "2026-03-10T09:00:00"),
    "watermark": ({}, "2026-03-10T06:00:00"),
    "watermark ignored": ({"ignoreLastExportTime": True}, "2026-03-09T11:00:00"),
    "watermark ignored, hourly": ({"ignoreLastExportTime": True, "export_type": "HOURLY"}, "2026-03-10T10:00:00"),
}


@pytest.mark.parametrize("first_export_from", [None, "2026-02-01T00:00:00Z"])
@pytest.mark.parametrize("case", CASES)
def test_with_a_watermark_the_start_is_what_the_case_table_says(
    world: World, case: str, first_export_from: str | None
) -> None:
    define_first(world, first_export_from)
    world.put_study("a")
    world.set_watermark("first/a", MARK)
    more, start = CASES[case]
    operation = run(world, **more, export="first")
    assert window_of(operation) == (datetime.fromisoformat(start).replace(tzinfo=UTC), END)


@pytest.mark.parametrize(
    ("first_export_from", "more", "start"),
    [
        ("2026-02-01T00:00:00Z", {}, "2026-02-01T00:00:00"),
        ("2026-02-01T00:00:00Z", {"export_type": "HOURLY"}, "2026-02-01T00:00:00"),
        ("2026-02-01T00:00:00Z", {"ignoreLastExportTime": True}, "2026-03-09T11:00:00"),
        (None, {"export_type": "INSTANT"}, "2026-03-09T11:00:00"),
        (None, {"export_type": "HOURLY"}, "2026-03-10T10:00:00"),
    ],
)
def test_without_a_watermark_the_start_is_what_the_case_table_says(
    world: World, first_export_from: str | None, more: dict[str, Any], start: str
) -> None:
    define_first(world, first_export_from)
    world.put_study("a")
    operation = run(world, **more, export="first")
    assert window_of(operation) == (datetime.fromisoformat(start).replace(tzinfo=UTC), END)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29T12:00:00+01:00", 23), ("2025-10-26T12:00:00Z", 25)])
def test_a_generated_day_has_23_or_25_hours_when_the_clocks_change(world: World, day: str, hours: int) -> None:
    define_first(world, None, timeZone="Europe/London")
    world.put_study("a")
    end = datetime.fromisoformat(day).astimezone(UTC)
    world.clock.now = max(NOON, end + timedelta(hours=1))
    assert window_of(run(world, end=end, export="first")) == (end - timedelta(hours=hours), end)


def define_first(world: World, first_export_from: str | None, **more: Any) -> None:
    """The export `first`, like the default one but for `firstExportFrom` and what else is given."""
    given = {} if first_export_from is None else {"firstExportFrom": first_export_from}
    world.define("first", **given, **more)
