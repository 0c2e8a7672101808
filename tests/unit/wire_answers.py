"""AWS clients that get the answers a test gives them, as they would come from the wire."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from tidegate.bootstrap import CONFIG
from tidegate.intact import require_intact


class Wire:
    """Gives a client the answers that are due, each with length and checksum of what AWS sent."""

    def __init__(self, bodies: Iterable[bytes], sent: bytes, *, checksum: bool = True, status: int = 200) -> None:
        self.bodies: Iterator[bytes] = iter(bodies)
        headers = {"content-length": str(len(sent)), **({"x-amz-crc32": str(zlib.crc32(sent))} if checksum else {})}
        self.headers = HTTPHeaders.from_dict(headers)
        self.status = status

    def answer(self, **_: Any) -> Any:
        return AWSResponse("http://aws.example", self.status, self.headers, Raw(next(self.bodies)))


class Raw(BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def client(service: str, wire: Wire, *, attempts: int, checking: bool = True) -> Any:
    config = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    made: Any = boto3.Session("a", "b", region_name="us-east-1").client(service, config=config)  # type: ignore[call-overload]  # by name
    if checking:
        require_intact(made)
    made.meta.events.register(f"before-send.{service}", wire.answer)
    return made
