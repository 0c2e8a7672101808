"""Both dead-letter queues as a person sees them: list, show, drop, send again.

SQS has no way to look at one message: whoever looks receives what there is and gives it back. So every look here is
bounded, holds what it has seen for a short while only, and gives back all that it did not delete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate import schedule
from tidegate.errors import RejectedError, TidegateError
from tidegate.immutable import dataclass
from tidegate.instants import from_millis
from tidegate.json_text import LIMIT_BYTES, readable_fields
from tidegate.queues import BATCH, translated_sqs
from tidegate.redrive import DeadQueue
from tidegate.ulid import is_ulid

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef, MessageTypeDef

MOST_LETTERS = 1000
HOLD_SECONDS = 120
CRASHED = "CRASHED"
"""The reason of a letter that carries none: whoever received it died, again and again."""
_REASONS = (("errorCode", "errorMessage"), ("ERROR_CODE", "ERROR_MESSAGE"))
"""How intake and EventBridge Scheduler name a letter's reason in its attributes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `sent_at` is when its message was first sent; `group` and `deduplication` are a FIFO queue's."""

    queue: DeadQueue
    letter_id: str
    body: str
    reason: str
    message: str
    sent_at: datetime
    receipt: str
    group: str | None = None
    deduplication: str | None = None

    @property
    def operation_id(self) -> str | None:
        """The operation that a work message names; None in any other letter."""
        named = readable_fields(self.body).get("operationId") if self.queue is DeadQueue.WORK else None
        return named if isinstance(named, str) and is_ulid(named) else None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has found: the letters in the order in which they were sent, and how many the queue holds in all.

    `there` is SQS's own count and approximate. It is larger than the number of letters where somebody else looks at the
    same time, where there are more than a look may hold, or behind the first ten of a FIFO group.
    """

    letters: Sequence[Letter]
    there: int


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """One dead-letter queue, and the queue from which its letters came.

    `wait_seconds` is how long SQS looks on all its servers before it says that there is nothing more.
    """

    client: SQSClient
    name: DeadQueue
    url: str
    source_url: str
    wait_seconds: int = 1

    @contextmanager
    def look(self, most: int = MOST_LETTERS) -> Iterator[Look]:
        """Up to `most` letters, which nobody else sees inside the `with` block (for 2 minutes at most).

        All are given back at its end, but for those that `drop` or `send` has deleted meanwhile.
        """
        there = self._there()
        letters: list[Letter] = []
        try:
            while len(letters) < most:
                found = self._receive()
                if not found:
                    break
                letters += [self._letter(message) for message in found]
            yield Look(sorted(letters, key=lambda letter: (letter.sent_at, letter.letter_id)), there)
        finally:
            self._give_back(letters)

    def drop(self, letter: Letter) -> None:
        """Delete a letter of the present look for good."""
        with translated_sqs("dropping a dead letter"):
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=letter.receipt)

    def send(self, letter: Letter) -> None:
        """Send a letter of the present look to the queue it came from, then delete it; never the other way round.

        Body, group and de-duplication id are kept. Where the deletion fails the letter stays, and may be sent twice,
        which every receiver bears. Raises RejectedError where the letter cannot be sent as a message.
        """
        sendable = self.sendable(letter)
        extra: dict[str, Any] = {}
        if self.name is DeadQueue.WORK:
            extra = {"MessageGroupId": sendable.group, "MessageDeduplicationId": sendable.deduplication}
        with translated_sqs("sending a dead letter again"):
            self.client.send_message(QueueUrl=self.source_url, MessageBody=sendable.body, **extra)
        self.drop(letter)

    def sendable(self, letter: Letter) -> Letter:
        """The letter as it would be sent again.

        A failed call of the function itself, such as a schedule's, lies there inside Lambda's own fields, which no
        request may have: it becomes the request that the call stands for, under the id that the call had. Every other
        letter keeps its body to the byte. Raises RejectedError where it cannot be sent.
        """
        if self.name is DeadQueue.WORK:
            return letter
        payload: Any = readable_fields(letter.body)
        if "requestPayload" in payload and "requestContext" in payload:
            payload = _called_with(payload)
            letter = replace(letter, body=json.dumps(payload))
        if isinstance(payload, Mapping) and "schedule" in payload:
            letter = replace(letter, body=json.dumps(schedule.message(payload)))
        if len(letter.body.encode()) > LIMIT_BYTES:
            raise RejectedError(
                f"The letter {letter.letter_id} has more than {LIMIT_BYTES} bytes, which no request may have.",
                code="MALFORMED",
                remedy="Split what it asks for into several requests, send those, and drop the letter.",
            )
        return letter

    def _there(self) -> int:
        with translated_sqs("counting dead letters"):
            attributes = self.client.get_queue_attributes(
                QueueUrl=self.url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(map(int, attributes.values()))

    def _receive(self) -> Sequence[MessageTypeDef]:
        with translated_sqs("reading dead letters"):
            return self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HOLD_SECONDS,
                WaitTimeSeconds=self.wait_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])

    def _letter(self, message: MessageTypeDef) -> Letter:
        system = message.get("Attributes", {})
        found = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
        reason, text = next(
            ((found[code], found.get(told, "")) for code, told in _REASONS if found.get(code)), (CRASHED, "")
        )
        return Letter(
            self.name,
            message["MessageId"],
            message["Body"],
            reason,
            text,
            from_millis(int(system.get("SentTimestamp", "0"))),
            message["ReceiptHandle"],
            system.get("MessageGroupId"),
            system.get("MessageDeduplicationId"),
        )

    def _give_back(self, letters: Sequence[Letter]) -> None:
        """Make every letter visible again; one that cannot be given back now is visible by itself soon."""
        for begin in range(0, len(letters), BATCH):
            entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(letters[begin : begin + BATCH])
            ]
            # The answer names those that were deleted in between, which is no error.
            with suppress(TidegateError), translated_sqs("giving dead letters back"):
                self.client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)


def _called_with(record: Mapping[str, Any]) -> Any:
    """The payload of the failed call that Lambda's record tells of; its id was the requestId if it brought none."""
    payload, context = record["requestPayload"], record["requestContext"]
    call_id = context.get("requestId") if isinstance(context, Mapping) else None
    if not isinstance(payload, Mapping) or "schedule" in payload or not call_id:
        return payload
    return {"requestId": call_id, **payload}


def chosen(letters: Sequence[Letter], ids: Sequence[str], reason: str | None) -> list[Letter]:
    """The letters that were named by id, or by a reason, or (where neither is given) all.

    Raises RejectedError for an id that is not among them.
    """
    known = {letter.letter_id for letter in letters}
    unknown = [letter_id for letter_id in ids if letter_id not in known]
    if unknown:
        raise RejectedError(
            f"There is no dead letter {unknown[0]} to be seen.",
            code="UNKNOWN_LETTER",
            remedy="'tidegate redrive dead-letters list' shows them; one that somebody else looks at is seen two"
            " minutes later.",
        )
    return [
        letter
        for letter in letters
        if (not ids or letter.letter_id in ids) and (reason is None or letter.reason == reason.upper())
    ]
