"""A DynamoDB table in memory: pages as small as a test wants, an index that lags, calls that are kept and can fail.

It answers only the calls that the source makes, and it refuses what DynamoDB refuses and emulators let through: crossed
bounds, keys asked for twice in one batch, a start key outside of the bounds.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.definition import from_document
from tidegate.instants import from_millis
from tidegate.model import Definition, Page, Window
from tidegate.sources import Ask
from tidegate.sources.dynamodb import DynamoDBSource
from unit.sources.dropped import Dropped, dropping

Item = dict[str, dict[str, Any]]
INDEX = "by-time"


def comparable(value: Mapping[str, Any]) -> Any:
    return Decimal(value["N"]) if "N" in value else value.get("S", value.get("B"))


class Hooks:
    """botocore's `before-parse`: what is registered may take the body away, and then nothing is parsed."""

    def __init__(self) -> None:
        self._registered: dict[str, Callable[..., None]] = {}
        self.cut: int | None = None
        """Where bodies end, should they be damaged."""

    def register(self, event: str, hook: Callable[..., None], unique_id: str) -> None:
        assert unique_id
        self._registered[event] = hook

    def answer(self, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
        counted = {"Count": len(answer["Items"]), **answer} if "Items" in answer else answer
        body = json.dumps(counted, separators=(",", ":"), default=lambda data: b64encode(data).decode()).encode()
        response, taken = {"status_code": 200, "body": body[: self.cut]}, dict[str, Any]()
        if hook := self._registered.get(f"before-parse.dynamodb.{operation}"):
            model = SimpleNamespace(name=operation)
            hook(response_dict=response, customized_response_dict=taken, operation_model=model)
        return {**taken} if response["body"] == b"{}" else answer


@dataclass
class FakeTable:
    """The parts of a low-level client that the source uses. `listed` is what the index has, where it lags."""

    items: list[Item] = field(default_factory=list)
    listed: list[Item] | None = None
    key: tuple[str, ...] = ("id",)
    types: dict[str, str] = field(default_factory=lambda: {"id": "S", "studyId": "S", "uploadedOn": "N"})
    projection: dict[str, Any] | None = field(default_factory=lambda: {"ProjectionType": "ALL"})
    index_status: str = "ACTIVE"
    local_index: bool = False
    page: int = 1000
    provisioned: int = 0
    size: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    before: Callable[[str, dict[str, Any]], None] = lambda _name, _arguments: None
    unprocessed: Callable[[int], int] = lambda _asked: 0
    hooks: Hooks = field(default_factory=Hooks)
    _lock: Lock = field(default_factory=Lock)

    @property
    def meta(self) -> Any:
        return SimpleNamespace(events=self.hooks)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def describe_table(self, **arguments: Any) -> Any:
        self._called("describe_table", arguments)
        schema = [{"AttributeName": n, "KeyType": t} for n, t in zip(self.key, ("HASH", "RANGE"), strict=False)]
        index = {
            "IndexName": INDEX,
            "KeySchema": [
                # In this order on purpose: nothing says that the partition key comes first.
                {"AttributeName": "uploadedOn", "KeyType": "RANGE"},
                {"AttributeName": "studyId", "KeyType": "HASH"},
            ],
            "Projection": self.projection,
            "IndexStatus": self.index_status,
        }
        indexes = {"LocalSecondaryIndexes" if self.local_index else "GlobalSecondaryIndexes": [index]}
        return {
            "Table": {
                "KeySchema": schema,
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in self.types.items()],
                "ProvisionedThroughput": {"ReadCapacityUnits": self.provisioned},
                "TableSizeBytes": self.size,
                **(indexes if self.projection else {}),
            }
        }

    def query(self, **arguments: Any) -> Any:
        self._called("query", arguments)
        return self.hooks.answer("Query", self._queried(arguments))

    def _queried(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        values = arguments["ExpressionAttributeValues"]
        low, high = comparable(values[":low"]), comparable(values[":high"])
        assert low <= high, "DynamoDB refuses crossed bounds"
        listed = self.items if self.listed is None or "IndexName" not in arguments else self.listed
        within = [i for i in listed if i.get("studyId") == values[":partition"] and "uploadedOn" in i]
        within = [i for i in within if low <= comparable(i["uploadedOn"]) <= high]
        within.sort(key=self._place)
        if start := arguments.get("ExclusiveStartKey"):
            assert low <= comparable(start["uploadedOn"]) <= high, "DynamoDB refuses a start outside of the bounds"
            within = [i for i in within if self._place(i) > self._place(start)]
        names = {*self.key, "studyId", "uploadedOn"}
        answer = self._page(within, arguments, names)
        if "IndexName" in arguments and (self.projection or {})["ProjectionType"] != "ALL":
            held = names | set((self.projection or {}).get("NonKeyAttributes", ()))
            answer["Items"] = [{n: v for n, v in i.items() if n in held} for i in answer["Items"]]
        if arguments.get("Select") == "COUNT":
            answer["Count"] = len(answer.pop("Items"))
        return answer

    def scan(self, **arguments: Any) -> Any:
        self._called("scan", arguments)
        segment, segments = arguments.get("Segment", 0), arguments.get("TotalSegments", 1)
        hashed = sorted((zlib.crc32(repr(self._place(i)[1:]).encode()), n) for n, i in enumerate(self.items))
        within = [self.items[n] for crc, n in hashed if crc % segments == segment]
        if start := arguments.get("ExclusiveStartKey"):
            keys = [{n: i[n] for n in self.key} for i in within]
            within = within[keys.index(start) + 1 :]
        answer = {**self._page(within, arguments, set(self.key)), "ConsumedCapacity": {"CapacityUnits": 10.0}}
        return self.hooks.answer("Scan", answer)

    def batch_get_item(self, **arguments: Any) -> Any:
        self._called("batch_get_item", arguments)
        ((table, request),) = arguments["RequestItems"].items()
        keys = request["Keys"]
        assert 0 < len(keys) <= 100, "DynamoDB takes 1 to 100 keys"
        assert len({repr(k) for k in keys}) == len(keys), "DynamoDB refuses repeated keys"
        left = self.unprocessed(len(keys))
        done = keys[: len(keys) - left]
        answer: dict[str, Any] = {
            "Responses": {table: [self._projected(i, request) for i in self.items if self._in(i, done)]}
        }
        answer["UnprocessedKeys"] = {table: {**request, "Keys": keys[len(keys) - left :]}} if left else {}
        return self.hooks.answer("BatchGetItem", answer)

    def _called(self, name: str, arguments: dict[str, Any]) -> None:
        with self._lock:
            self.calls.append((name, arguments))
        self.before(name, arguments)

    def _in(self, item: Item, keys: Sequence[Item]) -> bool:
        return any(all(comparable(item[n]) == comparable(k[n]) for n in self.key) for k in keys)

    def _place(self, item: Mapping[str, Any]) -> tuple[Any, ...]:
        return (comparable(item.get("uploadedOn", {"N": "0"})), *(comparable(item[n]) for n in self.key))

    def _page(self, within: list[Item], arguments: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
        size = arguments.get("Limit", self.page)
        items = [self._projected(item, arguments) for item in within[:size]]
        answer: dict[str, Any] = {"Items": items}
        # As DynamoDB does: a page that is just full says that there may be more.
        if len(within) >= size:
            answer["LastEvaluatedKey"] = {n: within[size - 1][n] for n in sorted(names)}
        return answer

    @staticmethod
    def _projected(item: Item, arguments: Mapping[str, Any]) -> Item:
        if "ProjectionExpression" not in arguments:
            return dict(item)
        names = {arguments["ExpressionAttributeNames"][n] for n in arguments["ProjectionExpression"].split(",")}
        return {n: v for n, v in item.items() if n in names}


def record(record_id: str, at: object, study: str = "s", **more: dict[str, Any]) -> Item:
    time = {"S": at} if isinstance(at, str) else {"N": str(at)}
    return {"id": {"S": record_id}, "studyId": {"S": study}, "uploadedOn": time, **more}


def window(start: int, end: int) -> Window:
    return Window(from_millis(start), from_millis(end))


def export(**source: Any) -> Definition:
    """A definition whose source is the fake table by its index; what is given as None is left out."""
    changes = {"columns": source.pop("columns", None), "tableBy": source.pop("tableBy", None)}
    given = {"type": "dynamodb", "table": "Records", "index": INDEX, **source}
    document: dict[str, Any] = {"source": {n: v for n, v in given.items() if v is not None}}
    return from_document({**document, **{n: v for n, v in changes.items() if v is not None}}, 1)


class Bench:
    """What tests share: it makes items, windows, definitions and sources, and reads them to the end."""

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    table = FakeTable
    record = staticmethod(record)
    window = staticmethod(window)
    export = staticmethod(export)

    @staticmethod
    def source(table: FakeTable, definition: Definition | None = None, **options: Any) -> DynamoDBSource:
        waits: list[float] = []
        client: Any = table
        return DynamoDBSource(client, definition or export(), wait=waits.append, **options)

    @staticmethod
    def pages(source: Any, ask: Ask, cursor: Any = None) -> list[Page]:
        pages = list(source.pages(ask, cursor))
        assert all(page.cursor is not None or page.more for page in pages[:-1]), "only the last page has no cursor"
        assert not pages or (pages[-1].cursor is None and not pages[-1].more)
        return pages

    @staticmethod
    def ids(pages: Sequence[Page]) -> list[str]:
        return ["|".join(one.key) for page in pages for one in page.records]


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench()


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropped]:
    """Drops modules into a sources folder."""
    with dropping(tmp_path, monkeypatch) as dropped:
        yield dropped
