"""An index that lags: some records are in the table, and a query does not show them yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from integration.test_passes import Pages
from integration.world import NOON, World
from tidegate.engine import Engine
from tidegate.export import ExportKind
from tidegate.instants import rfc3339
from tidegate.model import JSON, Definition, Operation, Page, Window
from tidegate.sources import Ask, Key, Names
from tidegate.sources.dynamodb import DynamoDBSource

Generating = Any


@dataclass
class Lagging:
    """A DynamoDB source without the records in `hidden`; `asked` are the windows that it was asked for."""

    whole: DynamoDBSource
    hidden: set[str]
    asked: list[Window]

    def names(self) -> Names:
        return self.whole.names()

    def owners(self, keys: Sequence[Key]) -> Mapping[Key, str]:
        return self.whole.owners(keys)

    def time_unit(self) -> int | None:
        return self.whole.time_unit()

    def pages(self, ask: Ask, cursor: JSON | None) -> Iterator[Page]:
        if ask.window is not None and cursor is None:
            self.asked.append(ask.window)
        with closing(cast("Generating", self.whole.pages(ask, cursor))) as pages:
            for page in pages:
                shown = [record for record in page.records if record.key[0] not in self.hidden]
                failed = [one for one in page.failed if one.key[0] not in self.hidden]
                yield replace(page, records=shown, failed=failed)


@dataclass
class Tide:
    """Exports of one study through an index that lags."""

    world: World
    study: str = "a"
    page_limit: int | None = None
    pages_a_pass: int | None = None
    hidden: set[str] = field(default_factory=set)
    asked: list[Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.put_study(self.study, usesCustomExportSchedule=self.study != "a")

    def put(self, *minutes: float, late: bool = False, **attributes: Mapping[str, Any]) -> list[str]:
        """One record so many minutes before noon, hidden if `late`; their ids."""
        ids = self.world.put_records(self.study, [NOON - timedelta(minutes=m) for m in minutes], **attributes)
        if late:
            self.hidden.update(ids)
        return ids

    def export(self, minutes: float, **body: Any) -> Operation:
        """Export up to so many minutes before noon, and work until it is quiet."""
        (operation_id,) = self.submit(minutes, **body)
        self.work()
        return self.world.operation(operation_id)

    def submit(self, minutes: float, **body: Any) -> list[str]:
        wanted = {"exportType": "HOURLY", "endDateTime": rfc3339(ago(minutes)), "studyWhitelist": [self.study]}
        return self.world.submit(**{**wanted, **body})

    def work(self) -> None:
        self.world.work(engine=self.engine(), seconds_left=lambda: 0.0 if self.pages_a_pass else 300.0)

    def engine(self) -> Engine:
        stack = self.world.stack

        def source_of(definition: Definition) -> Lagging:
            read = definition.with_table(stack.settings.record_table)
            whole = DynamoDBSource(stack.clients.dynamodb, read, page_limit=self.page_limit, readers=1)
            return Lagging(whole, self.hidden, self.asked)

        kinds = {"EXPORT": ExportKind(stack.ledger, stack.objects, source_of, stack.clock, stack.places(), stack.pages)}
        if self.pages_a_pass is None:
            return self.world.engine(kinds=kinds)
        pages = self.pages_a_pass
        return self.world.engine(kinds=kinds, budget=lambda _seconds: Pages(pages))

    def files(self) -> list[list[str]]:
        """The record ids of each committed window, in the order of the windows and of their parts."""
        found = [manifest for manifest in self.world.manifests(self.study) if manifest["watermark"]["after"]]
        return [[row["id"] for row in self.world.rows(manifest)] for manifest in found]

    def memories(self) -> list[str]:
        return [key for key in self.world.keys("lookback/") if f"/study={self.study}/" in key]


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)
