"""The first attempt of a call, over a connection that is open already: what succeeds at once goes no further.

Of a page's CPU botocore takes a quarter for what nearly always turns out to be plain: its request is made three times
over, as if its headers were an e-mail's, and handed through the layers of two libraries, for one attempt of several. So
the request that botocore has serialized is signed by botocore's signer and sent at once here, and a good answer is the
call's result (docs/adr/0013-the-read-path.md). Any other outcome, an answer or an error, is handed to botocore as that
of its own first attempt: what it means, whether and when to ask again, and what to raise, is botocore's, and the tests
compare the two. Where no connection is open, or the call is not plain, botocore does it all.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPException
from queue import Empty
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4
from weakref import WeakValueDictionary

from botocore.auth import AUTH_TYPE_MAPS
from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError, ReadTimeoutError, SSLError
from botocore.handlers import add_retry_headers
from botocore.httpsession import URLLib3Session

from tidegate.intact import TAKEN_BODY
from tidegate.sources.dynamodb import signing
from tidegate.sources.dynamodb.transport import CHECKSUM, InOnePiecePool, OneAnswer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OUTCOME: Final = "tidegate-outcome"
"""Where a request's context has the outcome of its first attempt until botocore sends it."""
_OK: Final = 200


def attempt_first(client: DynamoDBClient, wanted: Callable[[str], bool]) -> None:
    """Let this client's calls of the operations that are `wanted` be tried this way; again changes nothing.

    Does nothing where botocore is built otherwise, or limits the rate of requests as it sends them.
    """
    made: Any = client  # the stubs know neither its session nor its configuration
    session = getattr(getattr(made, "_endpoint", None), "http_session", None)
    pools, proxies = getattr(session, "_manager", None), getattr(session, "_proxy_config", None)
    if not isinstance(session, URLLib3Session) or pools is None or proxies is None:
        return
    if (made.meta.config.retries or {}).get("mode") == "adaptive":
        return
    attempts = _Attempts(wanted, lambda url: None if proxies.proxy_url_for(url) else pools.connection_from_url(url))
    # The last one of all, so that nobody is left out; whoever answers the call himself comes before.
    made.meta.events.register_last("before-call", attempts.attempt, unique_id="tidegate-attempt")
    made.meta.events.register_first("before-send.dynamodb", attempts.hand_over, unique_id="tidegate-hand-over")


class _Attempts:
    """The first attempts of one client. Threads may share it."""

    def __init__(self, wanted: Callable[[str], bool], pool_of: Callable[[str], Any]) -> None:
        self._wanted = wanted
        self._pool_of = pool_of
        # Weak, because a client that is closed forgets its pools, and these close their connections when they go.
        self._pools: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._most: int | None = None

    def attempt(
        self, model: Any, params: dict[str, Any], request_signer: Any, context: dict[str, Any], **_: object
    ) -> tuple[AWSResponse, dict[str, Any]] | None:
        """The result of a call, as handlers of `before-call` give one; None where botocore has to make the call."""
        if not self._wanted(model.name) or not _is_plain(params, request_signer, context):
            return None
        pool = self._pool(params["url"])
        if pool is None:
            return None
        request = self._signed(params, request_signer, context)
        if (connection := _open_connection(pool)) is None:
            return None
        answer = None
        try:
            answer = _answer(connection, pool.timeout, request)
        except Exception as error:  # noqa: BLE001 - botocore takes them all alike, and asks again
            context[_OUTCOME] = _as_of_botocore(error, request.url)
            return None
        finally:
            if answer is None:
                connection.close()
            pool._put_conn(None if answer is None else connection)  # noqa: SLF001 - as urllib3's own
        response = AWSResponse(request.url, answer.status, answer.headers, answer)  # type: ignore[arg-type]  # as botocore does
        if answer.status != _OK or CHECKSUM in answer.headers:
            context[_OUTCOME] = response
            return None
        return response, {TAKEN_BODY: answer.body, "ResponseMetadata": _metadata(answer)}

    def hand_over(self, request: Any, **_: object) -> AWSResponse | None:
        """The outcome of a request's first attempt, for botocore, as handlers of `before-send` do. Raises errors."""
        context = request.context
        self._most = context.get("retries", {}).get("max")
        outcome: AWSResponse | Exception | None = context.pop(_OUTCOME, None)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _pool(self, url: str) -> Any:
        """That of a URL's connections; None until a second call wants it, where there is a path, or a proxy."""
        pool = self._pools.get(url)
        if pool is None and urlsplit(url).path in ("", "/"):
            found = self._pool_of(url)
            if isinstance(found, InOnePiecePool):
                self._pools[url] = found
        return pool

    def _signed(self, params: Mapping[str, Any], signer: Any, context: dict[str, Any]) -> _Request:
        """The request as botocore makes it of its serialized form."""
        told = context.setdefault("retries", {})
        told["attempt"] = 1
        told.setdefault("invocation-id", str(uuid4()))
        if self._most is not None:
            told["max"] = self._most
        request = _Request(params, context)
        add_retry_headers(request)  # type: ignore[arg-type]  # as much of one as it uses
        into = context.get("signing", {})
        name, region = into.get("signing_name", signer.signing_name), into.get("region", signer.region_name)
        signer.get_auth_instance(name, region, signing.NAME).add_auth(request)
        request.headers["Content-Length"] = str(len(request.body))
        return request


