"""S3's side of an upload: takes objects whole or in parts, checks their checksums, counts, keeps little."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class BadUploadError(Exception):
    """The upload is not what its own headers say."""


@dataclass(slots=True)
class Sink:
    """One account's buckets. Up to `keep` bytes in all are kept for `get`; the rest is counted and dropped."""

    keep: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"uploads": 0, "uploadedBytes": 0, "checksums": 0})
    _objects: dict[str, bytes] = field(default_factory=dict)
    _parts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _kept: int = 0
    _uploads: Any = field(default_factory=lambda: count(1))
    _lock: Lock = field(default_factory=Lock)

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Status, ETag and body of the answer. Raises BadUploadError where a checksum is wrong or missing."""
        split = urlsplit(target)
        query, key = parse_qs(split.query, keep_blank_values=True), unquote(split.path)
        if method == "POST" and "uploads" in query:
            return 200, "", self._begun(key)
        if method == "POST" and "uploadId" in query:
            return 200, "", self._completed(key, query["uploadId"][0])
        if method == "PUT":
            return self._put(key, query, headers, body)
        if method == "GET":
            return self._got(key)
        if method in {"DELETE", "POST"}:
            return (204, "", b"") if method == "DELETE" else (200, "", f"<DeleteResult {NAMESPACE}/>".encode())
        return 501, "", b""

    def _begun(self, key: str) -> bytes:
        bucket, _, name = key.lstrip("/").partition("/")
        with self._lock:
            upload = f"upload-{next(self._uploads)}"
        inside = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key><UploadId>{upload}</UploadId>"
        return f"<InitiateMultipartUploadResult {NAMESPACE}>{inside}</InitiateMultipartUploadResult>".encode()

    def _completed(self, key: str, upload: str) -> bytes:
        with self._lock:
            numbers = sorted(number for owner, number in self._parts if owner == upload)
            self._objects[key] = b"".join(self._parts.pop((upload, number)) for number in numbers)
        inside = f'<Key>{escape(key)}</Key><ETag>"{upload}"</ETag>'
        return f"<CompleteMultipartUploadResult {NAMESPACE}>{inside}</CompleteMultipartUploadResult>".encode()

    def _put(
        self, key: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        copied = headers.get("x-amz-copy-source")
        data = self._copy(copied) if copied else self._uploaded(headers, body)
        with self._lock:
            if "uploadId" in query:
                self._parts[query["uploadId"][0], int(query["partNumber"][0])] = data
            else:
                self._objects[key] = data
        etag = f'"{len(data):x}"'
        if not copied:
            return 200, etag, b""
        what = "CopyPartResult" if "uploadId" in query else "CopyObjectResult"
        when = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        return 200, etag, f"<{what} {NAMESPACE}><ETag>{escape(etag)}</ETag>{when}</{what}>".encode()

    def _copy(self, source: str) -> bytes:
        return self._objects.get("/" + unquote(source).lstrip("/"), b"")

    def _uploaded(self, headers: Mapping[str, str], body: bytes) -> bytes:
        data, trailer = _dechunked(body) if "aws-chunked" in headers.get("content-encoding", "") else (body, {})
        told = headers.get("x-amz-checksum-crc32") or trailer.get("x-amz-checksum-crc32")
        if told is None:
            raise BadUploadError("an upload came without x-amz-checksum-crc32")
        if told != base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode():
            raise BadUploadError("an upload's x-amz-checksum-crc32 is not that of its bytes")
        with self._lock:
            self.counts["uploads"] += 1
            self.counts["uploadedBytes"] += len(data)
            self.counts["checksums"] += 1
            self._kept += len(data)
            return data if self._kept <= self.keep else b""

    def _got(self, key: str) -> tuple[int, str, bytes]:
        data = self._objects.get(key)
        return (404, "", b"") if data is None else (200, f'"{len(data):x}"', data)


def _dechunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes of an aws-chunked body, and its trailing headers."""
    chunks, at = [], 0
    while True:
        if (end := body.find(b"\r\n", at)) < 0:
            raise BadUploadError("an upload in chunks has no last one")
        size = int(body[at:end].partition(b";")[0], 16)
        at = end + 2
        if not size:
            break
        chunks.append(body[at : at + size])
        at += size + 2
    lines = [line.partition(":") for line in body[at:].decode().split("\r\n") if line]
    return b"".join(chunks), {name.lower(): value.strip() for name, _, value in lines}
