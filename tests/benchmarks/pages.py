"""Pages of a Query or Scan as DynamoDB sends them, about 1 MB each, made by patching numbers into bytes that are ready.

And what BatchGetItem answers, of the same records.
"""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from benchmarks import records

PAGE_RECORDS: Final = 1308
"""Of 800 bytes and a comma: 1 MiB of JSON."""
PAGE_BYTES: Final = 1 << 20
_STRIDE = records.RECORD_BYTES + 1
_KEPT = 160
"""Pages that are kept ready: those of a study of 200,000 records."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A response's body, the checksum that DynamoDB sends with it, and how many records it has."""

    body: bytes
    crc32: int
    count: int


class Pages:
    """The pages of one study."""

    def __init__(self, count: int) -> None:
        self._count = count
        name = records.study(count)
        ring = b",".join(records.wire(records.kind(number, name)).encode() for number in range(records.KINDS)) + b","
        self._ring = ring * (2 + PAGE_RECORDS // records.KINDS)
        self._identity_at = ring.index(b'"id":{"S":"') + len(b'"id":{"S":"')
        self._time_at = ring.index(b'"uploadedOn":{"N":"') + len(b'"uploadedOn":{"N":"')
        self._kept: OrderedDict[tuple[int, int, int], Rendered] = OrderedDict()
        self._lock = Lock()

    def answer(self, query: dict[str, Any]) -> Rendered:
        """What a Query for one partition with `time BETWEEN low AND high` answers, behind its ExclusiveStartKey."""
        numbers = [float(value["N"]) for value in query["ExpressionAttributeValues"].values() if "N" in value]
        low, high = min(numbers), max(numbers)
        first = records.first_from(low)
        if start := query.get("ExclusiveStartKey"):
            first = max(first, int(start["id"]["S"]) + 1)
        end = min(self._count, records.first_from(high + 1))
        size = min(PAGE_RECORDS, int(query.get("Limit", PAGE_RECORDS)))
        return self._page(first, max(first, end), size)

    def segment(self, scan: dict[str, Any]) -> Rendered:
        """What a Scan of one segment answers; the segments are parts of the same size, in the records' order."""
        number, of = int(scan["Segment"]), int(scan["TotalSegments"])
        first, end = (self._count * place // of for place in (number, number + 1))
        if start := scan.get("ExclusiveStartKey"):
            first = int(start["id"]["S"]) + 1
        return self._page(first, end, PAGE_RECORDS)

    def items(self, keys: list[dict[str, Any]]) -> Rendered:
        """What BatchGetItem answers to these keys of one table."""
        found = [records.wire(records.record(int(key["id"]["S"]), self._count)) for key in keys]
        body = f'{{"Responses":{{"{records.TABLE}":[{",".join(found)}]}},"UnprocessedKeys":{{}}}}'.encode()
        return Rendered(body, zlib.crc32(body), len(found))

    def _page(self, first: int, end: int, size: int) -> Rendered:
        last = min(end, first + size)
        with self._lock:
            if found := self._kept.get((first, last, end)):
                self._kept.move_to_end((first, last, end))
                return found
        body = self._render(first, last, more=last < end)
        made = Rendered(body, zlib.crc32(body), last - first)
        with self._lock:
            self._kept[first, last, end] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def _render(self, first: int, last: int, *, more: bool) -> bytes:
        count = last - first
        items = bytearray()
        if count:
            at = first % records.KINDS * _STRIDE
            items += memoryview(self._ring)[at : at + count * _STRIDE - 1]
            _patch(items, self._identity_at, [records.identity(number) for number in range(first, last)])
            _patch(items, self._time_at, [str(records.millis(number)) for number in range(first, last)])
        key = b',"LastEvaluatedKey":%b' % self._key(last - 1) if more else b""
        return b'{"Count":%d,"Items":[%b]%b,"ScannedCount":%d}' % (count, bytes(items), key, count)

    def _key(self, number: int) -> bytes:
        key = {
            "studyId": {"S": records.study(self._count)},
            "id": {"S": records.identity(number)},
            "uploadedOn": {"N": str(records.millis(number))},
        }
        return records.wire(key).encode()


def _patch(items: bytearray, at: int, texts: list[str]) -> None:
    """Write a text of the same length into each record, digit by digit over all of them at once."""
    width = len(texts[0])
    joined = "".join(texts).encode()
    for digit in range(width):
        items[at + digit :: _STRIDE] = joined[digit::width]


def description(count: int = 0) -> bytes:
    """What DescribeTable answers of a table with so many records, as far as it knows."""
    kinds = {"id": "S", "studyId": "S", "uploadedOn": "N"}
    index = {
        "IndexName": records.INDEX,
        "KeySchema": [
            {"AttributeName": "studyId", "KeyType": "HASH"},
            {"AttributeName": "uploadedOn", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
        "IndexStatus": "ACTIVE",
    }
    table = {
        "TableName": records.TABLE,
        "TableStatus": "ACTIVE",
        "TableSizeBytes": count * PAGE_BYTES // PAGE_RECORDS,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
        "GlobalSecondaryIndexes": [index],
    }
    return json.dumps({"Table": table}, separators=(",", ":")).encode()