class _Request:
    """As much of botocore's AWSRequest as is used to sign one; its headers' names are as botocore writes them."""

    params = None

    def __init__(self, serialized: Mapping[str, Any], context: dict[str, Any]) -> None:
        self.method: str = serialized["method"]
        self.url: str = serialized["url"]
        self.headers: dict[str, str] = dict(serialized["headers"])
        self.body: bytes = serialized["body"]
        self.data = self.body
        self.context = context


def _is_plain(params: Mapping[str, Any], signer: Any, context: Mapping[str, Any]) -> bool:
    """Whether nothing is asked for but a body, posted to the endpoint and signed by version 4."""
    return (
        signing.NAME in AUTH_TYPE_MAPS
        and signing.is_plain(context.get("auth_type") or signer.signature_version, context)
        and context.get("signing", {}).keys() <= {"signing_name", "region"}
        and context.get("read_timeout") is None
        and isinstance(params["body"], bytes)
        and params["url_path"] == "/"
        and not params["query_string"]
    )


def _open_connection(pool: Any) -> Any:
    """One that nobody uses, taken from its pool; None where there is none, or the other side has closed it."""
    try:
        connection = pool.pool.get(block=False)
    except Empty:
        return None
    if connection is not None and connection.is_connected:
        return connection
    pool._put_conn(connection)  # noqa: SLF001 - as urllib3's own
    return None


def _answer(connection: Any, timeout: Any, request: _Request) -> OneAnswer:
    connection.timeout = timeout.connect_timeout
    connection.request(request.method, "/", request.body, request.headers)
    connection.timeout = timeout.read_timeout
    answer: OneAnswer = connection.getresponse()
    return answer


def _as_of_botocore(error: Exception, url: str) -> BotoCoreError:
    """The error that botocore's session makes of this one."""
    if isinstance(error, TimeoutError):
        return ReadTimeoutError(endpoint_url=url, error=error)
    if isinstance(error, ssl.SSLError):
        return SSLError(endpoint_url=url, error=error)
    if isinstance(error, OSError | HTTPException):
        return ConnectionClosedError(endpoint_url=url, error=error)
    return HTTPClientError(error=error)


def _metadata(answer: OneAnswer) -> dict[str, Any]:
    """As botocore's parser tells it."""
    headers = dict(answer.headers)
    told = {"RequestId": headers["x-amzn-requestid"]} if "x-amzn-requestid" in headers else {}
    return {**told, "HTTPStatusCode": answer.status, "HTTPHeaders": headers, "RetryAttempts": 0}
