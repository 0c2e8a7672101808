"""A call that is attempted on an open connection ends as botocore alone would have ended it, after as many requests."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from benchmarks.authority import Certificates, certify
from tidegate.sources.dynamodb import transport
from tidegate.sources.dynamodb.bodies import body_of, take_bodies
from unit.sources.answering import PAGE, SESSION, Querying, Server, asking, in_chunks, whole

NOON = datetime(2026, 3, 29, 12, 0, 0)  # noqa: DTZ001 - as botocore gives it


def refusal(code: str, status: str = "400 Bad Request") -> bytes:
    body = b'{"__type":"com.amazonaws.dynamodb.v20120810#%b","message":"no"}' % code.encode()
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


WRONG = whole(checksum=b"x-amz-crc32: 1\r\n")
OUTCOMES: dict[str, list[bytes]] = {
    "good": [whole()],
    "unsigned": [whole(checksum=b"")],
    "in chunks": [in_chunks(PAGE)],
    "throttled": [refusal("ProvisionedThroughputExceededException"), whole()],
    "throttled for ever": [refusal("ThrottlingException")] * 3,
    "failing": [refusal("InternalServerError", "500 Internal Server Error"), whole()],
    "not allowed": [refusal("AccessDeniedException")],
    "not valid": [refusal("ValidationException")],
    "damaged": [WRONG, whole()],
    "damaged at each attempt": [WRONG] * 3,
    "a checksum that is no number": [whole(checksum=b"x-amz-crc32: x\r\n"), whole()],
    "moved": [b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", whole()],
    "empty": [b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", whole()],
    "broken off": [whole()[:-9], whole()],
    "broken off at each attempt": [whole()[:-9]] * 3,
    "no answer": [b"", whole()],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", whole()],
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    return certify(folder)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore would have waited, each time."""
    found: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", found.append)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return found


