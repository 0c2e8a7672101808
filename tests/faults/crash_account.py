"""An AWS account in this process: the functions' real handlers, and what AWS does to call them.

Queues redeliver, asynchronous calls are repeated, the tick comes by the clock. A process that dies takes nothing with
it but itself: its message becomes visible again when its time has run out.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from faults.crash_calls import Crash, Process, Wire, tap
from faults.crash_handlers import handler, here
from faults.crash_sequence import in_sequence
from integration.handlers import Context
from integration.resources import REGION, create
from integration.spoiled import HALF_A_PAIR, SPOILED
from integration.test_passes import Pages
from integration.world import DEFAULT, Clock, World
from tidegate.bootstrap import CONFIG, AWSClients, Stack
from tidegate.engine import Engine
from tidegate.errors import TidegateError
from tidegate.model import Definition
from tidegate.sources import Source
from tidegate.sources.dynamodb import DynamoDBSource

RECOVERY = (2, 2, 15, 16, 31, 61, 61, 121)
"""Minutes from tick to tick while things become quiet; after them nothing may be left to do."""
PIECE_BYTES = 100
ENDLESS = 1_000_000
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "a-stack",
    "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}


@dataclass(frozen=True)
class Bounded(Stack):
    """A stack whose pages and passes have a size of the test's choice (0: the product's pages; passes without end).

    A pass is never cut by real time, which goes on while crash points are being played.
    """

    page_records: int = 0
    pages_a_pass: int = 0

    def source_of(self, definition: Definition) -> Source:
        if not self.page_records:
            return super().source_of(definition)
        read = definition.with_table(self.settings.record_table)
        return DynamoDBSource(self.clients.dynamodb, read, page_limit=self.page_records, readers=1)

    def engine(self) -> Engine:
        engine = super().engine()
        return replace(engine, budget=lambda _seconds: Pages(self.pages_a_pass or ENDLESS))


@dataclass
class Account:
    """What a scenario acts on. `counted` are the functions whose calls are counted and struck."""

    world: World
    wire: Wire
    counted: frozenset[str] = frozenset({"intake", "worker", "tick"})
    message_dies: bool = False
    seconds_left: int = 300
    between: Callable[[], None] = lambda: None
    buried: int = 0
    wrongs: list[str] = field(default_factory=list)
    _processes: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def request(self, **body: Any) -> None:
        """Someone puts a request into the request queue."""
        self.request_text(json.dumps(body))

    def request_text(self, body: str) -> None:
        url = self.world.stack.settings.request_queue_url
        self.world.stack.clients.sqs.send_message(QueueUrl=url, MessageBody=body)

    def fire(self, payload: Mapping[str, Any]) -> None:
        """A schedule fires: an asynchronous call of intake, made three times at most."""
        for _ in range(3):
            process = self.invoke("intake", lambda _process: handler("intake")(dict(payload), Context("intake")))
            if process is not None and not process.dead:
                return
            self.world.clock.tick(minutes=1)

    def accept(self, most: int = 10) -> bool:
        """Intake with what is visible in the request queue; False where there is nothing."""
        sqs, url = self.world.stack.clients.sqs, self.world.stack.settings.request_queue_url
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["SentTimestamp", "SenderId"]
        ).get("Messages", [])
        if not found:
            return False
        records = [{"messageId": m["MessageId"], "body": m["Body"], "attributes": m["Attributes"]} for m in found]

        def run(_process: Process) -> None:
            answer = handler("intake")({"Records": records}, Context("intake"))
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            for message in found:
                if message["MessageId"] not in failed:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        self.invoke("intake", run)
        return True

    def work(self, stack: Stack | None = None) -> bool:
        """A worker with the first message that is visible in the work queue; False where there is none."""
        sqs, url = self.world.stack.clients.sqs, self.world.stack.settings.work_queue_url
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, MessageSystemAttributeNames=["MessageDeduplicationId"]
        ).get("Messages", [])
        for message in found:
            self.work_on(message, stack)
        return bool(found)

    def work_on(self, message: Mapping[str, Any], stack: Stack | None = None) -> None:
        """A worker with this message."""
        sqs, url = self.world.stack.clients.sqs, self.world.stack.settings.work_queue_url
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
        }

        def run(_process: Process) -> None:
            context = Context("worker", remaining_millis=self.seconds_left * 1000)
            answer = handler("worker")({"Records": [record]}, context)
            if not answer["batchItemFailures"]:
                self._check_ended(json.loads(message["Body"])["operationId"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        process = self.invoke("worker", run, stack)
        if process is not None and process.dead and self.message_dies:
            self._bury(message)

    def tick(self) -> None:
        """The tick, once."""
        self.invoke("tick", lambda _process: handler("tick")({}, Context("tick")))

    def drain(self) -> None:
        """Whatever is visible in the queues, until nothing is any more."""
        for _ in range(200):
            if not (self.accept() or self.work()):
                return
        raise AssertionError("the queues do not become quiet: a message comes back again and again")

    def pass_time(self, **span: float) -> None:
        self.world.clock.tick(**span)

    def settle(self, quiet: Callable[[], bool]) -> None:
        """Let time pass, with ticks, until `quiet`; then a quarter of an hour more, for what is only swept."""
        self.drain()
        for minutes in RECOVERY:
            if quiet():
                break
            self._minutes(minutes)
            self.drain()
            if not quiet():
                self.tick()
                self.drain()
        self._minutes(18)
        self.pass_time(minutes=-self.world.clock().minute % 30)
        self.tick()
        self.drain()

    def _minutes(self, minutes: int) -> None:
        """So many minutes on, to a full and even minute: then the tick does most of its tasks."""
        at = self.world.clock() + timedelta(minutes=minutes)
        self.world.clock.now = at.replace(second=0, microsecond=0, minute=at.minute - at.minute % 2)

    def _check_ended(self, operation_id: str) -> None:
        """A message that is acknowledged is gone for good, so its operation must have ended."""
        with self.wire.process("the test", counted=False):
            key = {"operationId": {"S": operation_id}}
            found = self.world.stack.clients.dynamodb.get_item(TableName="Operation", Key=key, ConsistentRead=True)
        state = found["Item"]["state"]["S"]
        if state in ("SLEEPING", "NOT_STARTED", "RUNNING"):
            self.wrongs.append(f"the message of operation {operation_id} was acknowledged while it was {state}")

    def _bury(self, message: Mapping[str, Any]) -> None:
        """The message was received too often: SQS moves it to the dead-letter queue."""
        self.buried += 1
        sqs, settings = self.world.stack.clients.sqs, self.world.stack.settings
        sqs.send_message(
            QueueUrl=settings.work_dlq_url,
            MessageBody=message["Body"],
            MessageGroupId="moved",
            MessageDeduplicationId=message["Attributes"]["MessageDeduplicationId"],
        )
        sqs.delete_message(QueueUrl=settings.work_queue_url, ReceiptHandle=message["ReceiptHandle"])

    def invoke(self, function: str, run: Callable[[Process], object], stack: Stack | None = None) -> Process | None:
        """One invocation, or one command of a person: the process as it ended, None where that was with an error."""
        before = getattr(here, "stack", None)
        here.stack = stack or self.world.stack
        name = f"{function} {next(self._processes)}"
        try:
            with self.wire.process(name, counted=function in self.counted) as process:
                try:
                    run(process)
                except BaseException as error:
                    # A process that is dead may end with anything; one that lives, with an error that Lambda may see.
                    if not process.dead and not isinstance(error, ClientError | BotoCoreError | TidegateError):
                        raise
                    return process if process.dead else None
                return process
        finally:
            here.stack = before
            self.between()


def skewed(account: Account, ahead: timedelta) -> Stack:
    """The account's stack as a process sees it whose clock is ahead."""
    stack, clock = account.world.stack, account.world.clock
    return replace(stack, clock=lambda: clock() + ahead)


