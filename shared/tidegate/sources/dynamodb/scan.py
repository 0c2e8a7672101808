"""The records of one study in a window where no index leads to them: the whole table, segment by segment.

A segment is about a page, so that one call reads it and those after it are read at the same time, few of them waiting
in memory. How many there are is decided once, by the table's size, and kept in the cursor, because the order of an
export is that of its segments.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

from tidegate.awserrors import translated
from tidegate.errors import FatalError
from tidegate.immutable import dataclass
from tidegate.instants import to_millis
from tidegate.model import JSON, AttributeValue, Page, Window
from tidegate.sources.dynamodb.bodies import body_of, parsed
from tidegate.sources.dynamodb.items import projection
from tidegate.sources.dynamodb.keys import from_json, to_json, wire_value
from tidegate.sources.dynamodb.schema import Plan
from tidegate.sources.dynamodb.sieve import Sieve
from tidegate.sources.dynamodb.stretches import Batch, LastKey, Stretch, StretchReader
from tidegate.transcoding import ItemSpec, Transcoding

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SEGMENT_BYTES = 900_000
"""Of the table, a little less than a page of 1 MB, as items are not spread evenly."""
_QUARTERS = 4
"""The order goes from quarter to quarter, so that calls at the same time are of partitions that are not the same."""
_LOOKAHEAD = 6
"""How many segments may be begun; those that are begun are in the cursor."""
_MOST_SEGMENTS = 1_000_000
"""DynamoDB takes no more."""
_DEFAULT_CAPACITY = 500.0
"""Read capacity units a second for an on-demand table: 2 MB/s, strongly consistent."""
_SHARE_OF_PROVISIONED = 0.5


class Pacer:
    """Keeps the read capacity that several threads consume below so many units per second."""

    def __init__(
        self,
        units_per_second: float,
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = units_per_second
        self._wait = wait
        self._clock = clock
        self._free_at = clock()
        self._lock = threading.Lock()

    def spent(self, units: float) -> None:
        """Wait until these units are paid for."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + units / self._rate
            pause = self._free_at - now
        if pause > 0:
            self._wait(pause)