@pytest.fixture(autouse=True)
def sends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that botocore sends itself."""
    made: list[str] = []
    send = URLLib3Session.send

    def counted(session: URLLib3Session, request: Any) -> Any:
        made.append(request.headers["amz-sdk-request"].decode())
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", counted)
    return made


@contextmanager
def connected(*answers: bytes, **options: Any) -> Iterator[tuple[Server, Querying]]:
    """A server, and a query whose first call has opened a connection."""
    with asking(whole(), *answers, **options) as (server, query):
        assert query()[0] == PAGE
        yield server, query


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("attempts", [1, 3])
def test_each_outcome_is_that_of_botocore_alone(
    kind: str, encrypted: bool, attempts: int, certificates: Certificates, waits: list[float], sends: list[str]
) -> None:
    tls = certificates if encrypted else None

    def outcome(*, attempting: bool) -> Any:
        random.seed(7)  # what botocore's waiting depends on
        waits.clear()
        with connected(*OUTCOMES[kind], attempts=attempts, tls=tls) as (server, query):
            sends.clear()
            if not attempting:
                query.client.meta.events.unregister("before-call", unique_id="tidegate-attempt")
            try:
                found: Any = query()
                told = found[1]["ResponseMetadata"]
                told["HTTPHeaders"].pop("x-amz-crc32", None)  # what was right is taken away
                told.pop("MaxAttemptsReached", None)  # of those that were damaged to the last: test_transport
            except Exception as error:  # noqa: BLE001 - compared
                told = (getattr(error, "response", None) or {}).get("ResponseMetadata")
                found = type(error), str(error).replace(server.url, ""), told
            assert len(sends) == server.requests - (2 if attempting else 1)
            assert len({head["amz-sdk-invocation-id"] for head in server.heads}) == 2
            asked = [head["amz-sdk-request"] for head in server.heads]
            return found, asked, list(waits), server.connections

    assert outcome(attempting=True) == outcome(attempting=False)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_an_answer_that_never_comes_to_its_end_is_a_timeout(
    encrypted: bool, certificates: Certificates, sends: list[str]
) -> None:
    with connected(whole()[:-9], hangs=True, tls=certificates if encrypted else None) as (server, query):
        sends.clear()
        with pytest.raises(ReadTimeoutError, match=re.escape(server.url)):
            query()
        assert not sends


def test_an_attempt_sends_what_botocore_would_have_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: NOON)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "worker")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793")
    found = []
    for ordinary in (True, False):
        with connected(whole(), ordinary=ordinary) as (server, query):
            query()
            signed_by_botocore(server.heads[1], server.bodies[1], server.url)
            # Powertools, where it is imported, says its name whenever botocore itself makes a request.
            agent = server.heads[1]["user-agent"].partition(" PT/")[0]
            of_the_moment = {"host": "", "authorization": "", "amz-sdk-invocation-id": ""}
            head = {**server.heads[1], **of_the_moment, "user-agent": agent}
            found.append((head, server.bodies[1]))
    assert found[0] == found[1]
    assert found[0][0]["x-amzn-trace-id"].startswith("Root=")


def signed_by_botocore(head: dict[str, str], body: bytes, url: str) -> None:
    names = head["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", f"{url}/", {name: head[name] for name in names}, body)
    SigV4Auth(Credentials("a", "b"), "dynamodb", "us-east-1").add_auth(request)
    assert request.headers["Authorization"] == head["authorization"]


def test_only_the_first_call_of_a_connection_is_sent_by_botocore(sends: list[str]) -> None:
    with connected(whole(), whole()) as (server, query):
        assert query()[0] == query()[0] == PAGE
        assert (sends, server.requests, server.connections) == (["attempt=1; max=1"], 3, 1)


def test_a_call_whose_body_nobody_asked_for_is_botocores(sends: list[str]) -> None:
    with connected(whole()) as (_, query):
        assert query.client.query(TableName="t")["Count"] == 1
        assert len(sends) == 2


def test_what_goes_through_a_proxy_is_botocores(sends: list[str]) -> None:
    with asking(whole(), whole()) as (proxy, _):
        client = SESSION.client(
            "dynamodb", endpoint_url="http://elsewhere.test", config=Config(proxies={"http": proxy.url})
        )
        take_bodies(client)
        for _ in range(2):
            assert body_of("Query", lambda: client.query(TableName="t"))[0] == PAGE
        assert len(sends) == 2
        client.close()


def test_an_endpoint_with_a_path_is_botocores(sends: list[str]) -> None:
    with asking(whole(), whole()) as (server, _):
        client = SESSION.client("dynamodb", endpoint_url=f"{server.url}/stage")
        take_bodies(client)
        for _ in range(2):
            assert body_of("Query", lambda: client.query(TableName="t"))[0] == PAGE
        assert [head[""] for head in server.heads] == ["POST /stage HTTP/1.1\r\n"] * 2
        assert len(sends) == 2
        client.close()


def test_a_client_that_limits_its_rate_is_left_alone(sends: list[str]) -> None:
    with asking(whole(), whole()) as (server, _):
        client = SESSION.client("dynamodb", endpoint_url=server.url, config=Config(retries={"mode": "adaptive"}))
        take_bodies(client)
        for _ in range(2):
            assert body_of("Query", lambda: client.query(TableName="t"))[0] == PAGE
        assert len(sends) == 2
        client.close()


def test_who_answers_a_call_himself_comes_before(sends: list[str]) -> None:
    with connected() as (server, query):
        answer = AWSResponse("", 200, HTTPHeaders(), None), {"Count": 7}
        query.client.meta.events.register_last("before-call.dynamodb.Query", lambda **_: answer)
        assert query() == (None, {"Count": 7})
        assert (len(sends), server.requests) == (1, 1)


def test_listeners_hear_of_a_call_that_succeeded_at_once(sends: list[str]) -> None:
    heard: list[Any] = []
    with connected(whole()) as (_, query):
        query.client.meta.events.register(
            "after-call", lambda http_response, parsed, **_: heard.append((http_response.status_code, parsed))
        )
        _, answer = query()
        assert heard == [(200, answer)]
        assert len(sends) == 1


def test_new_credentials_are_taken_at_once(sends: list[str]) -> None:
    with connected(whole(), whole()) as (server, query):
        for token in ("first", "second"):
            query.client._request_signer._credentials.token = token
            query()
        query.client._request_signer._credentials.token = None
        assert [head.get("x-amz-security-token") for head in server.heads] == [None, "first", "second"]
        assert len(sends) == 1


def test_without_credentials_nothing_is_sent(sends: list[str]) -> None:
    with connected() as (server, query):
        query.client._request_signer._credentials = None
        with pytest.raises(NoCredentialsError):
            query()
        assert (len(sends), server.requests) == (1, 1)


def test_a_client_that_was_closed_opens_a_connection_again(sends: list[str]) -> None:
    with connected(whole(), whole()) as (server, query):
        query.client.close()
        assert query()[0] == query()[0] == PAGE
        assert (len(sends), server.connections) == (2, 2)


def test_an_attempt_that_is_interrupted_leaves_no_half_read_connection(
    monkeypatch: pytest.MonkeyPatch, sends: list[str]
) -> None:
    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    with connected(whole(), whole(), whole()) as (server, query):
        with monkeypatch.context() as patched:
            patched.setattr(transport._InOnePiece, "getresponse", interrupted)
            with pytest.raises(KeyboardInterrupt):
                query()
        assert query()[0] == query()[0] == PAGE
        assert (len(sends), server.connections) == (2, 2)
