"""`tidegate local demo --delivery`: one export arrives at several places; then once more, and only what is new does."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from tidegate_local import sftp_in_process, sshd
from tidegate_local.errors import LocalStackError
from tidegate_local.mailbox import Mailbox
from tidegate_local.partners import BUCKET, SECRET, Bucket, Inbox, Partner, Ward
from tidegate_local.samples import STUDIES, sample_records, sample_studies
from tidegate_local.sshd import Server
from tidegate_local.stack import OUTPUTS_FILE, LocalStack
from tidegate_local.up import terminated_like_interrupted

FOLDER = Path(".tidegate") / "demo-delivery"
EXPORT = "partners"
STUDY = STUDIES[0]
SEED = 2026
AT_FIRST, NEW = 250, 20
COMMAND_SECONDS = 120
PUT_AT_A_TIME = 25  # BatchWriteItem's own limit


def run(directory: Path | None = None, *, console: Console | None = None) -> None:
    """Deliver an export to every partner on an AWS of its own, twice, and clean up.

    Copies of what arrived stay in `.tidegate/demo-delivery/` of `directory` (default: the working directory), a folder
    for each partner; what an earlier demo left there is removed first. Raises LocalStackError if anything is not
    exactly as it says.
    """
    folder = (directory or Path.cwd()) / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    console = console or Console()
    with terminated_like_interrupted():
        console.print("[bold]Starting an AWS inside this machine[/], an SFTP server and a mailbox ...")
        parameters = {"DestinationBuckets": BUCKET}
        with (
            Mailbox() as mailbox,
            LocalStack(auth=True, parameters=parameters, logs=folder, mailbox=mailbox) as stack,
            sftp_server() as server,
        ):
            stack.write_outputs(folder / OUTPUTS_FILE)
            partners: list[Partner] = [Bucket(stack.s3), Inbox(server), Ward(mailbox)]
            _Demo(stack, partners, console, folder).show(server, datetime.now(UTC))
        shutil.rmtree(folder / OUTPUTS_FILE.parent)
    done = "[bold green]All of it was checked.[/] Servers and AWS are gone; copies of what arrived are in"
    console.print(f"\n{done} {folder}", soft_wrap=True)


@contextmanager
def sftp_server() -> Iterator[Server]:
    """Run an SFTP server while the block lasts: OpenSSH's where it is installed, else one in this process."""
    if sshd.installed():
        with sshd.serving() as server:
            yield server
    else:
        with TemporaryDirectory(prefix="tidegate-sftp-") as name, sftp_in_process.serving(Path(name)) as server:
            yield server


