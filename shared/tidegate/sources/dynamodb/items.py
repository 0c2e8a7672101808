"""BatchGetItem by 100: many items by their keys, what DynamoDB did not process asked for again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from tidegate.awserrors import translated
from tidegate.errors import RetriableError
from tidegate.model import AttributeValue
from tidegate.sources.dynamodb.bodies import answer_of
from tidegate.sources.dynamodb.keys import comparable
from tidegate.sources.dynamodb.schema import Schema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""DynamoDB takes no more keys in one call."""
_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")
_MOST_NAMES = 300
"""A longer projection would pass the 4 KB that an expression may have; then all attributes are fetched."""


class ItemReader:
    """Reads items of one table by key, strongly consistent; `in_flight` calls of each `get` at once at most."""

    def __init__(
        self,
        client: DynamoDBClient,
        schema: Schema,
        *,
        remedy: str,
        wait: Callable[[float], None] = time.sleep,
        in_flight: int = 4,
    ) -> None:
        self._in_flight = in_flight
        self._client = client
        self._schema = schema
        self._remedy = remedy
        self._wait = wait

    def get(
        self, keys: Iterable[Mapping[str, AttributeValue]], attributes: Collection[str] | None = None
    ) -> dict[Hashable, Mapping[str, AttributeValue]]:
        """The items that exist, by `comparable` key; repeated keys are asked for once.

        `attributes` are those wanted (None: all); the table's key always comes with them. Raises RetriableError when
        DynamoDB leaves the same keys unprocessed again and again, FatalError where it refuses.
        """
        distinct = {comparable(self._schema, key): key for key in keys}
        found: dict[Hashable, Mapping[str, AttributeValue]] = {}
        rest = iter(distinct.values())
        batches = list(iter(lambda: list(islice(rest, BATCH)), []))
        for items in ahead(lambda batch: self._batch(batch, attributes), batches, self._in_flight):
            for item in items:
                found[comparable(self._schema, item)] = item
        return found

    def _batch(
        self, keys: Sequence[Mapping[str, AttributeValue]], attributes: Collection[str] | None
    ) -> list[Mapping[str, AttributeValue]]:
        table, items, attempt = self._schema.table, [], 0
        request: Any = {"Keys": list(keys), "ConsistentRead": True}
        if attributes is not None:
            request |= projection((*self._schema.key, *attributes))
        while True:
            with translated(f"Reading items of table {table}", remedy=self._remedy):
                answer = answer_of("BatchGetItem", lambda: self._client.batch_get_item(RequestItems={table: request}))
            got = answer.get("Responses", {}).get(table, [])
            items += got
            left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys")
            if not left:
                return items
            attempt = 0 if got else attempt + 1
            if attempt == _ATTEMPTS:
                raise RetriableError(
                    f"Table {table} left {len(left)} keys unprocessed {attempt} times in a row.",
                    code="AWS_THROTTLED",
                    remedy="Tidegate tries again later by itself; more read capacity for the table helps.",
                )
            request["Keys"] = left
            self._wait(min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))


def ahead(ask: Callable[[AskT], AnswerT], asks: Sequence[AskT], in_flight: int) -> Iterator[AnswerT]:
    """The answer to each, in order, `in_flight` asked at the same time at most. One alone needs no thread.

    Raises what `ask` raises, at its place in the order. When this generator ends or is closed, its threads have ended.
    """
    if len(asks) < 2:
        yield from map(ask, asks)
        return
    with ThreadPoolExecutor(in_flight) as pool:
        waiting: deque[Future[AnswerT]] = deque()
        try:
            for one in asks:
                if len(waiting) == in_flight:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(ask, one))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def projection(attributes: Iterable[str]) -> dict[str, Any]:
    """The arguments that restrict a read to these attributes; empty where there are too many to name them."""
    names = {f"#a{n}": name for n, name in enumerate(sorted(set(attributes)))}
    if len(names) > _MOST_NAMES:
        return {}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
