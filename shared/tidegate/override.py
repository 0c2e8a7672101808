"""Override files: the record ids that a request names in S3, one a line, pinned to one version at acceptance."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import status, translate, translated
from tidegate.errors import FatalError, RejectedError
from tidegate.model import ObjectRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Key: TypeAlias = tuple[str, ...]

MOST_IDS = 100_000
_FIELD = "recordIdS3Override"
_CHUNK = 1 << 20
_LONGEST_LINE = 32_768
"""Far more than the 3 KB that a key can have, escaped as JSON."""
_LONGEST_OBJECT_KEY = 1_024
_MOST_BYTES = MOST_IDS * 4_096


def locate(text: str, export_bucket: str, allowed: Collection[str]) -> ObjectRef:
    """The object that a request's `recordIdS3Override` names: a key in the export bucket, or s3://bucket/key.

    Raises RejectedError (OVERRIDE_NOT_FOUND) for a bucket that is neither the export bucket nor one of `allowed`.
    """
    bucket, key = export_bucket, text
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
    if bucket != export_bucket and bucket not in allowed:
        raise _not_found(
            f"bucket {bucket} is neither the export bucket nor one of the parameter OverrideBuckets",
            "Copy the file to the export bucket, or name its bucket in OverrideBuckets.",
        )
    if not 0 < len(key.encode("utf-8", "surrogatepass")) <= _LONGEST_OBJECT_KEY:
        raise _not_found(f"{text[:200]} names no object", "Give a key, or s3://bucket/key.")
    return ObjectRef(bucket, key)


def freeze(s3: S3Client, ref: ObjectRef) -> ObjectRef:
    """The same object pinned to the version it has now, or to its ETag where the bucket has no versions.

    Raises RejectedError: OVERRIDE_NOT_FOUND where it is missing or may not be read, INVALID_FIELD where it is far too
    large; RetriableError where S3 is away.
    """
    try:
        head = s3.head_object(Bucket=ref.bucket, Key=ref.key)
    except (BotoCoreError, ClientError) as error:
        # Without the right to list the bucket, S3 answers 403 for a missing object too.
        if isinstance(error, ClientError) and status(error) in (403, 404):
            raise _not_found(
                f"s3://{ref.bucket}/{ref.key} does not exist or may not be read",
                "Check the key, and that Tidegate may read the bucket.",
            ) from error
        raise translate(error, f"Looking at s3://{ref.bucket}/{ref.key}") from error
    if head["ContentLength"] > _MOST_BYTES:
        raise RejectedError(
            f"{_FIELD}: s3://{ref.bucket}/{ref.key} has {head['ContentLength']} bytes, too many for {MOST_IDS} ids.",
            remedy="Split the file and send one request for each.",
        )
    version = head.get("VersionId")
    # A version named "null" is overwritten by the next upload: only the ETag tells that.
    return ObjectRef(ref.bucket, ref.key, None if version in (None, "null") else version, head["ETag"])


def read(s3: S3Client, ref: ObjectRef) -> list[Key]:
    """The ids of a frozen override file, in its order, each once.

    Raises RejectedError as `parse` does; FatalError (OVERRIDE_CHANGED) when that version is no longer there;
    RetriableError when S3 is away.
    """
    pinned: dict[str, Any] = {"VersionId": ref.version_id} if ref.version_id else {}
    if ref.etag:
        pinned["IfMatch"] = ref.etag
    doing = f"Reading s3://{ref.bucket}/{ref.key}"
    try:
        body = s3.get_object(Bucket=ref.bucket, Key=ref.key, **pinned)["Body"]
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and status(error) in (404, 412):
            raise FatalError(
                f"The override file s3://{ref.bucket}/{ref.key} has changed since the request was accepted.",
                code="OVERRIDE_CHANGED",
                remedy="Send a new request for the file as it is now.",
            ) from error
        raise translate(error, doing) from error
    with translated(doing):
        return parse(body.iter_chunks(_CHUNK))


def parse(chunks: Iterable[bytes]) -> list[Key]:
    """The ids of an override file: one a line, a JSON array of two for a composite key; in order, each once.

    A byte order mark, CRLF, blank lines, blanks round an id and repeated ids do no harm. A line of a redrive list names
    its `key`, whatever that holds. Any other line that is no JSON array of two strings or numbers is one id as it
    stands. Raises RejectedError (INVALID_FIELD) for more than 100,000
    different ids, or a file that is not UTF-8 text.
    """
    found: dict[Key, None] = {}
    for number, line in enumerate(_lines(chunks), start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise RejectedError(
                f"{_FIELD}: line {number} of the file is not UTF-8.", remedy="Save the file as UTF-8 text."
            ) from None
        if not text:
            continue
        found[_key(text)] = None
        if len(found) > MOST_IDS:
            raise RejectedError(
                f"{_FIELD}: the file has more than {MOST_IDS} ids.", remedy="Split it and send one request for each."
            )
    return list(found)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        yield from whole
        if len(pending) > _LONGEST_LINE:
            raise RejectedError(
                f"{_FIELD}: the file has a line of more than {_LONGEST_LINE} bytes.", remedy="Give one id a line."
            )
    yield pending


def _key(line: str) -> Key:
    if line.startswith("{"):
        return _listed_key(line) or (line,)
    if line.startswith("["):
        try:
            # Numbers stay text: a float would lose digits of an id.
            values = json.loads(line, parse_int=str, parse_float=str, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return (line,)
        if len(values) == 2 and all(isinstance(value, str) for value in values):
            return tuple(values)
    return (line,)


def _listed_key(line: str) -> Key | None:
    """The key of a redrive list's line; None where this is none."""
    try:
        key = json.loads(line)["key"]
    except (ValueError, KeyError, RecursionError):
        return None
    if isinstance(key, list) and len(key) in (1, 2) and all(isinstance(value, str) and value for value in key):
        return tuple(key)
    return None


def _no_number(text: str) -> Mapping[str, str]:
    return {"": text}


def _not_found(what: str, remedy: str) -> RejectedError:
    return RejectedError(f"{_FIELD}: {what}.", code="OVERRIDE_NOT_FOUND", remedy=remedy)
