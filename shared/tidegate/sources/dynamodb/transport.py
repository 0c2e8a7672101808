"""A client's HTTP session that reads each body in one piece.

botocore collects a body from pieces of 64 KiB and joins them: for a page of 1 MiB twice the memory, and a tenth of the
CPU of all that an export does for it. Connections, TLS, proxies, timeouts and the meaning of errors stay those of
botocore's session, which sends the request and reads the head of the answer (docs/adr/0013-the-read-path.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError

from tidegate.checksums import crc32

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def read_in_one_piece(client: DynamoDBClient) -> None:
    """Let this client read its answers in one piece. Does nothing twice, or where botocore is built otherwise."""
    endpoint = getattr(client, "_endpoint", None)
    session = getattr(endpoint, "http_session", None)
    if endpoint is not None and isinstance(session, URLLib3Session):
        endpoint.http_session = _Session(session)


class _Session:
    """Sends as botocore's own session does. What it raises is what that one raises."""

    def __init__(self, session: URLLib3Session) -> None:
        self._session = session
        self.close: Callable[[], None] = session.close

    def send(self, request: Any) -> AWSResponse:
        if request.stream_output:  # whoever called reads the body
            return self._session.send(request)
        request.stream_output = True
        response = self._session.send(request)
        body = _body(response, request)
        _compare(response, body)
        return AWSResponse(response.url, response.status_code, response.headers, _Whole(body))  # type: ignore[arg-type]  # the stubs are stricter than botocore


class _Whole:
    """A body that has been read, as AWSResponse wants it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def _body(response: AWSResponse, request: Any) -> bytes:
    try:
        body: bytes = response.raw.read(decode_content=False)
    except BodyTimeoutError as error:
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
    except ProtocolError as error:
        raise ConnectionClosedError(error=error, request=request, endpoint_url=request.url) from error
    except Exception as error:
        raise HTTPClientError(error=error) from error
    return body


def _compare(response: AWSResponse, body: bytes) -> None:
    """Take away a checksum that is right, so that botocore need not compare it: zlib takes four times as long.

    One that is wrong stays, for botocore to find and to ask again.
    """
    told = response.headers.get("x-amz-crc32")
    if told is not None and told.isdecimal() and int(told) == crc32(body):
        del response.headers["x-amz-crc32"]
