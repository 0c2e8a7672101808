"""A server of canned pages and a sink for uploads, over TLS, in a process of its own.

Run as `python -m benchmarks.server FOLDER [--page-delay MS] [--keep BYTES] [--table RECORDS]`; it prints its
URL, and ends with its standard input. Plain threads and ready bytes: what it costs is measured by nobody, but two cores
are shared.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.authority import Certificates
from benchmarks.pages import Pages, description
from benchmarks.sink import BadUploadError, Sink

COUNTS_PATH = "/-/counts"
_JSON = "application/x-amz-json-1.0"
_AS_DYNAMODB = {"Server": "Server", "Connection": "keep-alive"}
"""What DynamoDB's answers have besides, as `aws dynamodb list-tables --debug` shows: clients have it to read."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, its headers' names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Service:
    """What the server answers: DynamoDB by its target header, counts of all calls, S3 for the rest."""

    page_delay: float = 0.0
    table: int = 0
    """How many records the table has, of one study: for reading that does not name it."""
    sink: Sink = field(default_factory=Sink)
    queries: int = 0
    records: int = 0
    _studies: dict[str, Pages] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Answer:
        """The answer to one request."""
        call = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if call in {"Query", "Scan", "BatchGetItem"}:
            return self._read(call, json.loads(request.body))
        if call == "DescribeTable":
            return Answer(200, description(self.table), {"Content-Type": _JSON})
        if call:
            refusal = {"__type": "com.amazonaws.dynamodb.v20120810#UnknownOperationException"}
            return Answer(400, json.dumps(refusal).encode(), {"Content-Type": _JSON})
        if request.target == COUNTS_PATH:
            counts = {"queries": self.queries, "records": self.records, **self.sink.counts}
            return Answer(200, json.dumps(counts).encode(), {"Content-Type": "application/json"})
        return self._upload(request)

    def _read(self, call: str, asked: Mapping[str, Any]) -> Answer:
        if call == "BatchGetItem":
            page = self._pages(records.study(self.table)).items(asked["RequestItems"][records.TABLE]["Keys"])
        else:
            values = asked["ExpressionAttributeValues"].values()
            pages = self._pages(next(value["S"] for value in values if value.get("S", "N") != "N"))
            page = pages.answer(dict(asked)) if call == "Query" else pages.segment(dict(asked))
        with self._lock:
            self.queries += 1
            self.records += page.count
        if self.page_delay:
            time.sleep(self.page_delay)
        headers = {"Content-Type": _JSON, "x-amz-crc32": str(page.crc32), **_AS_DYNAMODB}
        return Answer(200, page.body, {**headers, "Date": formatdate(usegmt=True)})

    def _pages(self, study: str) -> Pages:
        with self._lock:
            if study not in self._studies:
                self._studies[study] = Pages(records.count_of(study))
            return self._studies[study]

    def _upload(self, request: Request) -> Answer:
        try:
            status, etag, body = self.sink.handle(request.method, request.target, request.headers, request.body)
        except BadUploadError as error:
            text = f"<Error><Code>BadDigest</Code><Message>{error}</Message></Error>"
            return Answer(400, text.encode(), {"Content-Type": "application/xml"})
        return Answer(status, body, {"ETag": etag} if etag else {})


def serve(service: Service, certificates: Certificates) -> tuple[str, Callable[[], None]]:
    """Serve on a free port of 127.0.0.1 in threads of this process; the URL, and what stops it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.key)
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_talk, args=(service, context, plain), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()

    def stop() -> None:
        # A thread that waits in accept is woken by this, not by close.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()

    return f"https://localhost:{listening.getsockname()[1]}", stop


@contextmanager
def serving(service: Service, certificates: Certificates) -> Iterator[str]:
    """The same while the block lasts; the URL."""
    url, stop = serve(service, certificates)
    try:
        yield url
    finally:
        stop()


def _talk(service: Service, context: ssl.SSLContext, plain: socket.socket) -> None:
    """Answer one connection's requests until the client closes it."""
    with suppress(OSError), plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_side=True) as connection:
            waiting = bytearray()
            while (request := _received(connection, waiting)) is not None:
                answer = service.answer(request)
                lines = [f"HTTP/1.1 {answer.status} .", f"Content-Length: {len(answer.body)}"]
                lines += [f"{name}: {value}" for name, value in answer.headers.items()]
                lines.append("x-amzn-RequestId: 0123456789ABCDEF")
                head = ("\r\n".join(lines) + "\r\n\r\n").encode()
                # One write, so that no answer waits for the acknowledgement of its first half.
                connection.sendall(b"".join((head, answer.body)))


def _received(connection: ssl.SSLSocket, waiting: bytearray) -> Request | None:
    """The next request; None where there is none. What was read beyond it stays in `waiting`."""
    while (end := waiting.find(b"\r\n\r\n")) < 0:
        if not (chunk := connection.recv(1 << 16)):
            return None
        waiting += chunk
    first, *lines = waiting[:end].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    del waiting[: end + 4]
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", ""):
        body = _in_chunks(connection, waiting)
    else:
        body = _exactly(connection, waiting, int(headers.get("content-length", "0")))
    return None if body is None else Request(method, target, headers, body)


def _exactly(connection: ssl.SSLSocket, waiting: bytearray, size: int) -> bytes | None:
    """So many bytes, the first of them from `waiting`; None where the connection ends before."""
    if size <= len(waiting):
        body = bytes(memoryview(waiting)[:size])
        del waiting[:size]
        return body
    buffer, have = bytearray(size), len(waiting)
    view = memoryview(buffer)
    view[:have] = waiting
    waiting.clear()
    while have < size:
        got = connection.recv_into(view[have:])
        if not got:
            return None
        have += got
    return bytes(buffer)


def _in_chunks(connection: ssl.SSLSocket, waiting: bytearray) -> bytes | None:
    """A body with Transfer-Encoding: chunked, without trailers of its own."""
    chunks: list[bytes] = []
    while True:
        while (end := waiting.find(b"\r\n")) < 0:
            if not (more := connection.recv(1 << 16)):
                return None
            waiting += more
        size = int(waiting[:end], 16)
        del waiting[: end + 2]
        chunk = _exactly(connection, waiting, size + 2)
        if chunk is None:
            return None
        if not size:
            return b"".join(chunks)
        chunks.append(chunk[:-2])


def main(arguments: Sequence[str]) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page-delay", type=float, default=0.0, help="milliseconds before each page")
    parser.add_argument("--table", type=int, default=0, help="records in the table, for Scan and BatchGetItem")
    parser.add_argument("--keep", type=int, default=0, help="bytes of uploads to keep")
    given = parser.parse_args(arguments)
    folder = given.folder
    certificates = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server-key.pem")
    with serving(Service(given.page_delay / 1000, given.table, Sink(given.keep)), certificates) as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
