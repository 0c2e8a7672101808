"""The records of one study in a window where no index leads to them: the whole table, in a fixed number of segments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tidegate.awserrors import translated
from tidegate.errors import FatalError
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

SEGMENTS = 4
"""Fixed, because the order of an export is that of the segments: the same records must give the same bytes."""
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


class ScanReader:
    """Reads one study's window by a parallel scan. `page_limit` is the most items that one call looks at."""

    def __init__(
        self,
        client: DynamoDBClient,
        plan: Plan,
        sieve: Sieve,
        *,
        remedy: str,
        page_limit: int | None = None,
        wait: Callable[[float], None] = time.sleep,
        transcoding: Transcoding | None = None,
    ) -> None:
        self._client = client
        self._plan = plan
        self._sieve = sieve
        self._remedy = remedy
        self._page_limit = page_limit
        self._wait = wait
        # A filter is decided on values, which are objects.
        self._transcoding = None if plan.spec.filter else transcoding

    def pages(self, study: str, window: Window, cursor: JSON | None) -> Iterator[Page]:
        """The window's records in the segments' order; see Source.pages. The cursor is what is left of each segment."""
        start, end = to_millis(window.start), to_millis(window.end)
        if start >= end:
            return
        left: JSON = [(segment, None) for segment in range(SEGMENTS)] if cursor is None else cursor["segments"]
        stretches = [Stretch(int(segment), from_json(key) if key else None) for segment, key in left]
        reading = self._read_within(study, start, end)
        reader = StretchReader(stretches, reading, readers=SEGMENTS, lookahead=SEGMENTS, pages_ahead=3, pages_in_all=5)
        with closing(reader.batches()) as batches:
            for segment, batch in batches:
                rest: list[tuple[int, LastKey]] = [] if batch.last_key is None else [(segment, batch.last_key)]
                rest += reader.behind()
                yield Page(
                    records=batch.content,
                    cursor={"segments": [[s, to_json(k) if k else None] for s, k in rest]} if rest else None,
                    filtered=batch.filtered,
                    failed=batch.failed,
                )
                if not rest:
                    return

    def _read_within(self, study: str, start: int, end: int) -> Callable[[int, LastKey], Batch]:
        pacer = Pacer(self._capacity(), wait=self._wait)
        arguments = self._arguments(study, start, end)

        def read(segment: int, key: LastKey) -> Batch:
            start_key: dict[str, Any] = {} if key is None else {"ExclusiveStartKey": key}
            with translated(f"Scanning table {self._plan.schema.table}", remedy=self._remedy):
                body, answer = body_of("Scan", lambda: self._client.scan(**arguments, **start_key, Segment=segment))
            batch = None if body is None else self._transcoded(body, study, (start, end))
            if batch is None:
                answer = answer if body is None else parsed(body)
                batch = self._batch(answer, study, (start, end))
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
            "TotalSegments": SEGMENTS,
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
