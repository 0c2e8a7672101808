"""A body read in one piece is what botocore would have read; what goes wrong then is what would have gone wrong."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tidegate.bootstrap import CONFIG, clients
from tidegate.intact import require_intact
from tidegate.settings import Settings
from tidegate.sources.dynamodb import transport
from tidegate.sources.dynamodb.bodies import body_of, take_bodies
from unit.wire_answers import Wire

PAGE = b'{"Count":1,"Items":[{"id":{"S":"%b"}}],"ScannedCount":1}' % (b"a" * 200_000)
NAMES = (
    "study_table", "export_time_table", "export_table", "operation_table", "request_table", "pair_table",
    "history_table", "record_table", "export_bucket",
)  # fmt: skip
CHECKSUM = b"x-amz-crc32: %d\r\n" % zlib.crc32(PAGE)


def whole(page: bytes = PAGE, checksum: bytes = CHECKSUM) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(page), checksum, page)


def in_chunks(page: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (page[:70_000], page[70_000:]))
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n%b\r\n%b0\r\n\r\n" % (CHECKSUM, chunks)


class Server:
    """Answers one request after the other on 127.0.0.1; closes the connection after an answer that is not whole."""

    def __init__(self, *answers: bytes, hangs: bool = False) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._answers = iter(answers)
        self._hangs = hangs
        self._done = threading.Event()
        self._current = self._listening
        self.connections = 0
        self.requests = 0
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._current = connection
            with connection, connection.makefile("rb") as reader:
                self._answer(connection, reader)

    def _answer(self, connection: socket.socket, reader: Any) -> None:
        while (head := _head(reader)) is not None:
            reader.read(head)
            self.requests += 1
            answer = next(self._answers)
            connection.sendall(answer)
            if self._hangs:
                self._done.wait()
                return
            if not answer.endswith((PAGE, b"0\r\n\r\n")):
                return

    def close(self) -> None:
        self._done.set()
        for one in (self._listening, self._current):
            with suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def _head(reader: Any) -> int | None:
    length = 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return length if line else None


@contextmanager
def asking(*answers: bytes, attempts: int = 1, hangs: bool = False) -> Iterator[tuple[Server, Callable[[], Any]]]:
    """A server, and a query of it."""
    server = Server(*answers, hangs=hangs)
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=1))
    client = boto3.Session("a", "b", region_name="us-east-1").client("dynamodb", config=config, endpoint_url=server.url)
    require_intact(client)
    take_bodies(client)
    take_bodies(client)
    try:
        yield server, lambda: body_of("Query", lambda: client.query(TableName="t"))[0]
    finally:
        client.close()
        server.close()


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("answer", [whole(), whole(checksum=b""), in_chunks(PAGE)], ids=["whole", "unsigned", "chunks"])
def test_a_body_is_read_in_one_piece_and_its_connection_used_again(answer: bytes) -> None:
    with asking(answer, answer) as (server, query):
        assert [query(), query()] == [PAGE, PAGE]
        assert (server.connections, server.requests) == (1, 2)


def test_a_session_is_wrapped_once_and_one_of_another_kind_is_left_alone() -> None:
    client: Any = boto3.Session("a", "b", region_name="us-east-1").client("dynamodb")
    theirs = client._endpoint.http_session
    for _ in range(3):
        transport.read_in_one_piece(client)
    assert client._endpoint.http_session._session is theirs
    client._endpoint.http_session = another = object()
    transport.read_in_one_piece(client)
    assert client._endpoint.http_session is another


def test_a_wrong_checksum_is_left_for_botocore_to_find() -> None:
    wrong = whole(checksum=b"x-amz-crc32: 1\r\n")
    with asking(wrong, whole(), attempts=2) as (server, query):
        assert query() == PAGE
        assert server.requests == 2


def test_a_right_checksum_is_not_compared_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bytes) -> int:
        raise AssertionError("botocore compared it again")

    monkeypatch.setattr("botocore.retries.special.crc32", never)
    with asking(whole()) as (_, query):
        assert query() == PAGE


def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    with asking(whole()[:-9], whole(), attempts=2) as (server, query):
        assert query() == PAGE
        assert server.requests == 2


def test_a_body_that_always_breaks_off_is_a_closed_connection() -> None:
    with asking(whole()[:-9]) as (_, query), pytest.raises((ConnectionClosedError, ClientError)):
        query()


def test_a_body_that_never_comes_to_its_end_is_a_timeout() -> None:
    with asking(whole()[:-9], hangs=True) as (_, query), pytest.raises(ReadTimeoutError):
        query()


def test_what_somebody_else_reads_as_a_stream_is_left_to_them() -> None:
    class Session:
        close = None

        def send(self, request: Any) -> Any:
            return request

    request = type("Request", (), {"stream_output": True})()
    assert transport._Session(Session()).send(request) is request  # type: ignore[arg-type]  # as much of one as is needed


@pytest.mark.parametrize("app", ["", "partner-7"])
def test_calls_say_who_makes_them_and_for_which_application(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_SDK_UA_APP_ID": app, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    made = clients(Settings(**dict.fromkeys(NAMES, ""), region="us-east-1"))  # type: ignore[arg-type]  # all of them text
    sent: list[Any] = []
    body = b"{}"

    def answer(request: Any, **_: Any) -> Any:
        sent.append(request.headers["User-Agent"])
        return Wire([body], body).answer()

    made.dynamodb.meta.events.register_first("before-send.dynamodb", answer)
    made.dynamodb.list_tables()
    (agent,) = (one.decode() if isinstance(one, bytes) else one for one in sent)
    assert agent.startswith("tidegate/")
    assert (f" app/{app}" in agent) is bool(app)
