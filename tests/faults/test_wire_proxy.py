"""The proxy by itself, in front of a small S3 and DynamoDB of its own: each fault is what it says it is."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from faults.wire_calls import Call
from faults.wire_faults import Dice, Fault, never_seen
from faults.wire_proxy import HOST, Proxy, share
from tidegate.intact import require_intact

ITEM = b'{"Item":{"id":{"S":"one"},"at":{"N":"1700000000000"}}}'
PATIENCE, BUSY = 0.4, 30.0
"""Seconds that a client waits for an answer that is held back, and for one that a busy machine is late with."""


class Behind(BaseHTTPRequestHandler):
    """Answers everything, and remembers what was applied."""

    protocol_version = "HTTP/1.1"
    applied: list[str]

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        dynamodb = "X-Amz-Target" in self.headers
        self.applied.append(self.headers["X-Amz-Target"] if dynamodb else f"{self.command} {body.decode('latin-1')}")
        answer = ITEM if dynamodb else b"" if self.command == "PUT" else b"the object's bytes"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        if dynamodb:
            self.send_header("x-amz-crc32", str(zlib.crc32(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_HEAD = _any  # noqa: N815  # the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""


class Always(Dice):
    """Throws one fault."""

    def __init__(self, fault: Fault | None) -> None:
        super().__init__(0)
        self.fault = fault

    def throw(self, call: Call) -> tuple[Fault | None, Random]:
        assert call.kind
        return self.fault, Random(1)  # noqa: S311  # no secret


@pytest.fixture
def behind() -> Iterator[tuple[int, list[str]]]:
    """A port, and what was applied there."""
    applied: list[str] = []
    server = ThreadingHTTPServer((HOST, 0), type("Handler", (Behind,), {"applied": applied}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port, applied
    server.shutdown()
    thread.join()
    server.server_close()


class Client:
    """One who calls through a proxy that throws this fault at each call."""

    def __init__(self, proxy: Proxy, patience: float) -> None:
        session = boto3.Session("a", "b", region_name="us-east-1")
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=patience, proxies={})
        self.s3 = session.client("s3", endpoint_url=proxy.url, config=config)
        self.dynamodb = session.client("dynamodb", endpoint_url=proxy.url, config=config)
        require_intact(self.dynamodb)

    def get(self) -> bytes:
        return self.s3.get_object(Bucket="b", Key="k")["Body"].read()

    def put(self) -> None:
        self.s3.put_object(Bucket="b", Key="k", Body=b"uploaded")

    def item(self) -> Any:
        return self.dynamodb.get_item(TableName="t", Key={"id": {"S": "one"}})["Item"]


class Meeting:
    """A proxy, its client and what reached the AWS behind, for one fault."""

    def __init__(self, behind: tuple[int, list[str]], fault: Fault | None, kills: list[int] | None = None) -> None:
        self.applied = behind[1]
        self.patience = PATIENCE if fault is Fault.HANG else BUSY
        self.proxy = Proxy(
            Always(fault), patience=self.patience, attempts=1, kill=(kills if kills is not None else []).append
        )
        self.proxy.upstream = behind[0]

    def __enter__(self) -> tuple[Client, list[str], Proxy]:
        self.proxy.__enter__()
        self.proxy.troubled = True
        return Client(self.proxy, self.patience), self.applied, self.proxy

    def __exit__(self, *_: object) -> None:
        self.proxy.__exit__(None, None, None)
        assert self.proxy.problems == []


def test_without_a_fault_all_passes_unchanged(behind: tuple[int, list[str]]) -> None:
    with Meeting(behind, None) as (client, applied, proxy):
        assert client.get() == b"the object's bytes"
        assert client.s3.head_object(Bucket="b", Key="k")["ContentLength"] == 18
        client.put()
        assert client.item()["id"] == {"S": "one"}
        assert [one.split()[0] for one in applied] == ["GET", "HEAD", "PUT", "DynamoDB_20120810.GetItem"]
        assert sorted(proxy.traffic.requests) == ["DynamoDB.GetItem", "S3.GetObject", "S3.HeadObject", "S3.PutObject"]
        assert proxy.traffic.faults.total() == 0


@pytest.mark.parametrize(
    ("fault", "code", "reaches"),
    [
        (Fault.THROTTLE, "SlowDown", False),
        (Fault.ERROR, "InternalError", False),
        (Fault.ERROR_AFTER, "InternalError", True),
    ],
    ids=["throttled", "failed", "failed after"],
)
def test_errors_are_those_of_the_service(
    behind: tuple[int, list[str]], fault: Fault, code: str, *, reaches: bool
) -> None:
    with Meeting(behind, fault) as (client, applied, proxy):
        with pytest.raises(ClientError) as caught:
            client.put()
        assert caught.value.response["Error"]["Code"] == code
        assert bool(applied) is reaches
        with pytest.raises(ClientError) as caught:
            client.item()
        assert caught.value.response["Error"]["Code"].endswith(("Exception", "RequestLimitExceeded", "ServerError"))
        assert proxy.traffic.faults == {fault: 2}


@pytest.mark.parametrize(("fault", "reaches"), [(Fault.RESET, False), (Fault.LOST, True)], ids=["reset", "lost"])
def test_a_reset_comes_before_the_write_and_a_lost_answer_after_it(
    behind: tuple[int, list[str]], fault: Fault, *, reaches: bool
) -> None:
    with Meeting(behind, fault) as (client, applied, _):
        with pytest.raises(ConnectionClosedError):
            client.put()
        assert bool(applied) is reaches


def test_an_answer_breaks_off(behind: tuple[int, list[str]]) -> None:
    with Meeting(behind, Fault.TRUNCATE) as (client, _, _):
        with pytest.raises(ResponseStreamingError):
            client.get()
        with pytest.raises(ClientError, match="500"):
            client.item()


@pytest.mark.parametrize("fault", [Fault.CORRUPT, Fault.SHORTEN], ids=["corrupted", "cut"])
def test_damage_is_there_and_the_checksum_tells(behind: tuple[int, list[str]], fault: Fault) -> None:
    with Meeting(behind, fault) as (client, _, proxy):
        with pytest.raises(FlexibleChecksumError):
            client.get()
        with pytest.raises(ClientError, match="500"):
            client.item()
        assert proxy.traffic.faults == {fault: 2}


def test_an_upload_arrives_with_another_byte(behind: tuple[int, list[str]]) -> None:
    with Meeting(behind, Fault.CORRUPT_UPLOAD) as (client, applied, _):
        client.put()
        assert applied != ["PUT uploaded"]
        assert len(applied[0]) == len("PUT uploaded")


def test_a_call_that_hangs_is_applied_when_its_client_has_given_up(behind: tuple[int, list[str]]) -> None:
    with Meeting(behind, Fault.HANG) as (client, applied, _):
        with pytest.raises(ReadTimeoutError):
            client.put()
        assert applied == []
        arrived = threading.Event()
        while not applied and not arrived.wait(0.02):
            pass
        assert applied == ["PUT uploaded"]


def test_the_process_that_sent_a_call_is_killed(behind: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", f"worker-{os.getpid()}")
    kills: list[int] = []
    with Meeting(behind, Fault.KILL, kills) as (client, _, _), pytest.raises(ConnectionClosedError):
        client.put()
    assert kills == [os.getpid()]


def calls(kind: str, count: int) -> Iterator[Call]:
    service, operation = kind.split(".")
    return (Call(service, operation, str(number), 1, None) for number in range(count))


def test_the_same_seed_throws_the_same_faults_for_a_kind_of_call_whatever_comes_between() -> None:
    alone = [Dice(7).throw(call)[0] is None for call in calls("S3.GetObject", 1)]
    mixed, dice = [], Dice(7)
    for other, call in zip(calls("DynamoDB.Query", 50), calls("S3.GetObject", 50), strict=True):
        dice.throw(other)
        mixed.append(dice.throw(call)[0] is None)
    assert mixed[:1] == alone
    first = Dice(7)
    assert mixed == [first.throw(call)[0] is None for call in calls("S3.GetObject", 50)]
    assert {True, False} == set(mixed)


def test_a_fault_that_never_took_place_is_named(behind: tuple[int, list[str]]) -> None:
    with Meeting(behind, Fault.THROTTLE) as (client, _, proxy):
        with pytest.raises(ClientError):
            client.put()
        assert never_seen(proxy.traffic.faults, [Fault.THROTTLE, Fault.LOST]) == [Fault.LOST]
        assert share(proxy.traffic) == 1.0