def segments_of(size: int) -> int:
    """How many segments a table of so many bytes is read in: a multiple of four, at least four."""
    return min(_MOST_SEGMENTS, _QUARTERS * max(1, -(-size // (_QUARTERS * SEGMENT_BYTES))))


def segment_at(place: int, segments: int) -> int:
    """The number of the segment at this place in the order of so many: the first of each quarter, then the second."""
    return place % _QUARTERS * (segments // _QUARTERS) + place // _QUARTERS


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a scan in so many segments, which are known by their places in the order.

    That is those in `begun`, each from its key on, and all whose place is `next` or behind it.
    """

    segments: int
    begun: Sequence[Stretch[int]]
    next: int

    @classmethod
    def of(cls, cursor: JSON | None, size: int) -> Left:
        """What a cursor says; without one, the whole of a table of this size."""
        if cursor is None:
            return cls(segments_of(size), (), 0)
        if "segments" in cursor:  # of a version that read each table in four, all of them begun at once
            cursor = {"of": _QUARTERS, "begun": cursor["segments"], "next": _QUARTERS}
        begun = [Stretch(int(place), from_json(key) if key else None) for place, key in cursor["begun"]]
        return cls(cursor["of"], begun, cursor["next"])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self.begun and self.next == self.segments

    def to_json(self) -> JSON | None:
        """The cursor; None where nothing is left."""
        if self.is_empty:
            return None
        begun = [[stretch.span, to_json(stretch.key) if stretch.key else None] for stretch in self.begun]
        return {"of": self.segments, "begun": begun, "next": self.next}


class ScanReader:
    """Reads one study's window by a parallel scan, `readers` calls at once.

    `page_limit` is the most items that one call looks at.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        plan: Plan,
        sieve: Sieve,
        *,
        remedy: str,
        page_limit: int | None = None,
        readers: int = 4,
        wait: Callable[[float], None] = time.sleep,
        transcoding: Transcoding | None = None,
    ) -> None:
        self._client = client
        self._plan = plan
        self._sieve = sieve
        self._remedy = remedy
        self._page_limit = page_limit
        self._readers = readers
        self._wait = wait
        # A filter is decided on values, which are objects.
        self._transcoding = None if plan.spec.filter else transcoding

    def pages(self, study: str, window: Window, cursor: JSON | None) -> Iterator[Page]:
        """The window's records in the segments' order; see Source.pages. The cursor is what is left of each segment."""
        start, end = to_millis(window.start), to_millis(window.end)
        if start >= end:
            return
        left = Left.of(cursor, self._plan.schema.size)
        stretches = chain(left.begun, (Stretch(place) for place in range(left.next, left.segments)))
        reading = self._read_within(study, (start, end), left.segments)
        lookahead = max(_LOOKAHEAD, len(left.begun))
        reader = StretchReader(
            stretches, reading, readers=self._readers, lookahead=lookahead, pages_ahead=3, pages_in_all=5
        )
        with closing(reader.batches()) as batches:
            for place, batch in batches:
                behind, last = reader.behind()
                rest = [(place, batch.last_key)] if batch.last_key is not None else []
                now = Left(left.segments, [Stretch(*one) for one in [*rest, *behind]], max(left.next, last + 1))
                yield Page(records=batch.content, cursor=now.to_json(), filtered=batch.filtered, failed=batch.failed)
                if now.is_empty:
                    return

    def _read_within(self, study: str, span: tuple[int, int], segments: int) -> Callable[[int, LastKey], Batch]:
        pacer = Pacer(self._capacity(), wait=self._wait)
        arguments = {**self._arguments(study, *span), "TotalSegments": segments}

        def read(place: int, key: LastKey) -> Batch:
            at: dict[str, Any] = {"Segment": segment_at(place, segments)}
            if key is not None:
                at["ExclusiveStartKey"] = key
            with translated(f"Scanning table {self._plan.schema.table}", remedy=self._remedy):
                body, answer = body_of("Scan", lambda: self._client.scan(**arguments, **at))
            batch = None if body is None else self._transcoded(body, study, span)
            if batch is None:
                answer = answer if body is None else parsed(body)
                batch = self._batch(answer, study, span)
                capacity = answer.get("ConsumedCapacity")
            else:
                capacity = batch.raw.latest.capacity if batch.raw is not None else None
            pacer.spent(float((capacity or {}).get("CapacityUnits") or 0))
            return batch

        return read

    def _batch(self, answer: Mapping[str, Any], study: str, span: tuple[int, int]) -> Batch:
        sieve, time_key = self._sieve, self._plan.spec.time_key
        items: list[Mapping[str, AttributeValue]] = answer["Items"]
        timed = [(sieve.millis(item), item) for item in items if time_key in item and sieve.study(item) == study]
        batch = Batch([], answer.get("LastEvaluatedKey") or None)
        for millis, item in timed:
            if not sieve.within(item, millis, *span):
                continue
            if sieve.keeps(item):
                batch.add(sieve.of_window(item, millis))
            else:
                batch.filtered += 1
        return batch

    def _transcoded(self, body: bytes, study: str, span: tuple[int, int]) -> Batch | None:
        """The study's records of an answer without making objects of them; None where that cannot be."""
        if self._transcoding is None:
            return None
        spec, plan = self._plan.spec, self._plan
        items = ItemSpec(plan.record_key, spec.time_key, spec.time_type, plan.shown, (spec.partition_key, study))
        page = self._transcoding.page(body, span, items, lambda: self._batch(parsed(body), study, span).records)
        return None if page is None else Batch([], page.latest.last_key, raw=page)

    def _arguments(self, study: str, start: int, end: int) -> dict[str, Any]:
        plan = self._plan
        low, high = plan.time.bounds(start, end)
        arguments = projection(plan.fetched) if plan.fetched is not None else {}
        names = {"#partition": plan.spec.partition_key, "#time": plan.spec.time_key}
        values: dict[str, AttributeValue] = {":s": {"S": study}, ":low": low, ":high": high}
        owner = "#partition = :s"
        if (number := wire_value("N", study)) is not None:
            values[":n"], owner = number, "(#partition = :s OR #partition = :n)"
        # A time of another type must come through, so that it is told of instead of being left out for ever.
        values[":type"] = {"S": plan.time.attribute_type}
        there = "attribute_exists(#time) AND (NOT attribute_type(#time, :type) OR #time BETWEEN :low AND :high)"
        arguments |= {
            "TableName": plan.schema.table,
            "FilterExpression": f"{owner} AND {there}",
            "ExpressionAttributeNames": {**arguments.get("ExpressionAttributeNames", {}), **names},
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ReturnConsumedCapacity": "TOTAL",
        }
        return arguments if self._page_limit is None else {**arguments, "Limit": self._page_limit}

    def _capacity(self) -> float:
        """The cap: the source option `maxReadCapacity`, else half of what is provisioned, else a modest default."""
        chosen = self._plan.spec.options.get("maxReadCapacity")
        if chosen is None:
            return self._plan.schema.read_capacity * _SHARE_OF_PROVISIONED or _DEFAULT_CAPACITY
        if isinstance(chosen, bool) or not isinstance(chosen, int | float) or chosen <= 0:
            raise FatalError(
                "The source option maxReadCapacity is not a number above 0.",
                code="SOURCE_MISCONFIGURED",
                remedy=f"Give it in read capacity units per second. {self._remedy}",
            )
        return float(chosen)
