"""`tidegate local demo`: records in, files out; then new records in, and only those out. Every claim is checked."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from tidegate_local.errors import LocalStackError
from tidegate_local.exported import Export, download
from tidegate_local.samples import STUDIES, Item, sample_records, sample_studies
from tidegate_local.stack import LocalStack
from tidegate_local.up import terminated_like_interrupted
from tidegate_local.waiting import wait_for

FOLDER = Path(".tidegate") / "demo"
SEED = 2026
AT_FIRST = 1200
NEW = 75
DONE_WITHIN_SECONDS = 120.0
FINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"})
LINES_SHOWN = 5
PUT_AT_A_TIME = 25  # BatchWriteItem's own limit


@dataclass(frozen=True, slots=True)
class Run:
    """One request of the demo: its id, its window's end, and how many records per study are put before it."""

    request_id: str
    start: datetime
    end: datetime
    records: int


def run(directory: Path | None = None, *, console: Console | None = None) -> None:
    """Show the whole way on an AWS of its own, in under a minute, and clean up.

    The files that were exported stay in `.tidegate/demo/` of `directory` (default: the working directory); what an
    earlier demo left there is removed first. Raises LocalStackError if anything is not exactly as it says.
    """
    folder = (directory or Path.cwd()) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    console = console or Console()
    with terminated_like_interrupted():
        console.print("[bold]Starting an AWS inside this machine[/] and deploying template.yaml on it ...")
        with LocalStack(auth=True, logs=folder) as stack:
            console.print(f"It answers on {stack.endpoint_url}, for this machine only.\n")
            _Demo(stack, console, folder).show(datetime.now(UTC))
    done = "[bold green]All of it was checked.[/] That AWS is gone; the files are still in"
    console.print(f"\n{done} {folder}", soft_wrap=True)


