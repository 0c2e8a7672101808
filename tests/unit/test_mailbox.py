"""What stands for SES on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tidegate_local.mailbox import LOST, MOST_RECIPIENTS, Mailbox


def client(mailbox: Mailbox) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-2")
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return session.client("sesv2", endpoint_url=mailbox.endpoint_url, config=config)


def send(mailbox: Mailbox, raw: bytes = b"Subject: x\r\n\r\nHello", recipients: int = 1) -> str:
    answer = client(mailbox).send_email(
        FromEmailAddress="a@b.example",
        Destination={"BccAddresses": [f"p{number}@x.example" for number in range(recipients)]},
        Content={"Raw": {"Data": raw}},
        EmailTags=[{"Name": "n", "Value": "v"}],
    )
    return str(answer["MessageId"])


def test_messages_are_kept_as_they_came_and_as_files_for_mail_programs(tmp_path: Path) -> None:
    with Mailbox(folder=tmp_path / "mail") as mailbox:
        ids = [send(mailbox, b"one"), send(mailbox, b"two")]
    assert [(arrived.message_id, arrived.raw) for arrived in mailbox.messages()] == list(
        zip(ids, (b"one", b"two"), strict=True)
    )
    assert [file.read_bytes() for file in sorted((tmp_path / "mail").iterdir())] == [b"one", b"two"]
    assert mailbox.messages()[0].tags == {"n": "v"}


def test_more_recipients_than_ses_takes_are_refused() -> None:
    with Mailbox() as mailbox:
        send(mailbox, recipients=MOST_RECIPIENTS)
        with pytest.raises(ClientError, match="BadRequestException"):
            send(mailbox, recipients=MOST_RECIPIENTS + 1)
        assert len(mailbox.messages()) == 1


def test_a_lost_answer_is_that_of_a_message_that_was_taken_and_a_refused_one_was_not() -> None:
    with Mailbox() as mailbox:
        mailbox.strike = lambda _message: LOST
        with pytest.raises(ConnectionClosedError):
            send(mailbox)
        mailbox.strike = lambda _message: "MessageRejected"
        with pytest.raises(ClientError, match="MessageRejected"):
            send(mailbox)
        assert len(mailbox.messages()) == 1
