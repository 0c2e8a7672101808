"""Records in a DynamoDB table: by time through an index or the table's own key, by a scan, or by key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tidegate.errors import FatalError, RejectedError
from tidegate.immutable import dataclass
from tidegate.model import JSON, AttributeValue, Definition, FailedRecord, Finding, Page, Record, Window
from tidegate.sources.dynamodb.bodies import take_bodies
from tidegate.sources.dynamodb.inspection import inspect
from tidegate.sources.dynamodb.items import BATCH, ItemReader, ahead
from tidegate.sources.dynamodb.keys import comparable, to_wire
from tidegate.sources.dynamodb.query import QueryReader
from tidegate.sources.dynamodb.scan import ScanReader
from tidegate.sources.dynamodb.schema import Plan, describe, plan, remedy_of
from tidegate.sources.dynamodb.sieve import Sieve
from tidegate.sources.source import Ask, Key, Names

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["DynamoDBSource"]

_TABLE_KEY = "Leave out the source's recordKey, or give it the table's own key."


@dataclass(frozen=True, slots=True)
class _Table:
    """What one DescribeTable makes possible."""

    plan: Plan
    sieve: Sieve
    items: ItemReader


class DynamoDBSource:
    """One export's records in its table.

    The table is described once, at the first use. `page_limit` (the Limit of a Query or Scan, and the keys of an
    override's page) and `readers` (calls in flight) are for tests and measurements; `wait` is how it sleeps between
    attempts and to stay below a scan's capacity.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        definition: Definition,
        *,
        page_limit: int | None = None,
        readers: int = 4,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._definition = definition
        self._page_limit = page_limit
        self._readers = readers
        self._wait = wait
        self._remedy = remedy_of(definition.export)
        self._described: _Table | None = None
        self._describing = threading.Lock()

    def pages(self, ask: Ask, cursor: JSON | None) -> Iterator[Page]:
        """See Source.pages. A window that is empty sends nothing at all, not even DescribeTable."""
        if ask.keys is not None:
            return self._by_key(ask.study, ask.keys, cursor)
        if ask.window is None or ask.window.empty:
            return iter(())
        return self._of_window(ask, ask.window, cursor)

    def names(self) -> Names:
        """See KeyLookup."""
        return Names(self._table().plan.record_key, self._definition.source.time_key)

    def time_unit(self) -> int | None:
        """See TimeOrdered. A scan has no order, and a second read may find another time than the index's."""
        chosen = self._table().plan
        return None if chosen.scan or chosen.second_read else chosen.time.cut_millis

    def owners(self, keys: Sequence[Key]) -> Mapping[Key, str]:
        """See KeyLookup. Reads only the partition attribute, 100 keys a call, a few calls at once.

        Raises RejectedError (CONFLICTING_FIELDS) where the definition's recordKey is not the table's key.
        """
        table = self._table()
        if (why_not := self._why_no_lookup()) is not None:
            raise RejectedError(f"recordIdS3Override: {why_not}", code="CONFLICTING_FIELDS", remedy=_TABLE_KEY)
        batches = [keys[at : at + BATCH] for at in range(0, len(keys), BATCH)]
        found: dict[Key, str] = {}
        for batch, items in zip(batches, ahead(self._partitions, batches, self._readers), strict=True):
            for key, item in zip(batch, items, strict=True):
                study = None if item is None else table.sieve.study(item)
                if study is not None:
                    found[key] = study
        return found

    def warnings(self, studies: Sequence[str]) -> Sequence[str]:
        """See Inspectable. One for a scan of more than one study."""
        if not self._table().plan.scan or len(studies) < 2:
            return ()
        spec = self._definition.source
        warning = (
            f"Table {spec.table} has no index on ({spec.partition_key}, {spec.time_key}): the whole table is read once "
            f"for each of {len(studies)} studies. Create such an index and name it as the source's index."
        )
        return (warning,)

    def inspect(self, studies: Sequence[str], window: Window) -> Sequence[Finding]:
        """See Inspectable."""
        return inspect(self._client, self._definition, studies, window)

    def _table(self) -> _Table:
        with self._describing:
            if self._described is None:
                take_bodies(self._client)
                schema = describe(self._client, self._definition.source.table, remedy=self._remedy)
                chosen = plan(schema, self._definition)
                self._described = _Table(
                    chosen,
                    Sieve(chosen, self._definition),
                    ItemReader(self._client, schema, remedy=self._remedy, wait=self._wait),
                )
            return self._described

    def _of_window(self, ask: Ask, window: Window, cursor: JSON | None) -> Iterator[Page]:
        table = self._table()
        if table.plan.scan:
            scan = ScanReader(
                self._client,
                table.plan,
                table.sieve,
                remedy=self._remedy,
                page_limit=self._page_limit,
                readers=self._readers,
                wait=self._wait,
                transcoding=ask.transcoding,
            )
            yield from scan.pages(ask.study, window, cursor)
        else:
            query = QueryReader(
                self._client,
                table.plan,
                table.sieve,
                table.items,
                remedy=self._remedy,
                page_limit=self._page_limit,
                readers=self._readers,
                transcoding=ask.transcoding,
            )
            yield from query.pages(ask.study, window, cursor)

    def _by_key(self, study: str, keys: Sequence[Key], cursor: JSON | None) -> Iterator[Page]:
        """An override: the keys in their order, those of other studies and those that the filter drops counted."""
        table, size = self._table(), self._page_limit or BATCH
        if (why_not := self._why_no_lookup()) is not None:
            raise FatalError(why_not, code="OVERRIDE_UNSUPPORTED", remedy=_TABLE_KEY)
        keys = self._distinct(keys)
        starts = range(0 if cursor is None else cursor["at"], len(keys), size)
        asks = [keys[at : at + size] for at in starts]
        found_by_ask = ahead(lambda asked: self._items_of(asked, table.plan.fetched), asks, self._readers)
        for at, asked, items in zip(starts, asks, found_by_ask, strict=True):
            here = [item for item in items if item is not None]
            kept = [item for item in here if table.sieve.study(item) == study and table.sieve.keeps(item)]
            found = [table.sieve.by_key(item) for item in kept]
            yield Page(
                records=[one for one in found if isinstance(one, Record)],
                cursor={"at": at + size} if at + size < len(keys) else None,
                filtered=len(here) - len(kept),
                missing=[key for key, item in zip(asked, items, strict=True) if item is None],
                failed=[one for one in found if isinstance(one, FailedRecord)],
            )

    def _why_no_lookup(self) -> str | None:
        names, schema = self._table().plan.record_key, self._table().plan.schema
        if set(names) == set(schema.key):
            return None
        return (
            f"Export {self._definition.export} knows its records by ({', '.join(names)}), but the key of table "
            f"{schema.table} is ({', '.join(schema.key)}): single records cannot be found."
        )

    def _distinct(self, keys: Sequence[Key]) -> Sequence[Key]:
        """The keys without those that are another way of writing one before: 1.0 after 1."""
        plan = self._table().plan
        if all(plan.schema.types[name] == "S" for name in plan.schema.key):
            return keys
        first: dict[Hashable, Key] = {}
        for key in keys:
            wire = to_wire(plan.schema, plan.record_key, key)
            first.setdefault(key if wire is None else comparable(plan.schema, wire), key)
        return list(first.values())

    def _partitions(self, keys: Sequence[Key]) -> list[Mapping[str, AttributeValue] | None]:
        return self._items_of(keys, (self._definition.source.partition_key,))

    def _items_of(
        self, keys: Sequence[Key], attributes: Sequence[str] | frozenset[str] | None
    ) -> list[Mapping[str, AttributeValue] | None]:
        """The item of each key, None where there is none."""
        table = self._table()
        schema, names = table.plan.schema, table.plan.record_key
        wired = [to_wire(schema, names, key) for key in keys]
        found = table.items.get([key for key in wired if key is not None], attributes)
        ids: list[Hashable | None] = [None if key is None else comparable(schema, key) for key in wired]
        return [None if one is None else found.get(one) for one in ids]
