"""Another bucket, on a simulated AWS: pieces, the role, what is refused."""

from __future__ import annotations

import os
from typing import Any

import pytest

from destinations.samples import DIRECTORY, outgoing
from integration.faults import refused
from integration.resources import REGION
from integration.world import World
from tidegate.definition import destinations
from tidegate.destinations import Outgoing, Tools
from tidegate.destinations.s3 import HASH, PIECE, S3Destination
from tidegate.errors import FatalError, RetriableError

BUCKET = "elsewhere"
KEY = DIRECTORY + "part-00001.csv"
LARGE = os.urandom(1000) * (2 * PIECE // 1000 + 10)


@pytest.fixture
def s3(world: World) -> Any:
    client = world.stack.clients.s3
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def made(world: World, **entry: Any) -> S3Destination:
    return S3Destination(destinations([{"type": "S3", "bucket": BUCKET, **entry}])[1], Tools(world.stack.clients.make))


def deliver(world: World, file: Outgoing, **entry: Any) -> None:
    assert made(world, **entry).send(file, None, lambda: False).done is True


def stored(s3: Any, key: str = KEY) -> Any:
    return s3.get_object(Bucket=BUCKET, Key=key)


def test_a_small_file_is_put_whole_and_described(world: World, s3: Any) -> None:
    file = outgoing(b"a,b\r\n")
    deliver(world, file)
    found = stored(s3)
    assert found["Body"].read() == b"a,b\r\n"
    assert (found["ContentType"], found["Metadata"]) == ("text/csv", {HASH: file.sha256})


def test_a_large_file_is_put_in_pieces_and_another_process_goes_on_with_it(world: World, s3: Any) -> None:
    file, point, calls = outgoing(LARGE), None, 0
    while True:
        destination = made(world)
        calls += 1
        if destination.send(file, point, lambda: True).done:
            break
        point = destination.point
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET), "nothing is visible before the end"
    assert calls == 3
    assert stored(s3)["Body"].read() == LARGE


def test_an_upload_that_is_gone_is_begun_anew(world: World, s3: Any) -> None:
    file, destination = outgoing(LARGE), made(world)
    destination.send(file, None, lambda: True)
    point = destination.point
    assert point is not None
    s3.abort_multipart_upload(Bucket=BUCKET, Key=KEY, UploadId=point["uploadId"])
    assert made(world).send(file, point, lambda: False).done is True
    assert stored(s3)["Body"].read() == LARGE


def test_what_has_arrived_before_is_not_written_again(world: World, s3: Any) -> None:
    deliver(world, outgoing(b"x"))
    deliver(world, outgoing(b"x"))
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 1


def test_a_prefix_of_its_own_has_the_files_below_it(world: World, s3: Any) -> None:
    deliver(world, outgoing(b"x", path="table=t/part-00001.csv"), prefix="in/{study}/{date}/{window}")
    (found,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert found["Key"] == "in/a/2026-03-10/20260309T110000.000Z_20260310T110000.000Z/table=t/part-00001.csv"


def test_a_key_of_kms_encrypts_what_is_put(world: World, s3: Any) -> None:
    deliver(world, outgoing(b"x"), kmsKey="arn:aws:kms:eu-west-2:111122223333:key/k")
    found = s3.head_object(Bucket=BUCKET, Key=KEY)
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"][-2:]) == ("aws:kms", "/k")


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_a_part_that_was_changed_is_not_delivered_and_no_upload_is_left(world: World, s3: Any, data: bytes) -> None:
    with pytest.raises(FatalError) as caught:
        deliver(world, outgoing(data, sha256="0" * 64))
    assert caught.value.code == "PART_CHANGED"
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("code", "status", "ours"), [("AccessDenied", 403, "ACCESS_DENIED"), ("NoSuchBucket", 404, "NOT_FOUND")]
)
def test_what_aws_refuses_is_final_and_names_the_place(code: str, status: int, ours: str) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:
            def call(**_: Any) -> Any:
                raise refused(code, name, status=status)

            return call

    destination = S3Destination(destinations([{"type": "S3", "bucket": BUCKET}])[1], Tools(lambda *_, **__: Refusing()))
    with pytest.raises(FatalError, match=f"s3://{BUCKET}/") as caught:
        destination.send(outgoing(b"x"), None, lambda: False)
    assert caught.value.code == ours
    assert "DestinationBuckets" in caught.value.remedy
    (finding,) = destination.probe()
    assert (finding.ok, code in finding.what) == (False, True)


def test_throttling_is_tried_again() -> None:
    class Busy:
        def head_object(self, **_: Any) -> Any:
            raise refused("SlowDown", "HeadObject", status=503)

    destination = S3Destination(destinations([{"type": "S3", "bucket": BUCKET}])[1], Tools(lambda *_, **__: Busy()))
    with pytest.raises(RetriableError):
        destination.send(outgoing(b"x"), None, lambda: False)


def test_a_probe_leaves_nothing_in_the_bucket(world: World, s3: Any) -> None:
    findings = made(world, role="arn:aws:iam::123456789012:role/w", externalId="xx").probe()
    assert [finding.ok for finding in findings] == [True, True]
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
