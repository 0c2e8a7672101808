"""The SQS queues: work (FIFO), its dead letters, and the dead letters of requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import error_code, translate
from tidegate.errors import RetriableError
from tidegate.immutable import dataclass
from tidegate.job import Task

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH = 10
LONGEST_VISIBILITY = 43_200
_NOT_IN_HAND = frozenset(
    {
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
    }
)
"""What SQS says of a message that is visible again, or with somebody else."""


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """One FIFO message per operation, one group per (export, study)."""

    client: SQSClient
    url: str

    def send(self, tasks: Sequence[Task], dispatch: int) -> None:
        """Send each task once per dispatch number: the queue drops a repeat within its 5 minutes.

        Raises RetriableError if any was not taken; the others may have been, which a repeat does not mind.
        """
        for begin in range(0, len(tasks), BATCH):
            chunk = tasks[begin : begin + BATCH]
            with translated_sqs("sending work"):
                answer = self.client.send_message_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {
                            "Id": str(number),
                            # ASCII, because SQS refuses some characters that a study's id may have.
                            "MessageBody": json.dumps(task.body()),
                            "MessageGroupId": task.group,
                            "MessageDeduplicationId": f"{task.operation_id}-{dispatch}",
                        }
                        for number, task in enumerate(chunk)
                    ],
                )
            if answer.get("Failed"):
                first = answer["Failed"][0]
                raise RetriableError(f"{len(answer['Failed'])} work messages were not taken: {first['Code']}.")


@dataclass(frozen=True, slots=True)
class WorkMessage:
    """A message of the work queue that a worker has in hand."""

    client: SQSClient
    url: str
    receipt: str

    def hide(self, seconds: int) -> None:
        """Make the message invisible for so long from now; 0 gives it back to the head of its group.

        One that came to another worker meanwhile, because this one was slow, is left to it: the lease keeps them apart,
        so that is no reason to fail an operation.
        """
        with translated_sqs("changing a message's visibility"):
            try:
                self.client.change_message_visibility(
                    QueueUrl=self.url, ReceiptHandle=self.receipt, VisibilityTimeout=min(seconds, LONGEST_VISIBILITY)
                )
            except ClientError as error:
                if error_code(error) not in _NOT_IN_HAND:
                    raise


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A dead-letter queue."""

    client: SQSClient
    url: str

    def keep(self, body: str, error_code: str, error_message: str) -> None:
        """Keep a refused request: its body unchanged, and why it was refused as attributes."""
        attributes = {"errorCode": error_code, "errorMessage": error_message[:2000]}
        with translated_sqs("keeping a refused request"):
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": _sendable(text)} for name, text in attributes.items()
                },
            )

    def peek(self, most: int, seconds: int = 30) -> Iterator[Mapping[str, Any]]:
        """Look at up to `most` messages and give them all back."""
        seen: list[str] = []
        try:
            while len(seen) < most:
                with translated_sqs("reading dead letters"):
                    found = self.client.receive_message(
                        QueueUrl=self.url,
                        MaxNumberOfMessages=BATCH,
                        VisibilityTimeout=seconds,
                        WaitTimeSeconds=0,
                        MessageSystemAttributeNames=["MessageDeduplicationId"],
                    ).get("Messages", [])
                if not found:
                    break
                seen.extend(message["ReceiptHandle"] for message in found)
                for message in found:
                    yield {
                        "id": message["MessageId"],
                        "body": message["Body"],
                        "deduplication": message.get("Attributes", {}).get("MessageDeduplicationId", ""),
                    }
        finally:
            for receipt in seen:
                with translated_sqs("giving a dead letter back"):
                    self.client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)


def _sendable(text: str) -> str:
    """The text without the characters that SQS refuses in an attribute (control characters, lone surrogates)."""
    kept = "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?"
        for c in text
    )
    return kept or "?"


@contextmanager
def translated_sqs(doing: str) -> Iterator[None]:
    """Turns botocore's errors into Tidegate's."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing) from error
