"""Exports from data sources of one's own: the files, what a pass that breaks off changes (nothing), and what fails."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.world import NOON, World
from tidegate import formats
from tidegate.errors import FatalError, RejectedError
from tidegate.formats.jsonlines import JSONLinesFormat
from tidegate.logs import DiscreetFormatter
from tidegate.model import Operation, State
from tidegate.sources.mocked import COLUMNS
from tidegate.verify import SourceReport
from unit.sources.dropped import Dropped, dropping

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z", "export": "e"}
PLAIN = {"type": "CSV", "compression": "none"}
# A row in the form that the founding document's sample has: 12 columns, whole numbers, empty texts, dates.
SAMPLE_CSV = (
    "caseId,study,created,closed,status,channel,subject,priority,officer,daysOpen,reopened,note\r\n"
    "1444,a,2017-08-21T09:14:07.000Z,2017-09-04,Closed,Web,Missed visit,2,,14,0,\r\n"
    '1445,a,2017-08-21T10:02:55.120Z,,Open,Phone,"Form ""A"", page 2",1,J. Doe,0,0,call back\r\n'
    "1451,a,2017-08-22T16:40:00.000Z,2017-08-22,Closed,Web,New address,3,,0,1,\r\n"
)
SAMPLE_ROWS = [
    (1444, "a", "2017-08-21T09:14:07.000Z", "2017-09-04", "Closed", "Web", "Missed visit", 2, "", 14, 0, ""),
    (1445, "a", "2017-08-21T10:02:55.120Z", "", "Open", "Phone", 'Form "A", page 2', 1, "J. Doe", 0, 0, "call back"),
    (1451, "a", "2017-08-22T16:40:00.000Z", "2017-08-22", "Closed", "Web", "New address", 3, "", 0, 1, ""),
]
TIMED = """
    from datetime import timedelta
    KEY, TIME, COLUMNS = "id", "seen", ("id", "seen", "value")
    ROWS = []
    ASKED = []
    def source(asked):
        ASKED.append((asked.start, asked.end))
        return {"data": [{"id": i, "seen": at, "value": None} for i, at in ROWS]}
    """


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropped]:
    with dropping(tmp_path, monkeypatch) as dropped:
        yield dropped


def module() -> Any:
    """The dropped module, to change what it gives."""
    return importlib.import_module("datasources.visits")


def define(world: World, **changes: Any) -> None:
    """An export `e` of the source `visits`, as plain CSV."""
    document = {"exportId": "e", "source": {"type": "visits"}, "format": PLAIN, "lookbackSeconds": 0, **changes}
    world.stack.service().put_export(document, None, world.clock())


def exported(world: World, **body: Any) -> Operation:
    (operation,) = world.export(**{**BODY, **body})
    return operation


def parts(world: World) -> list[str]:
    return [world.text(part["key"]) for manifest in world.manifests() for part in manifest["parts"]]


def parts_of(world: World, operation_id: str) -> list[bytes]:
    keys = world.keys()
    return [world.data(key) for key in keys if operation_id in key and "part-" in key]


def test_a_result_with_a_header_is_csv_in_its_order_with_the_values_as_they_were(world: World) -> None:
    world.put_study("a")
    define(world, source={"type": "mocked"})
    assert exported(world).state is State.SUCCEEDED
    assert parts(world) == [SAMPLE_CSV]
    (manifest,) = world.manifests()
    assert [column["name"] for column in manifest["columns"][""]] == list(COLUMNS)
    assert manifest["records"] == 3


def test_the_same_result_is_json_as_an_array_equal_to_its_data(world: World) -> None:
    world.put_study("a")
    define(world, source={"type": "mocked"}, format={"type": "JSON", "compression": "none"})
    exported(world)
    (text,) = parts(world)
    assert json.loads(text) == [dict(zip(COLUMNS, row, strict=True)) for row in SAMPLE_ROWS]


def test_a_list_of_rows_is_enough_for_json(world: World, drop: Dropped) -> None:
    rows = [{"b": 1.5, "a": {"c": [True, None]}}, {"z": "only here", "n": 10**30}]
    drop("visits", f"def source(asked): return {rows!r}")
    world.put_study("a")
    define(world, format={"type": "JSON", "compression": "none"})
    exported(world)
    (text,) = parts(world)
    assert json.loads(text) == rows
    assert {c["name"] for c in world.manifests()[0]["columns"][""]} == {"a", "b", "n", "z"}


def test_columns_of_the_definition_choose_among_the_keys_of_the_rows(world: World, drop: Dropped) -> None:
    drop("visits", "def source(asked): return [{'b': 1, 'a': 2, 'c': 3}]")
    world.put_study("a")
    define(world, columns=["c", {"from": "a", "as": "first"}])
    exported(world)
    assert parts(world) == ["c,first\r\n3,2\r\n"]


def test_a_window_without_rows_can_have_a_header_all_the_same(world: World, drop: Dropped) -> None:
    drop("visits", "def source(asked): return {'headerRow': ['z', 'a'], 'data': []}")
    world.put_study("a")
    define(world, emptyPolicy="header")
    assert exported(world).state is State.SUCCEEDED
    assert parts(world) == ["z,a\r\n"]


PAGED = """
    FAILS = [0]
    def source(asked):
        first = 0 if asked.cursor is None else asked.cursor
        for n in range(first, 6):
            rows = [{"n": n * 1000 + k, "text": "x" * 50} for k in range(300)]
            yield {"headerRow": ["text", "n"], "data": rows, "cursor": n + 1 if {by_cursor} else None}
    """


@pytest.mark.parametrize(("by_cursor", "format_type"), [(True, "CSV"), (False, "JSON")], ids=["by cursor", "counted"])
def test_however_often_a_pass_is_interrupted_the_files_are_the_same(
    world: World, drop: Dropped, by_cursor: bool, format_type: str
) -> None:
    drop("visits", PAGED.replace("{by_cursor}", str(by_cursor)))
    world.put_study("a")
    define(world, format={"type": format_type, "compression": "gzip"}, maxRecordsPerPart=500)
    again = {**BODY, "ignoreLastExportTime": True}
    (whole,) = world.export(**again)
    (broken,) = world.submit(**again)
    engine = world.engine(budget=lambda _seconds: Spent())
    invocations = 0
    while world.operation(broken).state is not State.SUCCEEDED:
        drop("visits", PAGED.replace("{by_cursor}", str(by_cursor)))
        assert world.work_once(lambda: 30.0, engine) is not None
        invocations += 1
    assert invocations > 5
    first, second = (parts_of(world, one) for one in (whole.operation_id, broken))
    assert len(first) == 4
    assert first == second


TIMED_PAGES = """
    from datetime import datetime, timedelta, timezone
    KEY, TIME = "n", "seen"
    NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
    LATE = []
    def source(asked):
        for first in range(0, 40, 5):
            rows = [{"seen": (NOON - timedelta(minutes=5 * n)).isoformat(), "n": n} for n in range(first, first + 5)]
            yield {"headerRow": ["n", "seen"], "data": [row for row in rows if row["n"] not in {missing}]}
    """


def test_looking_back_is_the_same_however_often_it_is_interrupted(world: World, drop: Dropped) -> None:
    for study in "ab":
        world.put_study(study)
    drop("visits", TIMED_PAGES.replace("{missing}", "{14, 20}"))
    define(world, lookbackSeconds=7200)
    world.export(**BODY)
    drop("visits", TIMED_PAGES.replace("{missing}", "{}"))
    world.clock.tick(hours=1)
    body = {**BODY, "endDateTime": "2026-03-10T12:00:00Z"}
    exported(world, **body, studyWhitelist=["a"])
    (broken,) = world.submit(**body, studyWhitelist=["b"])
    engine = world.engine(budget=lambda _seconds: Spent())
    invocations = 0
    while world.operation(broken).state is not State.SUCCEEDED:
        assert world.work_once(lambda: 30.0, engine) is not None
        invocations += 1
    assert invocations > 8
    whole, interrupted = ([row["n"] for m in world.manifests(study)[1:] for row in world.rows(m)] for study in "ab")
    assert whole == interrupted
    assert whole == [str(n) for n in (14, 20, *range(1, 13))]
    assert len({manifest["parts"][0]["sha256"] for manifest in world.manifests() if manifest["previousManifest"]}) == 1


class Spent:
    """A budget of one page a pass."""

    def spent(self) -> bool:
        return True


def test_with_key_and_time_each_record_comes_once_whatever_the_source_gives(world: World, drop: Dropped) -> None:
    drop("visits", TIMED)
    visits = module()

    world.put_study("a")
    define(world, lookbackSeconds=7200)
    definition = world.stack.service().export("e")
    assert definition is not None
    assert (definition.source.record_key, definition.source.time_key) == (("id",), "seen")
    visits.ROWS += [("old", "2026-03-09T10:59:59Z"), ("in", "2026-03-10T10:30:00Z"), ("next", "2026-03-10T11:00:00Z")]
    exported(world)
    assert parts(world) == ["id,seen,value\r\nin,2026-03-10T10:30:00Z,\r\n"]
    visits.ROWS.append(("late", "2026-03-10T10:59:00Z"))
    world.clock.tick(hours=1)
    exported(world, endDateTime="2026-03-10T12:00:00Z")
    assert parts(world)[1] == "id,seen,value\r\nlate,2026-03-10T10:59:00Z,\r\nnext,2026-03-10T11:00:00Z,\r\n"
    assert world.manifests()[1]["skipped"]["duplicate"] == 1


def test_without_a_time_nothing_is_looked_back_for(world: World, drop: Dropped) -> None:
    drop("visits", "ASKED = []\ndef source(asked): ASKED.append(asked.start); return {'headerRow': ['n'], 'data': []}")
    visits = module()

    world.put_study("a")
    define(world, lookbackSeconds=900)
    exported(world)
    world.clock.tick(hours=1)
    exported(world, endDateTime="2026-03-10T12:00:00Z")
    starts = [NOON - timedelta(hours=25), NOON - timedelta(hours=1)]
    assert list(visits.ASKED) == starts


def test_a_wrong_result_fails_the_operation_before_any_file_and_the_watermark_stays(
    world: World, drop: Dropped
) -> None:
    drop("visits", "def source(asked): return {}")
    world.put_study("a")
    define(world)
    operation = exported(world)
    assert (operation.state, operation.error and operation.error.code) == (State.FAILED, "SOURCE_RESULT")
    assert "without 'headerRow' and 'data'" in (operation.error.message if operation.error else "")
    assert world.keys() == []
    assert world.watermark("a", "e") is None


class Tabbed(JSONLinesFormat):
    """A third format: the values of each record between tabs, behind a line of names."""

    extension = "tab"

    def header(self, names: Sequence[str]) -> bytes:
        return "\t".join(names).encode() + b"\n"

    def records(self, columns: Sequence[formats.Column]) -> list[bytes]:
        rows = zip(*(column.values for column in columns), strict=True)
        return ["\t".join(str(next(iter(value.values()))) for value in row).encode() + b"\n" for row in rows]


def test_a_format_that_is_registered_can_be_selected_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_study("a")
    chosen = {"source": {"type": "mocked"}, "format": {"type": "TABBED", "compression": "none"}}
    with pytest.raises(RejectedError, match=r"format\.type must be 'CSV', .*'JSONL'"):
        define(world, **chosen)
    monkeypatch.setattr(formats, "_FORMATS", dict(formats._FORMATS))
    formats.register("TABBED", lambda _: Tabbed())
    define(world, **chosen)
    exported(world)
    (text,) = parts(world)
    assert text.splitlines()[1] == "\t".join(map(str, SAMPLE_ROWS[0]))
    assert world.manifests()[0]["parts"][0]["key"].endswith("part-00001.tab")


def test_a_row_limit_fails_before_any_file(world: World, drop: Dropped) -> None:
    drop("visits", "def source(asked): return {'headerRow': ['n'], 'data': [{'n': n} for n in range(11)]}")
    world.put_study("a")
    define(world, rowLimit=10)
    operation = exported(world)
    assert (operation.error and operation.error.code, world.keys()) == ("ROW_LIMIT", [])
    define(world, rowLimit=11)
    assert exported(world).state is State.SUCCEEDED


def test_an_error_of_the_source_is_counted_told_without_its_text_and_given_up_after_five_attempts(
    world: World, drop: Dropped, caplog: pytest.LogCaptureFixture
) -> None:
    drop("visits", "def source(asked):\n    raise ValueError(f'{chr(74)}ane')\n")
    world.put_study("a")
    define(world)
    (operation_id,) = world.submit(**BODY)
    world.work_once()
    operation = world.operation(operation_id)
    assert operation.state is State.RUNNING
    assert operation.error is not None
    assert operation.error.code == "SOURCE_RAISED"
    assert operation.error.message == (
        "The source visits raised ValueError at visits.py, line 2, asked for the study a. That was attempt 1 of 5."
    )
    (logged,) = [line for line in caplog.records if line.levelno == logging.ERROR]
    logged.exc_text = None  # as pytest's own formatter has told it
    text = DiscreetFormatter().format(logged)
    assert "visits.py" in text
    assert "ValueError" in text
    assert "Jane" not in text
    for _ in range(4):
        world.clock.tick(minutes=6)
        world.work_once()
    failed = world.operation(operation_id)
    assert (failed.state, failed.error and failed.error.code) == (State.FAILED, "SOURCE_RAISED")
    assert "Jane" not in str(failed)
    drop("visits", "def source(asked): return {'headerRow': ['n'], 'data': [{'n': 1}]}")
    assert exported(world).state is State.SUCCEEDED


OPTIONS = """
    from __future__ import annotations
    from dataclasses import dataclass
    from typing import Literal
    @dataclass(frozen=True)
    class Parameters:
        ward: str
        kind: Literal["all", "open"] = "all"
        most: int = 10
        def __post_init__(self):
            if self.most < 1:
                raise ValueError("most must be above 0")
    def source(asked):
        return {"headerRow": ["ward", "most"], "data": [{"ward": asked.parameters.ward, "most": asked.parameters.most}]}
    """


def test_options_reach_the_source_as_its_own_parameters(world: World, drop: Dropped) -> None:
    drop("visits", OPTIONS)
    world.put_study("a")
    define(world, source={"type": "visits", "options": {"ward": "five"}})
    exported(world)
    assert parts(world) == ["ward,most\r\nfive,10\r\n"]


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({}, "MISSING_FIELD: source.options.ward is required"),
        ({"ward": 5}, "INVALID_FIELD: source.options.ward must be a string"),
        ({"ward": "x", "kind": "shut"}, "INVALID_FIELD: source.options.kind must be 'all' or 'open'"),
        ({"ward": "x", "most": "5"}, "INVALID_FIELD: source.options.most must be a whole number"),
        ({"ward": "x", "wards": 1}, "UNKNOWN_FIELD: source.options.wards is not a field .* Did you mean ward"),
        ({"ward": "x", "most": 0}, "INVALID_FIELD: source.options most must be above 0"),
    ],
    ids=["missing", "type", "choice", "text", "unknown", "its own"],
)
def test_options_that_the_source_does_not_take_are_refused_when_the_definition_is_put(
    world: World, drop: Dropped, options: dict[str, Any], finding: str
) -> None:
    drop("visits", OPTIONS)
    with pytest.raises(RejectedError, match=finding):
        define(world, source={"type": "visits", "options": options})
    assert world.stack.service().export("e") is None


def test_unknown_and_broken_sources_are_refused_when_a_definition_is_put(world: World, drop: Dropped) -> None:
    with pytest.raises(RejectedError, match=r"source.type must be one of dynamodb, mocked, sample \(got 'visits'\)"):
        define(world)
    drop("visits", "1 / 0")
    with pytest.raises(RejectedError, match="SOURCE_BROKEN"):
        define(world)
    for options in ({"everySecond": 5}, {"everySeconds": 0}):
        with pytest.raises(RejectedError, match=r"source\.options"):
            define(world, source={"type": "sample", "options": options})


def test_a_source_that_is_gone_fails_a_dry_run_and_the_operation(world: World, drop: Dropped) -> None:
    file = drop("visits", "def source(asked): return []")
    world.put_study("a")
    define(world)
    service = world.stack.service()
    assert len(service.preview(json.dumps(BODY), world.clock())) == 1
    file.unlink()
    with pytest.raises(FatalError, match="visits, which is not known"):
        service.preview(json.dumps(BODY), world.clock())
    operation = exported(world)
    assert (operation.state, operation.error and operation.error.code) == (State.FAILED, "UNKNOWN_SOURCE")


def test_an_override_is_refused_without_importing_the_source(world: World, drop: Dropped) -> None:
    file = drop("visits", "def source(asked): return []")
    world.put_study("a")
    define(world)
    file.write_text("1 / 0")
    world.stack.objects.put("ids.txt", b"1\n")
    with pytest.raises(RejectedError, match="needs a source with keys"):
        world.submit(recordIdS3Override="ids.txt", export="e")


def test_a_check_asks_the_source_and_says_what_it_gave(world: World, drop: Dropped) -> None:
    drop("visits", "def source(asked): return {'headerRow': ['n'], 'data': [{'n': 1}]}")
    world.put_study("a")
    define(world)
    found = world.stack.service().check("e", world.clock())
    assert all(finding.ok for finding in found)
    assert "It gave 1 rows of 1 columns for the study a" in found[2].what


def test_what_one_definition_put_is_put_again_without_a_new_version(world: World, drop: Dropped) -> None:
    drop("visits", TIMED)
    define(world)
    stored = world.stack.service().export("e")
    assert stored is not None
    world.stack.service().put_export(dict(stored.document), None, world.clock())
    again = world.stack.service().export("e")
    assert again == stored
    assert stored.document["source"] == {"type": "visits", "options": {}, "recordKey": ["id"], "timeKey": "seen"}


def test_verify_compares_a_source_with_key_and_time_with_the_parts(world: World, drop: Dropped) -> None:
    drop("visits", TIMED)
    visits = module()

    world.put_study("a")
    define(world)
    visits.ROWS += [("in", "2026-03-10T10:30:00Z"), (7, "2026-03-10T10:31:00Z")]
    exported(world)
    compared = verify(world)
    assert (compared.comparable, compared.records, compared.missing) == (True, 2, 0)
    visits.ROWS.append(("missed", "2026-03-10T10:32:00Z"))
    assert verify(world).missing == 1


def verify(world: World) -> SourceReport:
    verification = world.stack.verification()
    (report,) = verification.run(verification.pairs("e"), against_source=True).pairs
    assert report.source is not None
    return report.source
