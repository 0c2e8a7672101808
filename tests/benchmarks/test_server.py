"""The server speaks to boto3 over TLS as DynamoDB and S3 do, and takes no upload whose checksum is wrong."""

from __future__ import annotations

import io
import json
import ssl
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

from benchmarks import records
from benchmarks.conftest import Served
from benchmarks.measure import REGION
from benchmarks.pages import PAGE_RECORDS

COUNT = PAGE_RECORDS + 10
AS_OF_DYNAMODB = {
    "server", "date", "content-type", "content-length", "connection", "x-amzn-requestid", "x-amz-crc32"
}  # fmt: skip


def client(served: Served, service: Any, **options: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=served.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
        **{"verify": str(served.authority), **options},
    )


def test_a_client_reads_a_study_to_its_end_with_botocores_own_checksum_test(served: Served) -> None:
    pages = client(served, "dynamodb").get_paginator("query").paginate(
        TableName=records.TABLE,
        IndexName=records.INDEX,
        KeyConditionExpression="studyId = :s AND uploadedOn BETWEEN :low AND :high",
        ExpressionAttributeValues={
            ":s": {"S": records.study(COUNT)},
            ":low": {"N": str(records.millis(0))},
            ":high": {"N": str(records.millis(COUNT))},
        },
    )  # fmt: skip
    found = [(page["Count"], page["ResponseMetadata"]["HTTPHeaders"].keys()) for page in pages]
    assert [count for count, _ in found] == [PAGE_RECORDS, 10]
    assert all(headers == AS_OF_DYNAMODB for _, headers in found)


def test_a_client_that_does_not_know_the_authority_does_not_trust_the_server(served: Served) -> None:
    with pytest.raises(SSLError):
        client(served, "dynamodb", verify=True).describe_table(TableName=records.TABLE)


def test_an_unknown_call_is_refused(served: Served) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        client(served, "dynamodb").list_tables()


@pytest.mark.parametrize("body", [b"whole", io.BytesIO(b"whole")], ids=["bytes", "stream"])
def test_an_object_that_was_put_can_be_read_back(served: Served, body: Any) -> None:
    s3 = client(served, "s3")
    s3.put_object(Bucket="bucket", Key="a/b", Body=body)
    assert s3.get_object(Bucket="bucket", Key="a/b")["Body"].read() == b"whole"


def test_an_upload_in_parts_is_put_together_from_uploads_and_copies(served: Served) -> None:
    s3 = client(served, "s3")
    s3.put_object(Bucket="bucket", Key="piece", Body=b"first ")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="whole")["UploadId"]
    here = {"Bucket": "bucket", "Key": "whole", "UploadId": upload}
    copied = s3.upload_part_copy(**here, PartNumber=1, CopySource={"Bucket": "bucket", "Key": "piece"})
    sent = s3.upload_part(**here, PartNumber=2, Body=b"second")
    parts = [
        {"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]},
        {"PartNumber": 2, "ETag": sent["ETag"]},
    ]
    s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="bucket", Key="whole")["Body"].read() == b"first second"


def test_an_upload_whose_checksum_is_wrong_is_refused(served: Served) -> None:
    with pytest.raises(ClientError, match="BadDigest"):
        client(served, "s3").put_object(Bucket="bucket", Key="bad", Body=b"data", ChecksumCRC32="AAAAAA==")


def test_an_upload_without_a_checksum_is_refused(served: Served) -> None:
    request = urllib.request.Request(f"{served.endpoint}/bucket/none", b"data", method="PUT")  # noqa: S310
    trusted = ssl.create_default_context(cafile=str(served.authority))
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, context=trusted)  # noqa: S310


def test_uploads_are_counted_and_what_is_beyond_the_keep_is_dropped(served: Served) -> None:
    before = dict(served.service.sink.counts)
    client(served, "s3").put_object(Bucket="bucket", Key="counted", Body=b"12345")
    trusted = ssl.create_default_context(cafile=str(served.authority))
    with urllib.request.urlopen(f"{served.endpoint}/-/counts", context=trusted) as answer:  # noqa: S310
        counts = json.loads(answer.read())
    assert counts["uploads"] == before["uploads"] + 1
    assert counts["uploadedBytes"] == before["uploadedBytes"] + 5
