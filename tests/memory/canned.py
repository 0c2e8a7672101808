"""DynamoDB in front of an emulator: one table's pages are canned, a million items/s; all else the emulator answers."""

import http.client
import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PAGE_RECORDS = 4000
"""About 1 MB as JSON, which is what a page of a Query has at most."""
INDEX = "study-uploadedOn-index"
KEPT_HEADERS = ("x-amz", "content-type")


@dataclass(frozen=True, slots=True)
class CannedRecords:
    """`count` records of `study` in `table`, the first at `first_millis`, one every `step_millis`."""

    table: str
    study: str
    count: int
    first_millis: int
    step_millis: int

    def description(self) -> dict[str, Any]:
        """What DescribeTable answers."""
        kinds = {"id": "S", "studyId": "S", "uploadedOn": "N"}
        by_time = [{"AttributeName": "studyId", "KeyType": "HASH"}, {"AttributeName": "uploadedOn", "KeyType": "RANGE"}]
        index = {
            "IndexName": INDEX,
            "KeySchema": by_time,
            "Projection": {"ProjectionType": "ALL"},
            "IndexStatus": "ACTIVE",
        }
        return {
            "Table": {
                "TableName": self.table,
                "TableStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": k} for n, k in kinds.items()],
                "GlobalSecondaryIndexes": [index],
            }
        }

    def page(self, query: dict[str, Any]) -> str:
        """What a Query with `#time BETWEEN :low AND :high` answers, from behind its ExclusiveStartKey on."""
        values = query["ExpressionAttributeValues"]
        if values[":partition"] != {"S": self.study}:
            return '{"Items":[],"Count":0,"ScannedCount":0}'
        low, high = (float(values[bound]["N"]) for bound in (":low", ":high"))
        first = max(0, math.ceil((low - self.first_millis) / self.step_millis))
        if "ExclusiveStartKey" in query:
            first = max(first, int(query["ExclusiveStartKey"]["id"]["S"]) + 1)
        end = min(self.count, math.floor((high - self.first_millis) / self.step_millis) + 1)
        last = min(end, first + PAGE_RECORDS)
        items = ",".join(map(self._item, range(first, last)))
        more = f',"LastEvaluatedKey":{self._key(last - 1)}' if last < end else ""
        return f'{{"Items":[{items}],"Count":{max(0, last - first)},"ScannedCount":{max(0, last - first)}{more}}}'

    def _key(self, number: int) -> str:
        at = self.first_millis + number * self.step_millis
        return f'{{"id":{{"S":"{number:010d}"}},"studyId":{{"S":"{self.study}"}},"uploadedOn":{{"N":"{at}"}}}}'

    def _item(self, number: int) -> str:
        mixed = number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF  # differs from record to record, so it hardly shrinks
        answers = f'{{"M":{{"q1":{{"S":"{mixed:016x}"}},"q2":{{"BOOL":true}}}}}}'
        return f'{self._key(number)[:-1]},"score":{{"N":"{mixed % 1000}"}},"answers":{answers}}}'


@contextmanager
def serving(records: CannedRecords, upstream: str) -> Iterator[str]:
    """Serve `records` in front of the DynamoDB at the URL `upstream` while the block lasts; the URL to use instead."""

    class Handler(_Handler):
        canned = records
        behind = urlsplit(upstream)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    canned: CannedRecords
    behind: Any
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        call = self.headers["X-Amz-Target"].rpartition(".")[2]
        if call in ("Query", "DescribeTable") and json.loads(body)["TableName"] == self.canned.table:
            asked = json.loads(body)
            text = self.canned.page(asked) if call == "Query" else json.dumps(self.canned.description())
            self._answer(200, {"Content-Type": "application/x-amz-json-1.0"}, text.encode())
        else:
            self._forward(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it is called by
        pass

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.behind.hostname, self.behind.port, timeout=60)
        try:
            connection.request("POST", self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower().startswith(KEPT_HEADERS)}
            self._answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
