"""S3: another bucket, perhaps of another account, by a role to assume.

Bytes are streamed from the stack's bucket, because one role seldom may read the one and write the other. S3 itself
compares each piece with a SHA-256, and the whole with its size, before anything is visible: a right to write is enough.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import error_code, status, translated
from tidegate.destinations.destination import Outgoing, Sent, Tools
from tidegate.destinations.naming import place
from tidegate.errors import FatalError, TidegateError
from tidegate.model import Finding, JSONObject
from tidegate.naming import fixed_part

PIECE = 16 << 20
"""Bytes of one piece of a multipart upload, and all that is held of a file; 10,000 of them are more than a part has."""
HASH = "tidegate-sha256"
"""Metadata of each object, by which a file that has arrived is known."""


_PIECE = ("PartNumber", "ETag", "ChecksumSHA256")


class S3Destination:
    """A bucket that is not the stack's own."""

    def __init__(self, document: JSONObject, tools: Tools) -> None:
        self._document = document
        self._tools = tools
        self._bucket = document["bucket"]
        self._made: Any = None
        self._hashed: tuple[str, int, Any] | None = None
        self.point: JSONObject | None = None

    def where(self) -> str:
        """The place, for people."""
        return f"s3://{self._bucket}/{self._document.get('prefix') or 'exports/'}"

    def close(self) -> None:
        """Forget the assumed role's credentials, which expire."""
        self._made = None

    def send(self, file: Outgoing, point: JSONObject | None, spent: Callable[[], bool]) -> Sent:
        """Deliver one file; see Destination."""
        self.point = point if point is not None and point.get("key") == file.key else None
        key = self._key(file)
        where = f"s3://{self._bucket}/{key}"
        client = self._client()
        with translated(f"Delivering {where}", remedy=self._remedy()):
            if self.point is None and self._has(client, key, file):
                return Sent(done=True, where=where)
            if file.size <= PIECE:
                self._put(client, key, file)
            elif not self._put_pieces(client, key, file, spent):
                return Sent(done=False, where=where)
        self.point = None
        return Sent(done=True, where=where)

    def probe(self) -> Sequence[Finding]:
        """Assume the role, and begin and give up an upload, of which nobody sees anything."""
        findings: list[Finding] = []
        key = f"{fixed_part(self._document.get('prefix') or 'exports/')}/tidegate-probe".lstrip("/")
        try:
            client = self._client()
            if self._document.get("role"):
                findings.append(Finding(ok=True, what=f"The role {self._document['role']} can be assumed."))
            with translated(f"Writing to s3://{self._bucket}/{key}", remedy=self._remedy()):
                upload = client.create_multipart_upload(Key=key, **self._target(), **self._encryption())["UploadId"]
                client.abort_multipart_upload(Key=key, UploadId=upload, **self._target())
            findings.append(Finding(ok=True, what=f"The bucket {self._bucket} can be written under {key}."))
        except TidegateError as error:
            findings.append(Finding(ok=False, what=error.message, remedy=error.remedy))
        finally:
            self.close()
        return findings

    def _client(self) -> Any:
        if self._made is None:
            used = self._document
            more: dict[str, Any] = {"region_name": used["region"]} if used.get("region") else {}
            if used.get("role"):
                more |= self._assumed(used["role"], used.get("externalId"))
            self._made = self._tools.client("s3", **more)
        return self._made

    def _assumed(self, role: str, external_id: str | None) -> dict[str, Any]:
        asked = {"RoleArn": role, "RoleSessionName": "tidegate", **({"ExternalId": external_id} if external_id else {})}
        remedy = "Name the role in the parameter DestinationRoleArns, and have it trust the worker's role."
        with translated(f"Assuming the role {role} for destination {self._document['name']}", remedy=remedy):
            given = self._tools.client("sts").assume_role(**asked)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _key(self, file: Outgoing) -> str:
        prefix = self._document.get("prefix")
        if not prefix:
            return file.key
        return f"{place(prefix, file, self._document.get('timeZone', 'UTC'))}/{file.path}"

    def _target(self) -> dict[str, Any]:
        owner = self._document.get("bucketOwner")
        return {"Bucket": self._bucket, **({"ExpectedBucketOwner": owner} if owner else {})}

    def _encryption(self) -> dict[str, Any]:
        key = self._document.get("kmsKey")
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}

    def _described(self, file: Outgoing) -> dict[str, Any]:
        return {"ContentType": file.media_type, "Metadata": {HASH: file.sha256}, **self._encryption()}

    def _has(self, client: Any, key: str, file: Outgoing) -> bool:
        """Whether these very bytes have arrived before; a role that may not look is believed to have sent nothing."""
        try:
            found = client.head_object(Key=key, **self._target())
        except ClientError as error:
            if status(error) in (403, 404):
                return False
            raise
        return bool(found["ContentLength"] == file.size and found.get("Metadata", {}).get(HASH) == file.sha256)

    def _put(self, client: Any, key: str, file: Outgoing) -> None:
        data = b"".join(file.read(0, PIECE))
        digest = hashlib.sha256(data)
        _check(digest, len(data), file)
        client.put_object(Key=key, Body=data, ChecksumSHA256=_text(digest), **self._target(), **self._described(file))

    def _put_pieces(self, client: Any, key: str, file: Outgoing, spent: Callable[[], bool]) -> bool:
        """Send pieces until the file is whole (True) or the time is up."""
        upload, pieces = self._resumed(client, key)
        if upload is None:
            described = self._described(file)
            upload = client.create_multipart_upload(Key=key, ChecksumAlgorithm="SHA256", **self._target(), **described)[
                "UploadId"
            ]
        offset = len(pieces) * PIECE
        digest = self._digest_at(file, offset)
        for data in file.read(offset, PIECE):
            pieces.append(self._put_piece(client, key, upload, len(pieces) + 1, data))
            digest.update(data)
            offset += len(data)
            self.point = {"key": file.key, "uploadId": upload, "pieces": len(pieces)}
            if offset < file.size and spent():
                self._hashed = (file.key, offset, digest)
                return False
        try:
            _check(digest, offset, file)
        except FatalError:
            self._abort(client, key, upload)
            raise
        client.complete_multipart_upload(
            Key=key,
            UploadId=upload,
            MultipartUpload={"Parts": pieces},
            MpuObjectSize=file.size,
            **self._target(),
        )
        return True

    def _put_piece(self, client: Any, key: str, upload: str, number: int, data: bytes) -> dict[str, Any]:
        checksum = _text(hashlib.sha256(data))
        done = client.upload_part(
            Key=key, UploadId=upload, PartNumber=number, Body=data, ChecksumSHA256=checksum, **self._target()
        )
        return {"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": checksum}

    def _resumed(self, client: Any, key: str) -> tuple[str | None, list[dict[str, Any]]]:
        """The upload that an earlier call began, and its pieces; none where it cannot be gone on with."""
        if self.point is None:
            return None, []
        upload, wanted = self.point["uploadId"], int(self.point["pieces"])
        try:
            pages = client.get_paginator("list_parts").paginate(Key=key, UploadId=upload, **self._target())
            found = [part for page in pages for part in page.get("Parts", ())][:wanted]
        except ClientError as error:
            if error_code(error) != "NoSuchUpload" and status(error) != 403:
                raise
            found = []
        if [(part["PartNumber"], part["Size"]) for part in found] != [(n, PIECE) for n in range(1, wanted + 1)]:
            self._abort(client, key, upload)
            self.point = None
            return None, []
        return upload, [{name: part[name] for name in _PIECE if name in part} for part in found]

    def _digest_at(self, file: Outgoing, offset: int) -> Any:
        if self._hashed is not None and self._hashed[:2] == (file.key, offset):
            return self._hashed[2]
        digest = hashlib.sha256()
        for data in _first(file.read(0, PIECE), offset):
            digest.update(data)
        return digest

    def _abort(self, client: Any, key: str, upload: str) -> None:
        """Give an upload up; a lifecycle rule of the bucket has to remove what cannot be given up now."""
        try:
            client.abort_multipart_upload(Key=key, UploadId=upload, **self._target())
        except (ClientError, BotoCoreError):
            return

    def _remedy(self) -> str:
        if self._document.get("role"):
            return f"Give the role {self._document['role']} s3:PutObject and s3:AbortMultipartUpload there."
        return "Name the bucket in the parameter DestinationBuckets, and let its policy take this account's objects."


def _first(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (data := next(chunks, b"")):
        yield data[:size]
        size -= len(data)


def _check(digest: Any, size: int, file: Outgoing) -> None:
    if size != file.size or digest.hexdigest() != file.sha256:
        raise FatalError(
            f"The stored part {file.key} is not what was sealed; it was not delivered.",
            code="PART_CHANGED",
            remedy="Somebody changed it in the bucket. Bring the earlier version back, then redrive the delivery.",
        )


def _text(digest: Any) -> str:
    return base64.b64encode(digest.digest()).decode()