class _Demo:
    def __init__(self, stack: LocalStack, partners: Sequence[Partner], console: Console, folder: Path) -> None:
        self._stack = stack
        self._partners = partners
        self._console = console
        self._folder = folder
        self._seen: dict[str, set[str]] = {partner.name: set() for partner in partners}

    def show(self, server: Server, now: datetime) -> None:
        # Both ends are older than the time that a window's end must have settled, so nothing has to wait for it.
        minute = now.replace(second=0, microsecond=0)
        first_end, second_end = minute - timedelta(hours=1), minute - timedelta(minutes=2)
        self._prepare(server)
        self._define()
        self._probe()
        self._export(first_end - timedelta(days=1), first_end, AT_FIRST)
        self._console.rule("Again, with new records")
        self._export(first_end, second_end, NEW)
        self._console.print(
            f"The table holds {AT_FIRST + NEW} records. The second time every place got the {NEW} new ones and none of"
            f" the {AT_FIRST} that it has.",
            soft_wrap=True,
        )

    def _prepare(self, server: Server) -> None:
        for study in sample_studies((STUDY,)):
            self._stack.dynamodb.put_item(TableName=self._stack.outputs["StudyTableName"], Item=study)
        self._stack.s3.create_bucket(Bucket=BUCKET)
        secrets = self._stack.session.client("secretsmanager", endpoint_url=self._stack.endpoint_url)
        secrets.create_secret(Name=SECRET, SecretString=json.dumps(server.secret))

    def _define(self) -> None:
        source = {
            "type": "dynamodb",
            "table": self._stack.outputs["RecordTableName"],
            "index": "study-uploadedOn-index",
        }
        entries = [{"type": "S3"}, *(dict(partner.entry()) for partner in self._partners)]
        document = {"exportId": EXPORT, "source": source, "destinations": entries}
        file = self._folder / "definition.json"
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        self._console.print("[bold]The destinations of its definition[/]")
        for entry in entries:
            self._console.print(f"  {json.dumps(entry)}", markup=False, soft_wrap=True)
        self._tidegate("exports", "put", str(file))

    def _probe(self) -> None:
        self._console.print(f"\n[bold]tidegate destinations test {EXPORT}[/], which sends no data")
        for probed in self._tidegate("destinations", "test", EXPORT):
            for finding in probed["findings"]:
                self._console.print(f"  {probed['destination']}: {finding['what']}", markup=False, soft_wrap=True)

    def _export(self, start: datetime, end: datetime, count: int) -> None:
        """Put records, export them, and show and check what arrived. Raises LocalStackError."""
        records = list(sample_records(STUDY, start, end, count, seed=SEED))
        table = self._stack.outputs["RecordTableName"]
        for first in range(0, count, PUT_AT_A_TIME):
            batch: Mapping[str, Any] = {
                table: [{"PutRequest": {"Item": item}} for item in records[first : first + PUT_AT_A_TIME]]
            }
            while batch:
                batch = self._stack.dynamodb.batch_write_item(RequestItems=batch)["UnprocessedItems"]
        self._console.print(f"\n[bold]Exporting {count} new records of {STUDY}[/]")
        at = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self._tidegate("export", "--type", "DAILY", "--end", at, "--export", EXPORT, "--wait")
        (operation,) = answer
        self._show_receipts(operation["result"]["receipts"])
        for partner in self._partners:
            self._show_arrived(partner, {record["id"]["S"] for record in records})

    def _show_receipts(self, receipts: Sequence[Mapping[str, Any]]) -> None:
        """Show the receipts. Raises LocalStackError unless there is one of each destination."""
        table = Table("destination", "outcome", "files", "bytes", title="Receipts", title_justify="left")
        for receipt in receipts:
            table.add_row(*(str(receipt.get(name, "")) for name in ("destination", "outcome", "files", "bytes")))
        self._console.print(table)
        names = [receipt["destination"] for receipt in receipts]
        if names != ["S3", *(partner.name for partner in self._partners)]:
            raise self._unexpected(f"there are receipts of {names}")

    def _show_arrived(self, partner: Partner, expected: set[str]) -> None:
        """Show and keep what is new at a partner. Raises LocalStackError unless it is exactly these records."""
        new = {name: data for name, data in sorted(partner.arrived().items()) if name not in self._seen[partner.name]}
        self._seen[partner.name].update(new)
        self._console.print(f"[bold]New at {partner.name}[/]")
        ids: list[str] = []
        for name, data in new.items():
            self._console.print(f"  {len(data):>7,} bytes  {name}", markup=False, soft_wrap=True)
            kept = self._folder / partner.name / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
            if name.endswith(".csv.gz"):
                ids += [row["id"] for row in csv.DictReader(io.StringIO(gzip.decompress(data).decode(), newline=""))]
        if sorted(ids) != sorted(expected):
            raise self._unexpected(f"{partner.name} got {len(ids)} records, {len(expected)} were due")

    def _tidegate(self, *arguments: str) -> Any:
        """What a command says as JSON. Raises LocalStackError where it fails."""
        program = Path(sys.executable).with_name("tidegate")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
        ran = subprocess.run(  # our own command
            [program, *arguments, "--json"],
            check=False,
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if ran.returncode:
            raise self._unexpected(f"tidegate {' '.join(arguments)} said: {ran.stderr.strip() or ran.stdout.strip()}")
        return json.loads(ran.stdout)

    def _unexpected(self, what: str) -> LocalStackError:
        return LocalStackError(
            f"The demo did not go as it should: {what}.",
            remedy=f"What the functions printed is in {self._stack.function_log}.",
        )
