"""Other buckets and SFTP on the whole stack, with the roles enforced: what the worker may reach, it delivers to."""

import json

import pytest

from destinations import openssh
from e2e.outsider import Outsider, record
from tidegate_local.stack import LocalStack
from tidegate_local.waiting import wait_for

BUCKET = "partner-files"
SECRET = "tidegate/partner"
START, END = "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z"


@pytest.mark.skipif(not openssh.installed(), reason=openssh.MISSING)
def test_an_export_arrives_in_another_bucket_and_by_sftp_with_a_receipt_each(
    stack: LocalStack, outsider: Outsider
) -> None:
    outsider.put_study("delivered")
    outsider.put_records(*(record("delivered", str(number), START) for number in range(3)))
    outsider.s3.create_bucket(Bucket=BUCKET)
    secrets = stack.session.client("secretsmanager", endpoint_url=stack.endpoint_url)
    with openssh.serving() as server:
        inbox = server.inbox()
        secrets.create_secret(Name=SECRET, SecretString=json.dumps({"privateKey": server.private_key}))
        sftp = {
            "type": "SFTP",
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "sftpDetailsKey": SECRET,
            "hostKeys": [server.host_key],
            "directory": str(inbox),
        }
        outsider.define("delivering", destinations=[{"type": "S3"}, {"type": "S3", "bucket": BUCKET}, sftp])
        outsider.define("not-named", destinations=[{"type": "S3", "bucket": "not-in-the-parameters"}])

        probed = outsider.told("destinations", "test", "delivering")
        assert [(found["destination"], found["ok"]) for found in probed] == [
            ("S3", True),
            ("S3-2", True),
            ("SFTP", True),
        ]
        (_, refused) = outsider.told("destinations", "test", "not-named", status=1)
        assert "DestinationBuckets" in refused["findings"][0]["remedy"]

        operation = outsider.export_daily("delivered", END, export="delivering")

        receipts = operation["result"]["receipts"]
        assert [(receipt["destination"], receipt["outcome"]) for receipt in receipts] == [
            ("S3", "DELIVERED"),
            ("S3-2", "DELIVERED"),
            ("SFTP", "DELIVERED"),
        ]
        wait_for(lambda: "announcements" not in outsider.operations(operation["requestId"])[0], what="the event")
        key = str(operation["result"]["manifest"]["key"])
        part = f"{key.rpartition('/')[0]}/part-00001.csv.gz"
        (arrived,) = inbox.iterdir()
        sent = outsider.s3.get_object(Bucket=BUCKET, Key=part)["Body"].read()
        assert arrived.read_bytes() == sent
        assert outsider.s3.get_object(Bucket=outsider.outputs["ExportBucketName"], Key=part)["Body"].read() == sent
        assert outsider.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0
