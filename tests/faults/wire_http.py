"""HTTP/1.1 as botocore and the embedded AWS speak it: whole messages in, whole messages out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import SplitResult, urlsplit

HEAD_ENDS = b"\r\n\r\n"
MOST_HEAD_BYTES = 1 << 20
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Message:
    """A request or an answer: its first line, its headers in their order, and its body whole."""

    first_line: str
    headers: Headers
    body: bytes = b""

    @classmethod
    def of_head(cls, head: bytes) -> Self:
        first, *lines = head.removesuffix(HEAD_ENDS).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(first, tuple((name, value.strip()) for name, _, value in pairs))

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""
        return next((value for given, value in self.headers if given.lower() == name), "")

    def with_header(self, name: str, value: str) -> Self:
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name)
        return replace(self, headers=(*kept, (name, value)))

    @property
    def method(self) -> str:
        """Of a request."""
        return self.first_line.split(" ")[0]

    @property
    def target(self) -> SplitResult:
        """Of a request: path and query."""
        return urlsplit(self.first_line.split(" ")[1])

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.first_line.split(" ")[1])

    def encoded(self, announced: int | None, *more: tuple[str, str]) -> bytes:
        """The message on the wire; `announced` is the Content-Length that it claims."""
        kept = [pair for pair in self.headers if pair[0].lower() not in OF_THE_CONNECTION]
        if announced is not None:
            kept.append(("Content-Length", str(announced)))
        lines = [self.first_line, *(f"{name}: {value}" for name, value in [*kept, *more])]
        return "\r\n".join(lines).encode("latin-1") + HEAD_ENDS + self.body


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message | None:
    """The next request of a connection, None at its end. A client that asks whether to send its body is told to."""
    try:
        head = await reader.readuntil(HEAD_ENDS)
    except asyncio.IncompleteReadError:
        return None
    request = Message.of_head(head)
    if request.header("expect"):
        writer.write(b"HTTP/1.1 100 Continue" + HEAD_ENDS)
    return replace(request, body=await _body(reader, request, to_the_end=False))


async def asked(host: str, port: int, request: Message) -> Message:
    """What the server at `host`:`port` answers, over a connection of its own."""
    reader, writer = await asyncio.open_connection(host, port, limit=MOST_HEAD_BYTES)
    try:
        writer.write(request.encoded(len(request.body), ("Connection", "close")))
        await writer.drain()
        answer = Message.of_head(await reader.readuntil(HEAD_ENDS))
        while answer.status == 100:
            answer = Message.of_head(await reader.readuntil(HEAD_ENDS))
        if request.method == "HEAD" or answer.status in {204, 304}:
            return answer
        return replace(answer, body=await _body(reader, answer, to_the_end=True))
    finally:
        writer.close()


def announced(request: Message, answer: Message) -> int | None:
    """The Content-Length of an untouched answer: a HEAD's is that of the body that it does not have."""
    if request.method != "HEAD":
        return None if answer.status in {204, 304} else len(answer.body)
    length = answer.header("content-length")
    return int(length) if length else None


def query_names(target: SplitResult) -> Sequence[str]:
    """The names of the parameters after the question mark."""
    return [part.partition("=")[0] for part in target.query.split("&")]


async def _body(reader: asyncio.StreamReader, message: Message, *, to_the_end: bool) -> bytes:
    if "chunked" in message.header("transfer-encoding").lower():
        return await _chunks(reader)
    if length := message.header("content-length"):
        return await reader.readexactly(int(length))
    return await reader.read() if to_the_end else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readline()
    while (await reader.readline()).strip():
        pass  # trailers
    return b"".join(chunks)