@contextmanager
def account(*, page_records: int = 0, pages_a_pass: int = 0, **settings: Any) -> Iterator[Account]:
    """An empty account at noon of 10 March 2026 UTC; messages and files age by its clock.

    Pieces are small, so that parts of a few records have several.
    """
    clock, ticks = Clock(), itertools.count()
    with pytest.MonkeyPatch.context() as patch, mock_aws(), in_sequence(), warnings.catch_warnings():
        # Powertools warns where an invocation dies before its first metric.
        warnings.simplefilter("ignore", UserWarning)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(sys, "unraisablehook", partial(_of_the_living, sys.unraisablehook))
        patch.setattr("moto.sqs.models.unix_time", lambda: clock().timestamp())
        patch.setattr("moto.sqs.models.unix_time_millis", lambda: clock().timestamp() * 1000 + next(ticks) / 1000)
        patch.setattr("moto.s3.models.utcnow", lambda: clock().replace(tzinfo=None))
        patch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
        patch.setattr("tidegate.pieces.MEMBER_BYTES", PIECE_BYTES)
        patch.setattr("tidegate.store.objects.PIECE_BYTES", PIECE_BYTES)
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
        made = _clients()
        named = create(made, **{"default_export": DEFAULT, **settings})
        with Wire().watching() as wire:
            of = Stack.of(named, made, clock)
            stack = Bounded(
                of.settings,
                of.clients,
                of.ledger,
                of.objects,
                clock,
                page_records=page_records,
                pages_a_pass=pages_a_pass,
            )
            yield Account(World(stack, clock), wire)


def _of_the_living(told: Callable[[Any], object], unraisable: Any) -> None:
    """What a dead process did not get out when its generators were closed is nobody's concern."""
    if not isinstance(unraisable.exc_value, Crash):
        told(unraisable)


@cache
def _clients() -> AWSClients:
    """As the product makes them, with its retries; under each mock they see an empty account."""
    session = boto3.Session(region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    tap(session)
    make = cache(partial(session.client, config=CONFIG))
    dynamodb = make("dynamodb")
    for call in ("Query", "BatchGetItem"):
        dynamodb.meta.events.register_first(f"before-parse.dynamodb.{call}", _spoil)
    return AWSClients(dynamodb, make("s3"), make("sqs"), make)


def _spoil(response_dict: dict[str, Any], **_: Any) -> None:
    whole, half = (json.dumps({"S": text}).encode() for text in (SPOILED, HALF_A_PAIR))
    if whole in response_dict["body"]:
        # Without the headers that told length and checksum of what was sent: it is no damaged answer.
        response_dict |= {"body": response_dict["body"].replace(whole, half), "headers": {}}
