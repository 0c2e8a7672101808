"""A request's signature is botocore's, whoever makes it; for the locked version."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from tidegate.sources.dynamodb import signing
from tidegate.sources.dynamodb.bodies import take_bodies
from unit.wire_answers import Wire, client

PAGE = b'{"Count":0,"Items":[],"ScannedCount":0}'
THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}'
NOON = datetime(2026, 3, 29, 12, 0, 0)  # noqa: DTZ001 - as botocore gives it
NAMES = st.sampled_from(["X-Amz-Target", "x-amz-target", "Host", "User-Agent", "Date", "Authorization", "X-Amz-Date"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
URLS = st.sampled_from([
    "https://dynamodb.eu-west-1.amazonaws.com/", "https://user@DynamoDB.example:443/a/../b%20c?z=1&a=2&a=1",
    "https://localhost:8443", "http://[::1]:8000/", "http://localhost:80/?empty=",
])  # fmt: skip
TOKENS = st.sampled_from([None, "session/token+="])


class Clock:
    """Botocore's, which goes on by itself at each look."""

    def __init__(self, now: datetime, step: timedelta = timedelta(0)) -> None:
        self.now, self.step = now, step

    def __call__(self, **_: Any) -> datetime:
        self.now += self.step
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(NOON)
    monkeypatch.setattr("botocore.auth.get_current_datetime", made)
    return made


class Slow(Wire):
    """Refuses the first call."""

    def __init__(self) -> None:
        super().__init__([], PAGE)
        self.answers = iter([Wire([THROTTLED], THROTTLED, status=400), Wire([PAGE], PAGE)])

    def answer(self, **more: Any) -> Any:
        return next(self.answers).answer(**more)


def ours() -> Any:
    asking = client("dynamodb", Wire([], PAGE), attempts=1)
    take_bodies(asking)
    return auth.AUTH_TYPE_MAPS[signing.NAME]


def sent(made: Any, **arguments: Any) -> list[dict[str, Any]]:
    """The headers of what this client sends for a query."""
    found: list[dict[str, Any]] = []
    made.meta.events.register_first(
        "before-send.dynamodb.Query", lambda request, **_: found.append(dict(request.headers))
    )
    made.query(TableName="t", **arguments)
    return found


@given(
    url=URLS,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=8),
    body=st.none() | st.binary(max_size=50) | st.text(max_size=20),
    token=TOKENS,
    context=st.sampled_from([{}, {"payload_signing_enabled": False}]),
)
def test_headers_and_signature_are_those_of_botocores_class_for_any_request(
    url: str, headers: list[tuple[str, str]], body: bytes | str | None, token: str | None, context: dict[str, Any]
) -> None:
    signed = []
    for kind in (auth.SigV4Auth, ours()):
        request = AWSRequest("POST", url, data=body)
        for name, value in headers:
            request.headers[name] = value
        request.context.update(context)
        kind(Credentials("key", "secret", token), "dynamodb", "eu-west-1").add_auth(request)
        signed.append(list(request.headers.items()))
    assert signed[0] == signed[1]
    assert any(name == "Authorization" for name, _ in signed[0])


def test_a_client_sends_what_it_would_send_without_it() -> None:
    plain = client("dynamodb", Wire([PAGE], PAGE), attempts=1)
    quick = client("dynamodb", Wire([PAGE], PAGE), attempts=1)
    take_bodies(quick)
    theirs, found = sent(plain)[0], sent(quick)[0]
    for each in (theirs, found):
        each.pop("amz-sdk-invocation-id")
    assert found == theirs
    assert b"Signature=" in found["Authorization"]


def test_ours_signs_what_a_source_reads_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, other = (client("dynamodb", Wire([PAGE] * 3, PAGE), attempts=1) for _ in range(2))
    take_bodies(quick)
    used = []

    def payload(self: auth.SigV4Auth, request: AWSRequest) -> str:
        used.append(request)
        return auth.SigV4Auth.payload(self, request)

    monkeypatch.setattr(auth.AUTH_TYPE_MAPS[signing.NAME], "payload", payload)
    other.query(TableName="t")
    quick.list_tables()
    assert not used
    quick.query(TableName="t")
    quick.scan(TableName="t")
    assert len(used) == 2


def test_each_attempt_is_signed_anew_and_after_midnight_with_the_new_days_key(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    clock.now, clock.step = datetime(2026, 3, 29, 23, 59, 58), timedelta(seconds=1)  # noqa: DTZ001 - as botocore gives it
    quick = client("dynamodb", Slow(), attempts=2)
    take_bodies(quick)
    before, after = sent(quick)
    assert [one["X-Amz-Date"] for one in (before, after)] == [b"20260329T235959Z", b"20260330T000000Z"]
    assert b"/20260329/us-east-1/dynamodb/" in before["Authorization"]
    assert b"/20260330/us-east-1/dynamodb/" in after["Authorization"]
    clock.now, clock.step = datetime(2026, 3, 29, 23, 59, 58), timedelta(seconds=1)  # noqa: DTZ001 - likewise
    theirs = sent(client("dynamodb", Slow(), attempts=2))
    assert [one["Authorization"] for one in theirs] == [before["Authorization"], after["Authorization"]]


def test_new_credentials_are_used_at_once() -> None:
    quick = client("dynamodb", Wire([PAGE] * 2, PAGE), attempts=1)
    take_bodies(quick)
    first = sent(quick)[0]["Authorization"]
    quick._request_signer._credentials.secret_key = "another"
    assert sent(quick)[0]["Authorization"] != first


def test_where_botocore_signs_by_other_means_it_is_left_to_that(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(auth.SigV4Auth):
        pass

    monkeypatch.setitem(auth.AUTH_TYPE_MAPS, "v4", Other)
    monkeypatch.delitem(auth.AUTH_TYPE_MAPS, signing.NAME, raising=False)
    quick = client("dynamodb", Wire([PAGE], PAGE), attempts=1)
    take_bodies(quick)
    assert b"Signature=" in sent(quick)[0]["Authorization"]
    assert signing.NAME not in auth.AUTH_TYPE_MAPS


@pytest.mark.parametrize("context", [{"auth_type": "v4a"}, {"auth_type": "none"}, {"unsigned_payload": True}])
def test_what_asks_for_more_than_version_4_is_chosen_by_botocore(context: dict[str, Any]) -> None:
    assert signing._choose(signature_version="v4", context=context) is None
    assert signing._choose(signature_version="v4a", context={}) is None
    assert signing._choose(signature_version="v4", context={}) == signing.NAME
