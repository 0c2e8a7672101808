"""E-mails on the whole stack, with the roles enforced: attached, or by a link that can be followed."""

import json
import re
from urllib.request import urlopen

from destinations.post import Letter
from e2e.outsider import Outsider, record
from tidegate_local.stack import LocalStack

START, END = "2025-07-01T00:00:00Z", "2025-07-02T00:00:00Z"


def test_an_export_arrives_in_mailboxes_attached_and_by_a_link_that_works(
    stack: LocalStack, outsider: Outsider
) -> None:
    assert stack.mailbox is not None
    outsider.put_study("mailed")
    outsider.put_records(*(record("mailed", str(number), START) for number in range(3)))
    to = [{"address": "desk@example.org", "name": "Empfänger, Änne"}]
    linked = {"type": "EMAIL", "to": to, "attach": {"maxBytes": 0}}
    outsider.define("mailing", destinations=[{"type": "EMAIL", "to": to}, linked])
    probed = outsider.told("destinations", "test", "mailing")
    assert [found["ok"] for found in probed] == [True, True, True]

    operation = outsider.export_daily("mailed", END, export="mailing")

    receipts = operation["result"]["receipts"]
    assert [receipt["outcome"] for receipt in receipts] == ["DELIVERED"] * 3
    key = str(operation["result"]["manifest"]["key"]).rpartition("/")[0] + "/part-00001.csv.gz"
    part = stack.s3.get_object(Bucket=outsider.outputs["ExportBucketName"], Key=key)["Body"].read()
    sent = {message["messageId"] for receipt in receipts[1:] for message in receipt["messages"]}
    first, second = (Letter(arrived) for arrived in stack.mailbox.messages() if arrived.message_id in sent)
    assert first.people("To") == [("Empfänger, Änne", "desk@example.org")]
    assert list(first.attachments.values()) == [part]
    (link,) = re.findall(r"http://\S+", second.text)
    assert link.startswith(stack.endpoint_url)
    with urlopen(link) as answer:  # noqa: S310  the emulator's own address
        assert answer.read() == part

    event = {"source": "aws.ses", "detail-type": "Email Sent", "detail": {"mail": {"messageId": "x", "tags": {}}}}
    intake = outsider.outputs["IntakeFunctionName"]
    told = stack.functions.invoke(FunctionName=intake, Payload=json.dumps(event).encode())["Payload"].read()
    assert json.loads(told) == {"kept": False}
