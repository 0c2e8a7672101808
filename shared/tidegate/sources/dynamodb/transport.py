"""HTTP connections that write a request at once and read its answer in one piece.

They are urllib3's connections as botocore extends them: connecting, TLS, proxies, timeouts, pooling and the meaning of
errors stay theirs. What is spared is what `http.client` does for any peer: an answer's head is read as if it were an
e-mail's, a body goes through four layers of Python a TLS record, and botocore joins it from pieces of 64 KiB. That took
twice a page's memory and a third of all CPU of an export (docs/adr/0013-the-read-path.md). Requests and answers
that are not plain go the ordinary way.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http.client import HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from botocore.httpsession import URLLib3Session

from tidegate.checksums import crc32

if TYPE_CHECKING:
    import socket

    from mypy_boto3_dynamodb import DynamoDBClient

_TLS_RECORD: Final = 16_384
"""Bytes that one has at most: more never arrive at once."""
_LINE_END: Final = "\r\n"
_HEAD_END: Final = b"\r\n\r\n"
CHECKSUM: Final = "x-amz-crc32"


def read_in_one_piece(client: DynamoDBClient) -> None:
    """Let this client's connections be of that kind. Does nothing twice, or where botocore is built otherwise.

    Those that it has already are given up: their pools would go on making such as before. For clients without
    operations whose answers are streams: DynamoDB has none.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    pools = getattr(session, "_pool_classes_by_scheme", None)
    theirs = {"http": AWSHTTPConnectionPool, "https": AWSHTTPSConnectionPool}
    if isinstance(session, URLLib3Session) and pools == theirs:
        pools.update(http=_Pool, https=_TLSPool)
        session.close()


class _Head(NamedTuple):
    """An answer's, as far as it is plain."""

    status: int
    headers: dict[str, str]
    length: int


class OneAnswer:
    """An answer that has been read, as urllib3's pool and botocore use one.

    Its headers have names in lower case, and no checksum that is right: botocore need not compare it again.
    """

    version_string = "HTTP/1.1"
    length_remaining = 0

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        # The pool sets these.
        self.retries: Any = None
        self._connection: Any = None
        self._pool: Any = None
        _compare(headers, body)

    def get_redirect_location(self) -> bool:
        """None: botocore follows those that it follows by itself."""
        return False

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The body; its connection is free then."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.take_back(connection)
        yield self.body