class _Demo:
    def __init__(self, stack: LocalStack, console: Console, folder: Path) -> None:
        self._stack = stack
        self._console = console
        self._folder = folder

    def show(self, now: datetime) -> None:
        # Both ends are older than the time that a window's end must have settled, so nothing has to wait for it.
        minute = now.replace(second=0, microsecond=0)
        first_end, second_end = minute - timedelta(hours=1), minute - timedelta(minutes=2)
        for study in sample_studies():
            self._stack.dynamodb.put_item(TableName=self._stack.outputs["StudyTableName"], Item=study)

        first = self._export(Run("demo-1", first_end - timedelta(days=1), first_end, AT_FIRST))
        self._show_files(first)
        self._show_one(first[0])
        self._show_watermarks(first_end)

        self._console.rule("Again, with new records")
        second = self._export(Run("demo-2", first_end, second_end, NEW))
        self._show_files(second)
        self._show_watermarks(second_end)
        total = (AT_FIRST + NEW) * len(STUDIES)
        self._console.print(
            f"The table holds {total:,} records. The second request exported the {NEW * len(STUDIES)} new ones "
            f"and none of the {AT_FIRST * len(STUDIES):,} that the first one had exported.",
            soft_wrap=True,
        )

    def _export(self, run: Run) -> Sequence[Export]:
        """Put a run's records, send its request, wait for its operations, fetch its files and check them."""
        records = {study: list(sample_records(study, run.start, run.end, run.records, seed=SEED)) for study in STUDIES}
        self._put([record for study in STUDIES for record in records[study]])
        known = set(self._keys())
        body = {"exportType": "DAILY", "endDateTime": _rfc3339(run.end), "tag": "demo", "requestId": run.request_id}
        self._console.print(f"Sending this to the request queue: {json.dumps(body)}", soft_wrap=True)
        self._stack.sqs.send_message(
            QueueUrl=self._stack.outputs["ExportRequestQueueUrl"], MessageBody=json.dumps(body)
        )
        self._follow(run.request_id)
        exports = download(
            self._stack.s3,
            self._stack.outputs["ExportBucketName"],
            [key for key in self._keys() if key not in known],
            self._folder,
        )
        self._check(exports, {study: {record["id"]["S"] for record in records[study]} for study in STUDIES})
        return exports

    def _put(self, records: Sequence[Item]) -> None:
        table = self._stack.outputs["RecordTableName"]
        with self._progress(MofNCompleteColumn()) as progress:
            task = progress.add_task(f"Putting records of {len(STUDIES)} studies into DynamoDB", total=len(records))
            for first in range(0, len(records), PUT_AT_A_TIME):
                batch: Mapping[str, Any] = {
                    table: [{"PutRequest": {"Item": item}} for item in records[first : first + PUT_AT_A_TIME]]
                }
                while batch:
                    batch = self._stack.dynamodb.batch_write_item(RequestItems=batch)["UnprocessedItems"]
                progress.update(task, completed=min(first + PUT_AT_A_TIME, len(records)))

    def _follow(self, request_id: str) -> None:
        """Show the request's operations as they go. Raises LocalStackError unless all of them succeed in time."""
        tasks: dict[str, TaskID] = {}

        def ended() -> Sequence[Mapping[str, Any]] | None:
            operations = list(self._operations(request_id))
            for row in operations:
                study = _text(row, "study") or "(refused)"
                if study not in tasks:
                    tasks[study] = progress.add_task(study, total=100)
                done = json.loads(_text(row, "progress") or "{}")
                completed = 100 if _text(row, "state") in FINAL else done.get("percent")
                label = f"{study}: {_text(row, 'state')}, {done.get('records', 0):,} records"
                progress.update(tasks[study], completed=completed, description=label)
            refused = any(_text(row, "state") == "REJECTED" for row in operations)
            complete = len(operations) == len(STUDIES) and all(_text(row, "state") in FINAL for row in operations)
            return operations if refused or complete else None

        with self._progress(TaskProgressColumn()) as progress:
            operations = wait_for(
                ended,
                what=f"the operations of request {request_id}",
                within=DONE_WITHIN_SECONDS,
                remedy=f"What the functions printed is in {self._stack.function_log}.",
            )
        failed = [row for row in operations if _text(row, "state") != "SUCCEEDED"]
        if failed:
            reasons = "; ".join(f"{_text(row, 'study')} {_text(row, 'state')}: {_text(row, 'error')}" for row in failed)
            raise self._unexpected(f"request {request_id} did not succeed: {reasons}")

    def _operations(self, request_id: str) -> Iterator[Mapping[str, Any]]:
        pages = self._stack.dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs["OperationTableName"],
            FilterExpression="requestId = :request",
            ExpressionAttributeValues={":request": {"S": request_id}},
        )
        for page in pages:
            yield from page["Items"]

    def _keys(self) -> Iterator[str]:
        pages = self._stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._stack.outputs["ExportBucketName"], Prefix="exports/"
        )
        for page in pages:
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def _check(self, exports: Sequence[Export], expected: Mapping[str, set[str]]) -> None:
        """Raise LocalStackError unless the files hold exactly the `expected` record ids by study, each of them once."""
        if [export.study for export in exports] != sorted(expected):
            raise self._unexpected(f"files were expected for {sorted(expected)}, not {[one.study for one in exports]}")
        for export in exports:
            for problem in export.problems():
                raise self._unexpected(problem)
            ids = export.record_ids()
            if len(ids) != len(set(ids)) or set(ids) != expected[export.study]:
                raise self._unexpected(
                    f"the files of {export.study} hold {len(ids)} records ({len(set(ids))} different ones, "
                    f"{len(expected[export.study] & set(ids))} of the {len(expected[export.study])} that were due)"
                )

    def _show_files(self, exports: Sequence[Export]) -> None:
        self._console.print("[bold]Exported[/], here as copies of what is in the bucket:")
        for export in exports:
            for part in export.parts:
                self._console.print(f"  {part['records']:>5,} records  {export.local(part['key'])}", soft_wrap=True)

    def _show_one(self, export: Export) -> None:
        self._console.print(f"\n[bold]The first lines of {export.study}'s file[/]")
        for line in export.lines()[:LINES_SHOWN]:
            self._console.print(line, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")
        self._console.print(f"\n[bold]Its manifest, written last[/]: {export.manifest_path}", soft_wrap=True)
        members = (f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in export.manifest.items())
        self._console.print("{", ",\n".join(members), "}\n", sep="\n", markup=False, soft_wrap=True)

    def _show_watermarks(self, end: datetime) -> None:
        """Show the watermarks. Raises LocalStackError unless each study's is `end`."""
        items = self._stack.dynamodb.scan(TableName=self._stack.outputs["ExportTimeTableName"])["Items"]
        found = {item["studyId"]["S"]: int(item["lastExportDateTime"]["N"]) for item in items}
        table = Table("studyId", "lastExportDateTime", "that is", title="Watermarks", title_justify="left")
        for study, millis in sorted(found.items()):
            table.add_row(study, str(millis), _rfc3339(datetime.fromtimestamp(millis / 1000, UTC)))
        self._console.print(table)
        if found != dict.fromkeys(STUDIES, int(end.timestamp()) * 1000):
            raise self._unexpected(f"every watermark should be {_rfc3339(end)}")

    def _progress(self, amount: ProgressColumn) -> Progress:
        return Progress(
            TextColumn("{task.description}", justify="left"),
            BarColumn(),
            amount,
            TimeElapsedColumn(),
            console=self._console,
        )

    def _unexpected(self, what: str) -> LocalStackError:
        return LocalStackError(
            f"The demo did not go as it should: {what}.",
            remedy=f"What the functions printed is in {self._stack.function_log}.",
        )


def _text(row: Mapping[str, Any], name: str) -> str:
    """Return the string attribute `name` of an item in wire form, empty if there is none."""
    return str(row.get(name, {}).get("S", ""))


def _rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
