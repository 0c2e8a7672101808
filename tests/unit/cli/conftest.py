"""The command line on a stack that is only a stand-in: what it sends is kept, what it is told is set by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import Result

from commandline import run
from tidegate.cli.session import Session
from tidegate.model import (
    Definition,
    ExportType,
    Failure,
    FormatSpec,
    Operation,
    Progress,
    SourceSpec,
    State,
    Trigger,
    Window,
)
from tidegate.service import Preview, Watermark
from tidegate.sources import Finding

NOW = datetime(2026, 2, 1, 0, 5, tzinfo=UTC)


@dataclass
class StandIn:
    """The service and the stack in one. `answers` are what request_operations and operation say, one after another."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    answers: list[Sequence[Operation] | None] = field(default_factory=list)
    listed: Sequence[Operation] = ()
    previews: Sequence[Preview] = ()
    definitions: Sequence[Definition] = ()
    marks: Sequence[Watermark] = ()
    findings: Sequence[Finding] = ()
    error: BaseException | None = None
    verification: Any = None

    @property
    def service(self) -> StandIn:
        return self

    def send(self, body: Mapping[str, Any]) -> None:
        self._ask("send")
        self.sent.append(dict(body))

    def request_operations(self, request_id: str) -> Sequence[Operation] | None:
        self._ask("request_operations", request_id)
        return self._answer()

    def operations(
        self,
        state: State | None = None,
        study: str | None = None,
        limit: int | None = 100,
        *,
        failed_records: bool = False,
    ) -> Sequence[Operation]:
        self._ask("operations", state, study, limit, *(["failed records"] if failed_records else []))
        return self.listed

    def operation(self, operation_id: str) -> Operation | None:
        self._ask("operation", operation_id)
        answer = self._answer()
        return answer[0] if answer else None

    def preview(self, body: str, now: datetime) -> Sequence[Preview]:
        self._ask("preview", json.loads(body), now)
        return self.previews

    def put_export(self, document: Mapping[str, Any], actor: str, now: datetime) -> Definition:
        self._ask("put_export", document, actor, now)
        return definition(document["exportId"], version=3, document=document)

    def exports(self) -> Sequence[Definition]:
        self._ask("exports")
        return self.definitions

    def export(self, export_id: str) -> Definition | None:
        self._ask("export", export_id)
        return next((d for d in self.definitions if d.export == export_id), None)

    def watermarks(self, study: str | None = None) -> Sequence[Watermark]:
        self._ask("watermarks", study)
        return [mark for mark in self.marks if study in (None, mark.study)]

    def check(self, export_id: str, now: datetime) -> Sequence[Finding]:
        self._ask("check", export_id, now)
        return self.findings

    def _ask(self, *what: object) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error

    def _answer(self) -> Sequence[Operation] | None:
        return self.answers.pop(0) if len(self.answers) > 1 else (self.answers or [None])[0]


@dataclass
class Cli:
    """Runs command lines. Its clock moves only when a command sleeps."""

    stack: StandIn = field(default_factory=StandIn)
    chosen: list[str | None] = field(default_factory=list)
    seconds: float = 0.0
    interrupt_at: float | None = None

    def __call__(self, *arguments: str, typed: str | None = None) -> Result:
        session = Session(connect=self._connect, now=lambda: NOW, monotonic=lambda: self.seconds, sleep=self._sleep)
        return run(session, *arguments, typed=typed)

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints with --json."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def operation(self, study: str | None = "asthma", state: State = State.SUCCEEDED, **changes: Any) -> Operation:
        return operation(study, state, **changes)

    def _connect(self, name: str | None) -> Any:
        self.chosen.append(name)
        return self.stack

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.interrupt_at is not None and self.seconds >= self.interrupt_at:
            raise KeyboardInterrupt


def operation(study: str | None, state: State, **changes: Any) -> Operation:
    at = NOW - timedelta(minutes=5)
    plain = Operation(
        operation_id=f"01KFYMB9W0V2Q6T8X4Z1C3{(study or 'NONE').upper()[:4]}",
        kind="EXPORT",
        state=state,
        request_id="cli-1",
        export="default",
        study=study,
        export_type=ExportType.DAILY,
        trigger=Trigger.COMMAND,
        tag="(no tag)",
        actor=None,
        created_at=at,
        last_action_at=at,
        window=Window(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        progress=Progress(100 if state is State.SUCCEEDED else 40, 1234, 56_789, 2),
        outcome="EXPORTED" if state is State.SUCCEEDED else None,
        error=Failure("NO_TABLE", "The table Records is gone.", "Create it.") if state is State.FAILED else None,
    )
    return replace(plain, **changes)


def definition(export_id: str, *, version: int, document: Mapping[str, Any]) -> Definition:
    return Definition(
        export=export_id,
        version=version,
        source=SourceSpec(table="Records", index="study-uploadedOn-index"),
        studies=None,
        table_by=(),
        columns=None,
        format=FormatSpec(),
        destinations=({"type": "S3"},),
        time_zone="Europe/London",
        settle_seconds=60,
        lookback_seconds=900,
        first_export_from=None,
        empty_policy="none",
        max_records_per_part=1_000_000,
        max_bytes_per_part=1 << 30,
        row_limit=None,
        row_limit_policy="error",
        max_failed_percent=1.0,
        max_failed_at_least=10,
        document=document,
    )


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def make_definition() -> Callable[..., Definition]:
    return definition


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may find real credentials, leave dummy ones behind, or be made to print colours."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "no_proxy",
        "NO_PROXY",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
    ):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
