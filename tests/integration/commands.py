"""The real command line over a world: what it sends goes through the queues, and the functions run while it waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from typer.testing import Result

from commandline import run
from integration.world import World
from tidegate.cli.session import Session
from tidegate.deadletters import DeadLetterQueue
from tidegate.errors import RejectedError
from tidegate.orders import order_of
from tidegate.recovery import Recovery
from tidegate.redrive import DeadQueue
from tidegate.service import Service
from tidegate.settings import Settings
from tidegate.studies import Studies
from tidegate.watermarking import Watermarking


@dataclass
class Commands:
    """Runs command lines. Whenever a command sleeps, intake and the workers do all that there is to do.

    `sent` and `ordered` are what the commands have sent so far. `broken` makes the next orders fail as the test says.
    """

    world: World
    somebody: bool = False
    seconds: float = 0.0
    sent: list[dict[str, Any]] = field(default_factory=list)
    ordered: list[dict[str, Any]] = field(default_factory=list)
    working: bool = True
    while_asleep: Callable[[], None] | None = None

    def __call__(self, *arguments: str, typed: str | None = None) -> Result:
        session = Session(
            connect=lambda _: self,  # type: ignore[arg-type,return-value]  # stands in for the stack
            now=self.world.clock,
            monotonic=lambda: self.seconds,
            sleep=self._sleep,
            asks=lambda: self.somebody,
        )
        return run(session, *arguments, typed=typed)

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints with --json, having been told to go on."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    @property
    def settings(self) -> Settings:
        return self.world.stack.settings

    @property
    def service(self) -> Service:
        return self.world.stack.service()

    @property
    def recovery(self) -> Recovery:
        return self.world.stack.recovery()

    @property
    def watermarking(self) -> Watermarking:
        return self.world.stack.watermarking()

    @property
    def studies(self) -> Studies:
        return self.world.stack.studies()

    def dead_letters(self, name: DeadQueue) -> DeadLetterQueue:
        return replace(self.world.stack.dead_letters(name), wait_seconds=0)

    def send(self, body: Mapping[str, Any]) -> None:
        self.sent.append(dict(body))
        self.world.stack.clients.sqs.send_message(
            QueueUrl=self.settings.request_queue_url, MessageBody=json.dumps(body)
        )

    def order(self, payload: Mapping[str, Any]) -> list[str]:
        self.ordered.append(dict(payload))
        return self.recovery.carry_out(order_of(json.loads(json.dumps(payload))), self.world.clock())

    def probe(self, export: str) -> list[dict[str, Any]]:
        return self.world.stack.probe(export)

    def intake(self) -> None:
        """Accept or refuse every message of the request queue."""
        sqs, url = self.world.stack.clients.sqs, self.settings.request_queue_url
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                with suppress(RejectedError):
                    self.world.submit_text(message["Body"], message_id=message["MessageId"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.while_asleep is not None:
            self.while_asleep()
        self.intake()
        if self.working:
            self.world.work()
