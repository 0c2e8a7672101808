"""Override files: which object is meant, that its version is pinned, what its lines mean (SPEC 2 and 7)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tidegate.errors import FatalError, RejectedError, RetriableError
from tidegate.model import ObjectRef
from tidegate.override import MOST_IDS, freeze, locate, parse, read

ETAG = '"9b2cf535f27731c974343645a3985328"'


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("ids.txt", "exports", "ids.txt"),
        ("a/b c/ids.txt", "exports", "a/b c/ids.txt"),
        ("s3://exports/a/ids.txt", "exports", "a/ids.txt"),
        ("s3://partner/ids.txt", "partner", "ids.txt"),
    ],
)
def test_a_key_is_in_the_export_bucket_and_a_url_in_an_allowed_one(text: str, bucket: str, key: str) -> None:
    assert locate(text, "exports", ("partner",)) == ObjectRef(bucket, key)


@pytest.mark.parametrize("text", ["s3://stranger/ids.txt", "s3://exports", "s3://exports/", "s3://", "", "k" * 1025])
def test_any_other_place_is_not_found(text: str) -> None:
    with pytest.raises(RejectedError, match="recordIdS3Override") as caught:
        locate(text, "exports", ("partner",))
    assert caught.value.code == "OVERRIDE_NOT_FOUND"
    assert caught.value.remedy


@pytest.fixture
def s3() -> Any:
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def stub(s3: Any) -> Iterator[Stubber]:
    with Stubber(s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def head(size: int = 5, **more: Any) -> dict[str, Any]:
    return {"ContentLength": size, "ETag": ETAG, "LastModified": datetime(2026, 1, 1, tzinfo=UTC), **more}


@pytest.mark.parametrize(
    ("version", "pinned"), [({"VersionId": "v1"}, "v1"), ({"VersionId": "null"}, None), ({}, None)]
)
def test_freezing_pins_the_version_and_the_etag(s3: Any, stub: Stubber, version: Any, pinned: str | None) -> None:
    stub.add_response("head_object", head(**version), {"Bucket": "b", "Key": "k"})
    assert freeze(s3, ObjectRef("b", "k")) == ObjectRef("b", "k", pinned, ETAG)


@pytest.mark.parametrize("status", [403, 404])
def test_an_object_that_is_missing_or_forbidden_is_not_found(s3: Any, stub: Stubber, status: int) -> None:
    stub.add_client_error("head_object", str(status), http_status_code=status)
    with pytest.raises(RejectedError) as caught:
        freeze(s3, ObjectRef("b", "k"))
    assert caught.value.code == "OVERRIDE_NOT_FOUND"
    assert "s3://b/k" in caught.value.message


@pytest.mark.parametrize("call", ["head_object", "get_object"])
def test_an_s3_that_is_away_is_tried_again(s3: Any, stub: Stubber, call: str) -> None:
    stub.add_client_error(call, "SlowDown", http_status_code=503)
    with pytest.raises(RetriableError, match="s3://b/k"):
        (freeze if call == "head_object" else read)(s3, ObjectRef("b", "k", None, ETAG))


def test_a_file_that_is_far_too_large_is_refused_unread(s3: Any, stub: Stubber) -> None:
    stub.add_response("head_object", head(10_000_000_000))
    with pytest.raises(RejectedError, match="too many for 100000 ids"):
        freeze(s3, ObjectRef("b", "k"))


def test_the_frozen_version_is_what_is_read(s3: Any, stub: Stubber) -> None:
    body = {"Body": StreamingBody(io.BytesIO(b"a\nb\n"), 4)}
    expected = {"Bucket": "b", "Key": "k", "VersionId": "v1", "IfMatch": ETAG}
    stub.add_response("get_object", body, expected)
    assert read(s3, ObjectRef("b", "k", "v1", ETAG)) == [("a",), ("b",)]


@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("NoSuchVersion", 404), ("NoSuchKey", 404)])
def test_a_file_that_has_changed_since_is_not_read(s3: Any, stub: Stubber, code: str, status: int) -> None:
    stub.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(FatalError) as caught:
        read(s3, ObjectRef("b", "k", None, ETAG))
    assert caught.value.code == "OVERRIDE_CHANGED"


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"", []),
        (b"a", [("a",)]),
        (b"a\nb\n", [("a",), ("b",)]),
        (b"\xef\xbb\xbfa\r\n\r\n  \r\nb\r\n", [("a",), ("b",)]),
        (b"b\na\nb\n", [("b",), ("a",)]),
        ('["a", "1"]\n[ "a" , 1 ]\n["ü\\n", 1.50]'.encode(), [("a", "1"), ("ü\n", "1.50")]),
        (b'[12345678901234567890123456789012345678, "x"]', [("12345678901234567890123456789012345678", "x")]),
        (b'{"key": [" a"], "table": "", "reason": "x"}\n{"key": ["a", "1"]}', [(" a",), ("a", "1")]),
        (b'{"key": []}\n{"key": [1]}\n{"a"', [('{"key": []}',), ('{"key": [1]}',), ('{"a"',)]),
        (b'["a"]\n["a", null]', [('["a"]',), ('["a", null]',)]),
        (b'[NaN, "a"]\n[not json\n[1]2', [('[NaN, "a"]',), ("[not json",), ("[1]2",)]),
        ("a\u2028b\x0bc\nd".encode(), [("a\u2028b\x0bc",), ("d",)]),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_lines_of_a_file_are_keys_however_they_arrive(data: bytes, keys: list[Any], size: int) -> None:
    assert parse(data[at : at + size] for at in range(0, len(data), size)) == keys


def test_as_many_ids_as_allowed_are_read_and_one_more_is_refused() -> None:
    lines = b"".join(b"r%d\n" % n for n in range(MOST_IDS))
    assert len(parse([lines, lines])) == MOST_IDS
    with pytest.raises(RejectedError, match="more than 100000 ids") as caught:
        parse([lines, b"one more"])
    assert caught.value.code == "INVALID_FIELD"


@pytest.mark.parametrize("data", [b"a\n\xff\n", b"x" * 40_000, b"PK\x03\x04\x00\xfe"])
def test_what_is_no_text_of_ids_is_refused(data: bytes) -> None:
    with pytest.raises(RejectedError, match="recordIdS3Override"):
        parse([data])


def test_deep_nesting_is_an_id_that_nobody_has_and_no_crash() -> None:
    assert parse([b"[" * 30_000]) == [("[" * 30_000,)]