class _InOnePiece:
    """Mixed into botocore's connections."""

    _asked: str | None = None

    def request(
        self: Any, method: str, url: str, body: Any = None, headers: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """See urllib3's HTTPConnection.request."""
        head = None if options.get("chunked") or self.proxy else _request_head(self, method, url, headers or {})
        if head is None or not isinstance(body, bytes):
            self._asked = None
            super().request(method, url, body, headers, **options)  # type: ignore[misc]  # of the class it is mixed into
            return
        self._asked = method
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        self.send(head + body)

    def getresponse(self: Any) -> Any:
        """See urllib3's HTTPConnection.getresponse. Raises IncompleteRead where a body breaks off."""
        method, self._asked = self._asked, None
        if method is None:
            return super().getresponse()  # type: ignore[misc]  # of the class it is mixed into
        self.sock.settimeout(self.timeout)
        # A new one for each answer: what came behind the one before is no answer to this request.
        incoming = io.BufferedReader(_Incoming(self.sock), _TLS_RECORD)
        seen = incoming.peek()
        end = seen.find(_HEAD_END)
        head = None if end < 0 else _plain_head(seen[:end])
        if head is None:
            return self._by_standard(incoming, method)
        incoming.read(end + len(_HEAD_END))
        body = incoming.read(head.length)
        if len(body) < head.length:
            raise IncompleteRead(body, head.length - len(body))
        return OneAnswer(head.status, head.headers, body)

    def _by_standard(self: Any, incoming: io.BufferedReader, method: str) -> OneAnswer:
        """The answer as the standard library reads it: in chunks, of unknown length, closing, or none at all."""
        answer = HTTPResponse(_Connected(incoming), method=method)  # type: ignore[arg-type]  # as much of one as it uses
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        # A value that goes over several lines is one of them, as for urllib3.
        headers = ((name, " ".join(map(str.strip, value.splitlines()))) for name, value in answer.headers.items())
        return OneAnswer(answer.status, _by_name(headers), body)


class _Connection(_InOnePiece, AWSHTTPConnection):  # type: ignore[misc]  # the stubs of what is mixed disagree
    pass


class _TLSConnection(_InOnePiece, AWSHTTPSConnection):  # type: ignore[misc]  # likewise
    pass


class InOnePiecePool:
    """Mixed into botocore's pools: what its connections receive are instances of OneAnswer."""

    def take_back(self: Any, connection: Any) -> None:
        """Keep a connection for the next request."""
        self._put_conn(connection)


class _Pool(InOnePiecePool, AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(InOnePiecePool, AWSHTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Incoming(io.RawIOBase):
    """What a socket receives. Timeouts and errors are the socket's own."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # Called for each TLS record, so with nothing between the two: `recv_into` of a TLS socket does more first.
        self.readinto = (  # type: ignore[method-assign]
            partial(sock.read, _TLS_RECORD) if isinstance(sock, ssl.SSLSocket) else sock.recv_into
        )

    def readable(self) -> bool:
        """Always."""
        return True


class _Connected:
    """As much of a socket as http.client.HTTPResponse uses."""

    def __init__(self, incoming: io.BufferedReader) -> None:
        self._incoming = incoming

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self._incoming


def _request_head(connection: Any, method: str, url: str, headers: Mapping[str, Any]) -> bytes | None:
    """As http.client writes it; None where that does more than write it."""
    names = {name.lower() for name in headers}
    if "content-length" not in names or not names.isdisjoint(("expect", "transfer-encoding")):
        return None
    lines = [f"{method} {url} HTTP/1.1"]
    if "host" not in names:
        host, port = connection.host, connection.port
        lines.append(f"Host: {host}" if port == connection.default_port else f"Host: {host}:{port}")
    if "accept-encoding" not in names:
        lines.append("Accept-Encoding: identity")
    for name, value in headers.items():
        lines.append(f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}")
    head = _LINE_END.join([*lines, "", ""])
    broken = head.count("\r") != len(lines) + 1 or head.count("\n") != len(lines) + 1
    if broken or ":" in connection.host or not head.isascii():
        return None
    return head.encode("ascii")


def _plain_head(head: bytes) -> _Head | None:
    """The head of an answer of HTTP/1.1 with a body of known length on a connection that stays; None for any other."""
    first, *lines = head.decode("latin-1").split(_LINE_END)
    version, status, *_ = [*first.split(" ", 2), ""]
    if version != "HTTP/1.1" or len(status) != 3 or not status.isdecimal() or status[0] == "1":
        return None
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name[0] in " \t" or name[-1] in " \t":
            return None
        pairs.append((name, value.strip(" \t")))
    headers = _by_name(pairs)
    length, stays = headers.get("content-length", ""), headers.get("connection", "keep-alive").lower() == "keep-alive"
    plain = length.isdecimal() and stays and "transfer-encoding" not in headers
    return _Head(int(status), headers, int(length)) if plain and status not in ("204", "304") else None


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by name in lower case; those of one name are put together, as urllib3 does."""
    found: dict[str, str] = {}
    for written, value in pairs:
        name = written.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _compare(headers: dict[str, str], body: bytes) -> None:
    """Take away a checksum that is right, so that botocore need not compare it: zlib takes four times as long.

    One that is wrong stays, for botocore to find and to ask again.
    """
    told = headers.get(CHECKSUM)
    if told is not None and told.isdecimal() and int(told) == crc32(body):
        del headers[CHECKSUM]
