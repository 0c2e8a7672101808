"""BatchGetItem by 100: many items by their keys, what DynamoDB did not process asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tidegate.awserrors import translated
from tidegate.errors import RetriableError
from tidegate.model import AttributeValue
from tidegate.sources.dynamodb.keys import comparable
from tidegate.sources.dynamodb.schema import Schema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""DynamoDB takes no more keys in one call."""
_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
_MOST_NAMES = 300
"""A longer projection would pass the 4 KB that an expression may have; then all attributes are fetched."""


class ItemReader:
    """Reads items of one table by key, strongly consistent."""

    def __init__(
        self, client: DynamoDBClient, schema: Schema, *, remedy: str, wait: Callable[[float], None] = time.sleep
    ) -> None:
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
        while batch := list(islice(rest, BATCH)):
            for item in self._batch(batch, attributes):
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
                answer: Mapping[str, Any] = self._client.batch_get_item(RequestItems={table: request})
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


def projection(attributes: Iterable[str]) -> dict[str, Any]:
    """The arguments that restrict a read to these attributes; empty where there are too many to name them."""
    names = {f"#a{n}": name for n, name in enumerate(sorted(set(attributes)))}
    if len(names) > _MOST_NAMES:
        return {}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
