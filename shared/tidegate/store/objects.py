"""The export bucket: finished files under `exports/`, private working objects under `work/`.

Working objects are never overwritten by another worker, because their keys carry the fence; so a worker that lost its
lease cannot harm what its successor reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, cast

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import translate
from tidegate.checksums import crc32_header
from tidegate.errors import FatalError
from tidegate.model import Piece

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

READ_SIZE = 1 << 20
PIECE_BYTES = 5 << 20
"""The least that S3 takes as a part of a multipart upload, unless it is the last."""
SMALL_PIECES, LARGE_PIECE_BYTES = 4_000, 8 << 20
"""So many of these, then larger ones: S3 takes 10,000, and a part may have 64 GiB. One piece is in memory."""
COPIES_AT_ONCE = 8


def least_piece(stored: int) -> int:
    """How many bytes S3 wants of a piece at least where so many of its part are stored; the last may have fewer."""
    return PIECE_BYTES if stored < SMALL_PIECES else LARGE_PIECE_BYTES


class Objects:
    """The objects of one bucket. Every method translates AWS's errors into Tidegate's."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self.client = client
        self.bucket = bucket

    def put(self, key: str, data: bytes | bytearray, content_type: str = "application/octet-stream") -> None:
        """Write an object whole. S3 compares its checksum and refuses it where a byte has changed on the way.

        It goes with the request: botocore would add its own behind the body, for which it copies all of that.
        """
        with _translated(f"writing s3://{self.bucket}/{key}"):
            body = cast("bytes", data)  # botocore takes either; its stubs know one
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, ChecksumCRC32=crc32_header(data)
            )

    def get(self, key: str) -> Iterator[bytes]:
        """The bytes of an object, a mebibyte at a time."""
        with _translated(f"reading s3://{self.bucket}/{key}"):
            body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
            yield from body.iter_chunks(READ_SIZE)

    def least_piece(self, stored: int) -> int:
        """See PieceStore, and the function of this name."""
        return least_piece(stored)

    def read_from(self, key: str, offset: int, size: int) -> Iterator[bytes]:
        """The bytes of an object from `offset` on, in chunks of `size`, the last one shorter."""
        with _translated(f"reading s3://{self.bucket}/{key}"):
            chosen = {"Range": f"bytes={offset}-"} if offset else {}
            body = self.client.get_object(Bucket=self.bucket, Key=key, **chosen)["Body"]  # type: ignore[arg-type]  # one optional text
            while data := body.read(size):
                yield data

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        try:
            with _translated(f"looking for s3://{self.bucket}/{key}"):
                self.client.head_object(Bucket=self.bucket, Key=key)
        except FatalError as error:
            if error.__cause__ is not None and _status(error.__cause__) == 404:
                return False
            raise
        return True

    def publish(self, key: str, pieces: Sequence[Piece], content_type: str) -> None:
        """Put an object together from pieces, inside S3. All or nothing is visible; repeating it gives the same bytes.

        S3 wants pieces of 5 MiB or more, but for the last (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
        """
        with _translated(f"putting together s3://{self.bucket}/{key}"):
            if len(pieces) == 1:
                self.client.copy_object(
                    Bucket=self.bucket,
                    Key=key,
                    CopySource={"Bucket": self.bucket, "Key": pieces[0].key},
                    ContentType=content_type,
                    MetadataDirective="REPLACE",
                )
            else:
                self._assemble(key, pieces, content_type)

    def _assemble(self, key: str, pieces: Sequence[Piece], content_type: str) -> None:
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=content_type)["UploadId"]

        def copy(numbered: tuple[int, Piece]) -> CompletedPartTypeDef:
            number, piece = numbered
            source: CopySourceTypeDef = {"Bucket": self.bucket, "Key": piece.key}
            done = self.client.upload_part_copy(
                Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, CopySource=source
            )
            return {"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]}

        try:
            with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
                parts = list(pool.map(copy, enumerate(pieces, 1)))
            self.client.complete_multipart_upload(
                Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except (ClientError, BotoCoreError):
            self._abort(key, upload)
            raise

    def _abort(self, key: str, upload: str) -> None:
        """Give up an upload; the bucket's lifecycle rule removes what cannot be aborted now."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
        except (ClientError, BotoCoreError):
            return

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in order."""
        yield from (key for key, _ in self.dated_keys(prefix))

    def dated_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys that begin with `prefix`, in order, and when each was last written (S3 tells whole seconds)."""
        with _translated(f"listing s3://{self.bucket}/{prefix}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield found["Key"], found["LastModified"]

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders whose names begin with `prefix`, each ending in a slash, in order."""
        with _translated(f"listing s3://{self.bucket}/{prefix}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                yield from (found["Prefix"] for found in page.get("CommonPrefixes", ()))

    def remove(self, keys: Sequence[str]) -> None:
        """Delete objects, a thousand a call; those that are gone already are no error."""
        for begin in range(0, len(keys), 1000):
            chunk = [{"Key": key} for key in keys[begin : begin + 1000]]
            with _translated(f"deleting {len(chunk)} objects from s3://{self.bucket}"):
                self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": chunk, "Quiet": True})  # type: ignore[typeddict-item]  # the stubs want their own TypedDict

    def remove_prefix(self, prefix: str) -> None:
        """Delete every object whose key begins with `prefix`."""
        self.remove(list(self.keys(prefix)))


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing) from error


def _status(error: BaseException) -> int | None:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] if isinstance(error, ClientError) else None
