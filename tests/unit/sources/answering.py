"""A server of ready answers and a client that queries it, to compare our ways of calling with botocore's own."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
from botocore.config import Config
from botocore.httpsession import URLLib3Session

from benchmarks.authority import Certificates
from tidegate.bootstrap import CONFIG
from tidegate.intact import require_intact
from tidegate.sources.dynamodb.bodies import body_of, take_bodies

PAGE = b'{"Count":1,"Items":[{"id":{"S":"%b"}}],"ScannedCount":1}' % (b"a" * 200_000)
SESSION = boto3.Session("a", "b", region_name="us-east-1")
CHECKSUM = b"x-amz-crc32: %d\r\n" % zlib.crc32(PAGE)


def whole(page: bytes = PAGE, checksum: bytes = CHECKSUM) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(page), checksum, page)


def with_head(head: bytes, page: bytes = PAGE) -> bytes:
    return b"%b\r\n%b\r\n%b" % (head, CHECKSUM, page)


def in_chunks(page: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (page[:70_000], page[70_000:]))
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n%b\r\n%b0\r\n\r\n" % (CHECKSUM, chunks)


class Server:
    """Answers one request after the other on 127.0.0.1; closes the connection after an answer that is not whole, or
    `hangs` then.

    Over TLS each piece of an answer is a record of its own, so arrives by itself.
    """

    def __init__(self, *answers: bytes | list[bytes], hangs: bool = False, tls: Certificates | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._answers = iter(answers)
        self._hangs = hangs
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(tls.server, tls.key)
        self._done = threading.Event()
        self._current = self._listening
        self.connections = 0
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> int:
        return len(self.heads)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
                connection = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            except OSError:
                return
            self.connections += 1
            self._current = connection
            with suppress(ConnectionError), connection, connection.makefile("rb") as reader:  # the client may leave
                self._answer(connection, reader)

    def _answer(self, connection: socket.socket, reader: Any) -> None:
        while (head := _head(reader)) is not None:
            self.bodies.append(reader.read(int(head["content-length"])))
            self.heads.append(head)
            pieces = next(self._answers)
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                connection.sendall(piece)
            if not _is_whole(pieces if isinstance(pieces, bytes) else b"".join(pieces)):
                if self._hangs:
                    self._done.wait()
                return

    def close(self) -> None:
        self._done.set()
        for one in (self._listening, self._current):
            with suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def _is_whole(answer: bytes) -> bool:
    """Whether another one may follow on the connection."""
    if answer.startswith(b"HTTP/1.0") or b"connection: close" in answer[:200]:
        return False
    told = re.search(rb"content-length: (\d+)", answer)
    if told is None:
        return answer.endswith(b"0\r\n\r\n")
    return len(answer[told.end() :].partition(b"\r\n\r\n")[2]) == int(told[1])


def _head(reader: Any) -> dict[str, str] | None:
    """The request's first line under "" and its headers, names in lower case."""
    head = {"": reader.readline().decode()}
    while (line := reader.readline().decode()) not in ("\r\n", ""):
        name, _, value = line.partition(":")
        head[name.lower()] = value.strip()
    return head if line else None


class Querying:
    """A query by this client: its body, and botocore's result."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __call__(self) -> Any:
        return body_of("Query", lambda: self.client.query(TableName="t"))


@contextmanager
def asking(
    *answers: bytes | list[bytes],
    attempts: int = 1,
    hangs: bool = False,
    tls: Certificates | None = None,
    ordinary: bool = False,
    taking: bool = True,
) -> Iterator[tuple[Server, Querying]]:
    """A server, and a query of it; by a client as botocore makes it, where `ordinary`, or not `taking` bodies."""
    server = Server(*answers, hangs=hangs, tls=tls)
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=1))
    verify: Any = None if tls is None else str(tls.authority)
    client = SESSION.client("dynamodb", config=config, endpoint_url=server.url, verify=verify)
    require_intact(client)
    for _ in range(2 if taking else 0):
        take_bodies(client)
    if ordinary:
        made: Any = client
        made._endpoint.http_session = URLLib3Session(verify=verify)
    try:
        yield server, Querying(client)
    finally:
        client.close()
        server.close()
