"""A body read in one piece is what botocore would have read; what goes wrong then is what would have gone wrong."""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from benchmarks.authority import Certificates, certify
from tidegate.bootstrap import Stack, clients
from tidegate.errors import RetriableError
from tidegate.settings import Settings
from tidegate.sources.dynamodb import transport
from tidegate.sources.dynamodb.bodies import body_of, take_bodies
from unit.sources.answering import CHECKSUM, PAGE, SESSION, asking, in_chunks, whole, with_head
from unit.wire_answers import Wire

NAMES = (
    "study_table", "export_time_table", "export_table", "operation_table", "request_table", "pair_table",
    "history_table", "record_table", "export_bucket",
)  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return certify(folder)


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


OF_A_KNOWN_LENGTH = b"content-length: %d\r\n" % len(PAGE)
ANSWERS: dict[str, bytes | list[bytes]] = {
    "whole": whole(),
    "unsigned": whole(checksum=b""),
    "chunks": in_chunks(PAGE),
    "closing": with_head(b"HTTP/1.1 200 OK\r\nconnection: close\r\n%b" % OF_A_KNOWN_LENGTH[:-2]),
    "staying": with_head(b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n%b" % OF_A_KNOWN_LENGTH[:-2]),
    "until the end": with_head(b"HTTP/1.0 200 OK"),
    "after others": b"HTTP/1.1 100 Continue\r\n\r\n" + whole(),
    "folded": with_head(b"HTTP/1.1 200 OK\r\nx-long: a\r\n b\r\n%b" % OF_A_KNOWN_LENGTH[:-2]),
    "twice the same": with_head(b"HTTP/1.1 200 OK\r\nx-two: a\r\nX-Two: b\r\n%b" % OF_A_KNOWN_LENGTH[:-2]),
    "a long head": with_head(b"HTTP/1.1 200 OK\r\nx-long: %b\r\n%b" % (b"a" * 40_000, OF_A_KNOWN_LENGTH[:-2])),
    "in pieces": [whole()[:20], whole()[20:100], whole()[100:]],
    "an error": with_head(b"HTTP/1.1 500 Internal Server Error\r\n%b" % OF_A_KNOWN_LENGTH[:-2]),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_each_kind_of_answer_is_read_as_botocore_reads_it(
    kind: str, encrypted: bool, certificates: Certificates
) -> None:
    tls = certificates if encrypted else None

    def outcome(*, ordinary: bool) -> tuple[Any, int]:
        found: list[Any] = []
        with asking(ANSWERS[kind], whole(), tls=tls, ordinary=ordinary) as (server, query):
            for _ in range(2):
                try:
                    body, answer = query()
                except ClientError as error:
                    found.append(str(error))
                else:
                    told = answer["ResponseMetadata"]
                    told["HTTPHeaders"].pop("x-amz-crc32", None)
                    found.append((body, told["HTTPStatusCode"], told["HTTPHeaders"]))
            return found, server.connections

    found = outcome(ordinary=False)
    assert found == outcome(ordinary=True)
    assert found[1] == (2 if kind in ("closing", "until the end") else 1)
    assert found[0][-1][0] == PAGE


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("http.client read it")


@pytest.mark.parametrize("kind", ["whole", "unsigned", "staying", "twice the same", "an error"])
def test_the_answers_that_dynamodb_gives_are_read_in_one_piece(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPResponse, "begin", never)
    with asking(ANSWERS[kind]) as (server, query):
        with suppress(ClientError):
            assert query()[0] == PAGE
        assert server.requests == 1


def test_a_request_is_what_botocore_would_have_sent() -> None:
    heads = []
    for ordinary in (True, False):
        with asking(whole(), ordinary=ordinary) as (server, query):
            query()
            heads += server.heads
        assert heads[-1].pop("host") == server.url.removeprefix("http://")
        for name in ("authorization", "x-amz-date", "amz-sdk-invocation-id"):  # of the moment
            assert heads[-1].pop(name)
    assert heads[0] == heads[1]


def test_a_header_of_two_lines_is_refused_as_ever() -> None:
    with asking(whole()) as (server, query):
        events = query.client.meta.events
        events.register("before-send", lambda request, **_: request.headers.update({"x": "a\r\ny: b"}))
        with pytest.raises((HTTPClientError, ValueError)):
            query()
        assert server.requests == 0


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_connection_that_was_closed_meanwhile_is_opened_again(encrypted: bool, certificates: Certificates) -> None:
    with asking(whole(), whole(), tls=certificates if encrypted else None) as (server, query):
        query()
        server._current.shutdown(socket.SHUT_RDWR)
        assert query()[0] == PAGE
        assert server.connections == 2


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_what_came_behind_an_answer_is_no_answer_to_the_next_request(
    encrypted: bool, certificates: Certificates
) -> None:
    small = b'{"Count":0,"Items":[],"ScannedCount":7}'
    forged = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n16\r\n{"Count":0,"Items":[]}\r\n0\r\n\r\n'
    tls = certificates if encrypted else None
    with asking(whole(small, checksum=b"") + forged, whole(), tls=tls, attempts=2) as (_, query):
        assert [query()[0], query()[0]] == [small, PAGE]


def test_a_server_that_closes_without_an_answer_is_asked_again() -> None:
    with asking(b"", whole(), attempts=2) as (server, query):
        assert query()[0] == PAGE
        assert server.connections == 2


def test_pages_of_a_client_are_read_by_connections_of_this_kind() -> None:
    client: Any = SESSION.client("dynamodb")
    other: Any = SESSION.client("dynamodb")
    for _ in range(3):
        transport.read_in_one_piece(client)
    pools = client._endpoint.http_session._manager.pool_classes_by_scheme
    assert pools == {"http": transport._Pool, "https": transport._TLSPool}
    assert transport._Pool not in other._endpoint.http_session._manager.pool_classes_by_scheme.values()
    assert pools is client._endpoint.http_session._pool_classes_by_scheme  # those of proxies


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_client_that_was_in_use_before_has_such_connections_from_then_on(
    encrypted: bool, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificates if encrypted else None
    with asking(whole(), whole(), whole(), tls=tls, taking=False) as (server, query):
        assert query.client.query(TableName="t")["Count"] == 1
        take_bodies(query.client)
        monkeypatch.setattr(HTTPResponse, "begin", never)
        assert query()[0] == query()[0] == PAGE
        assert (server.requests, server.connections) == (3, 2)


def test_a_worker_has_such_connections_before_its_first_call() -> None:
    made = Stack.of(Settings(**{name: name for name in NAMES}, region="us-east-1"))  # type: ignore[arg-type]  # all of them text
    made.engine()
    client: Any = made.clients.dynamodb
    assert client._endpoint.http_session._manager.pool_classes_by_scheme["https"] is transport._TLSPool


def test_a_client_that_is_built_otherwise_is_left_alone() -> None:
    client: Any = SESSION.client("dynamodb")
    client._endpoint.http_session = another = type("Session", (), {"_pool_classes_by_scheme": {}})()
    transport.read_in_one_piece(client)
    assert another._pool_classes_by_scheme == {}


def test_what_goes_through_a_proxy_goes_the_ordinary_way() -> None:
    with asking(whole()) as (proxy, _):
        client = SESSION.client(
            "dynamodb", endpoint_url="http://elsewhere.test", config=Config(proxies={"http": proxy.url})
        )
        take_bodies(client)
        assert body_of("Query", lambda: client.query(TableName="t"))[0] == PAGE
        assert proxy.heads[0][""].startswith("POST http://elsewhere.test/ ")
        client.close()


def test_a_wrong_checksum_is_left_for_botocore_to_find() -> None:
    wrong = whole(checksum=b"x-amz-crc32: 1\r\n")
    with asking(wrong, whole(), attempts=2) as (server, query):
        assert query()[0] == PAGE
        assert server.requests == 2


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_page_that_is_damaged_at_each_attempt_is_handed_to_nobody(attempts: int) -> None:
    damaged = whole(checksum=b"x-amz-crc32: 1\r\n")
    with asking(*[damaged] * attempts, attempts=attempts) as (server, query):
        with pytest.raises(RetriableError, match="arrived damaged at each attempt") as raised:
            query()
        assert raised.value.code == "AWS_UNAVAILABLE"
        assert server.requests == attempts


def test_a_right_checksum_is_not_compared_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bytes) -> int:
        raise AssertionError("botocore compared it again")

    monkeypatch.setattr("botocore.retries.special.crc32", never)
    with asking(whole()) as (_, query):
        assert query()[0] == PAGE


def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    with asking(whole()[:-9], whole(), attempts=2) as (server, query):
        assert query()[0] == PAGE
        assert server.requests == 2


@pytest.mark.parametrize("checksum", [CHECKSUM, b""], ids=["signed", "unsigned"])
def test_a_body_shorter_than_was_announced_at_each_attempt_is_a_closed_connection(checksum: bytes) -> None:
    short = whole(checksum=checksum)[:-9]
    with asking(short, short, attempts=2) as (server, query):
        with pytest.raises(ConnectionClosedError, match="Connection was closed before we received a valid response"):
            query()
        assert server.requests == 2


def test_a_body_that_never_comes_to_its_end_is_a_timeout() -> None:
    with asking(whole()[:-9], hangs=True) as (_, query), pytest.raises(ReadTimeoutError):
        query()


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
