"""The records of one study in a window: Query by time slices, and the second read where the index lacks attributes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from tidegate.awserrors import translated
from tidegate.instants import to_millis
from tidegate.model import JSON, AttributeValue, Page, Record, Window
from tidegate.sources.dynamodb.answers import ends_of
from tidegate.sources.dynamodb.bodies import body_of, parsed, parsed_pieces
from tidegate.sources.dynamodb.items import ItemReader, projection
from tidegate.sources.dynamodb.keys import comparable, from_json, item_key, to_json, wire_value
from tidegate.sources.dynamodb.schema import Plan
from tidegate.sources.dynamodb.sieve import Sieve
from tidegate.sources.dynamodb.stretches import Batch, LastKey, Stretch, StretchReader
from tidegate.transcoding import ItemSpec, Transcoding

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Slice: TypeAlias = tuple[int, int]
"""[start, end) in milliseconds; start < end, always."""
_PIECES = 24
"""A slice that turns out long is cut in so many at most; the last has all that is left and is cut in its turn."""
_PAGES_A_PIECE = 0.95
"""A little less than a page, so that one call nearly always suffices: a call costs as much as a third of a page."""


class QueryReader:
    """Reads one window of one study. `readers` is how many calls are in flight at once."""

    def __init__(
        self,
        client: DynamoDBClient,
        plan: Plan,
        sieve: Sieve,
        items: ItemReader,
        *,
        remedy: str,
        page_limit: int | None = None,
        readers: int = 4,
        transcoding: Transcoding | None = None,
    ) -> None:
        self._client = client
        self._plan = plan
        self._sieve = sieve
        self._items = items
        self._remedy = remedy
        self._page_limit = page_limit
        self._readers = readers
        spec = plan.spec
        # A filter is decided on values, and a second read brings other bytes than the index's: both need objects.
        self._transcoding = None if plan.second_read or spec.filter else transcoding
        self._items_spec = ItemSpec(plan.record_key, spec.time_key, spec.time_type, plan.shown)

    def pages(self, study: str, window: Window, cursor: JSON | None) -> Iterator[Page]:
        """The window's records by time; see Source.pages. The cursor is the current slice and where it goes on."""
        start, end = to_millis(window.start), to_millis(window.end)
        if start >= end:
            return
        partition = wire_value(self._plan.schema.types[self._plan.spec.partition_key], study)
        if partition is None:  # a study id that the attribute's type cannot hold: no item has it
            yield Page(records=(), cursor=None)
            return
        at, key, restamped = (start, end), None, Restamped(())
        if cursor is not None:
            at, restamped = (cursor["at"][0], cursor["at"][1]), Restamped(cursor["restamped"])
            key = from_json(cursor["key"]) if cursor["key"] else None
        stretches = [Stretch(at, key)] + ([Stretch((at[1], end))] if at[1] < end else [])
        reading = self._read_within(partition, (start, end))
        reader = StretchReader(stretches, reading, self._split, readers=self._readers)
        with closing(reader.batches()) as batches:
            for span, batch in batches:
                for part, more in self._parts_of(batch, span):
                    records, duplicates = restamped.drop(part)
                    yield Page(
                        records=records,
                        cursor=_cursor(span, end, part.last_key, restamped),
                        deleted=part.deleted,
                        filtered=part.filtered,
                        duplicates=duplicates,
                        failed=part.failed,
                        more=more,
                    )

    def _read_within(self, partition: AttributeValue, window: Slice) -> Callable[[Slice, LastKey], Batch]:
        def read(span: Slice, key: LastKey) -> Batch:
            body, answer = self._query(partition, span, key)
            if body is not None:
                if (batch := self._transcoded(body, span) or self._as_it_came(body, span)) is not None:
                    return batch
                answer = parsed(body)
            items: Sequence[Mapping[str, AttributeValue]] = answer["Items"]
            batch = self._whole(items, span, window) if self._plan.second_read else self._kept(items, span)
            times = map(self._sieve.millis, items)
            batch.first_millis = next((millis for millis in times if millis is not None), None)
            batch.last_key = self._unless_past(span, answer.get("LastEvaluatedKey"))
            return batch

        return read

    def _as_it_came(self, body: bytes, span: Slice) -> Batch | None:
        """An answer of which no more is known than where to go on; None where more of it has to be known."""
        ends = None if self._plan.second_read else ends_of(body)
        if ends is None:
            return None
        first, last_key = ends
        return Batch([], self._unless_past(span, last_key), first_millis=self._sieve.millis(first), body=body)

    def _parts_of(self, batch: Batch, span: Slice) -> Iterator[tuple[Batch, bool]]:
        """What one call brought, piece by piece where it is an answer as it came; with the last one comes False."""
        if batch.body is None:
            yield batch, False
            return
        for items, more in parsed_pieces(batch.body):
            part = self._kept(items, span)
            part.last_key = batch.last_key
            yield part, more

    def _transcoded(self, body: bytes, span: Slice) -> Batch | None:
        """The records of an answer without making objects of them; None where that cannot be."""
        if self._transcoding is None:
            return None

        def records() -> Sequence[Record]:
            return self._kept(parsed(body)["Items"], span).records

        page = self._transcoding.page(body, span, self._items_spec, records)
        if page is None:
            return None
        found = page.latest
        last_key = self._unless_past(span, found.last_key)
        return Batch([], last_key, first_millis=found.first_millis, raw=page)

    def _query(self, partition: AttributeValue, span: Slice, key: LastKey) -> tuple[bytes | None, Mapping[str, Any]]:
        plan = self._plan
        low, high = plan.time.bounds(*span)
        arguments = self._projection()
        names = arguments.pop("ExpressionAttributeNames", {})
        arguments |= {
            "TableName": plan.schema.table,
            "KeyConditionExpression": "#partition = :partition AND #time BETWEEN :low AND :high",
            "ExpressionAttributeNames": {**names, "#partition": plan.spec.partition_key, "#time": plan.spec.time_key},
            "ExpressionAttributeValues": {":partition": partition, ":low": low, ":high": high},
            "ConsistentRead": plan.consistent,
        }
        if plan.index is not None:
            arguments["IndexName"] = plan.index.name
        if key is not None:
            arguments["ExclusiveStartKey"] = key
        if self._page_limit is not None:
            arguments["Limit"] = self._page_limit
        with translated(f"Querying table {plan.schema.table}", remedy=self._remedy):
            return body_of("Query", lambda: self._client.query(**arguments))

    def _projection(self) -> dict[str, Any]:
        if self._plan.second_read:
            return projection((*self._plan.schema.key, self._plan.spec.partition_key, self._plan.spec.time_key))
        return projection(self._plan.fetched) if self._plan.fetched is not None else {}

    def _kept(self, items: Sequence[Mapping[str, AttributeValue]], span: Slice) -> Batch:
        records, failed, filtered = self._sieve.sifted(items, *span)
        return Batch(records, None, filtered=filtered, failed=failed)

    def _whole(self, items: Sequence[Mapping[str, AttributeValue]], span: Slice, window: Slice) -> Batch:
        """The index's items as the table has them now: some are gone, some have left the window or the study."""
        plan, sieve, batch = self._plan, self._sieve, Batch([], None)
        partition_key, time_key = plan.spec.partition_key, plan.spec.time_key
        within = [item for item in items if sieve.within(item, sieve.millis(item), *span)]
        found = self._items.get((item_key(plan.schema, item) for item in within), plan.fetched)
        taken: set[Hashable] = set()
        for entry in within:
            key = comparable(plan.schema, entry)
            item = found.get(key)
            if item is None:
                batch.deleted += 1
                continue
            if key in taken or partition_key not in item or time_key not in item:
                continue
            millis = sieve.millis(item)
            if not sieve.within(item, millis, *window) or item[partition_key] != entry[partition_key]:
                continue
            taken.add(key)
            if not sieve.keeps(item):
                batch.filtered += 1
                continue
            outcome = sieve.of_window(item, millis)
            if item[time_key] != entry[time_key] and isinstance(outcome, Record):
                batch.moved.append(len(batch.records))
            batch.add(outcome)
        return batch

    def _unless_past(self, span: Slice, key: LastKey) -> LastKey:
        """None where the rest of the slice lies at or past its end: there is no need to read it."""
        if not key:
            return None
        # Within one unit of the notation (a second of iso8601) the order may be the text's, not that of time.
        unit = self._plan.time.cut_millis
        millis = self._sieve.millis(key)
        return key if millis is None or millis // unit * unit < span[1] else None

    def _split(self, span: Slice, batch: Batch) -> Sequence[Slice]:
        """Cut what is left of a slice by the density of the page just read, which keeps a piece more to itself.

        Were it cut right behind that page, there would be another call, only to learn that nothing is left.
        """
        reached = None if batch.last_key is None else self._sieve.millis(batch.last_key)
        if reached is None or batch.first_millis is None:
            return (span,)
        unit = self._plan.time.cut_millis
        length = max(1, int(_PAGES_A_PIECE * (reached - batch.first_millis)))
        step = -(-length // unit) * unit
        cut = -(-(reached + 1 + length) // unit) * unit
        pieces = min(_PIECES, (span[1] - cut) // step)
        if pieces < 2:
            return (span,)
        edges = [*(cut + step * piece for piece in range(pieces)), span[1]]
        return [(span[0], cut), *pairwise(edges)]


class Restamped:
    """Records whose time was changed, within the window, while it was being read: they may be listed a second time.

    They were exported where they were listed first; this remembers which, so that the second time counts as duplicate.
    """

    def __init__(self, identities: Sequence[Sequence[str]]) -> None:
        self._identities = {tuple(identity) for identity in identities}

    def drop(self, batch: Batch) -> tuple[Sequence[Record], int]:
        """The batch's records without those that were there before, and how many these were."""
        if not batch.moved and not self._identities:
            return batch.content, 0
        kept = []
        moved = set(batch.moved)
        for at, record in enumerate(batch.records):
            identity = (*record.key, str(record.time_millis))
            if identity in self._identities:
                continue
            kept.append(record)
            if at in moved:
                self._identities.add(identity)
        return kept, len(batch.records) - len(kept)

    def to_json(self) -> JSON:
        """The identities, for a cursor."""
        return sorted(list(identity) for identity in self._identities)


def _cursor(span: Slice, end: int, key: LastKey, restamped: Restamped) -> JSON | None:
    if key is None:
        if span[1] >= end:
            return None
        return {"at": [span[1], end], "key": None, "restamped": restamped.to_json()}
    return {"at": list(span), "key": to_json(key), "restamped": restamped.to_json()}
