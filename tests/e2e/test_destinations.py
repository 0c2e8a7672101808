"""Other buckets and SFTP on the whole stack, with the roles enforced: what the worker may reach, it delivers to."""

import json
from contextlib import suppress

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
    with suppress(outsider.s3.exceptions.BucketAlreadyOwnedByYou):
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


@pytest.mark.skipif(not openssh.installed(), reason=openssh.MISSING)
def test_what_has_arrived_is_not_sent_again_when_the_destination_that_failed_is_redriven(
    stack: LocalStack, outsider: Outsider
) -> None:
    outsider.put_study("half-delivered")
    outsider.put_records(record("half-delivered", "only", START))
    secret = "tidegate/half"
    secrets = stack.session.client("secretsmanager", endpoint_url=stack.endpoint_url)
    with suppress(outsider.s3.exceptions.BucketAlreadyOwnedByYou):
        outsider.s3.create_bucket(Bucket=BUCKET)
    with openssh.serving() as server, openssh.serving() as other:
        inbox = server.inbox()
        secrets.create_secret(Name=secret, SecretString=json.dumps(server.secret))
        sftp = {
            "type": "SFTP",
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "sftpDetailsKey": secret,
            "directory": str(inbox),
        }
        places = [{"type": "S3", "bucket": BUCKET, "prefix": "half/{study}/{window}"}]
        outsider.define("halves", destinations=[*places, {**sftp, "hostKeys": [other.host_key]}])
        request = {"exportType": "DAILY", "endDateTime": END, "studyWhitelist": ["half-delivered"], "export": "halves"}
        (failed,) = outsider.ended(outsider.send(request))
        assert (failed["state"], failed["error"]["code"]) == ("FAILED", "HOST_KEY_MISMATCH")
        before = outsider.s3.list_objects_v2(Bucket=BUCKET, Prefix="half/")["Contents"]

        outsider.define("halves", destinations=[*places, {**sftp, "hostKeys": [server.host_key]}])
        outsider.told("redrive", "delivery", failed["operationId"], "--yes", "--wait")

        (ended,) = outsider.operations(failed["requestId"])
        assert ended["state"] == "SUCCEEDED"
        assert len(list(inbox.iterdir())) == 1
        assert len(before) == 2
        assert outsider.s3.list_objects_v2(Bucket=BUCKET, Prefix="half/")["Contents"] == before
