from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from integration.commands import Commands
from integration.faults import Faults
from integration.world import Clock, World, build


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call to AWS has its effect as a whole; moto's, in several threads, mix with each other."""
    lock, process = threading.RLock(), BotocoreStubber.process_request

    def alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", alone)


@pytest.fixture
def world(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty stack on moto, at noon of 10 March 2026 UTC; messages and files age by the test's clock."""
    monkeypatch.setattr("moto.sqs.models.unix_time", lambda: clock().timestamp())
    # A microsecond passes between two calls: moto shows a message only after the moment at which it becomes visible.
    ticks = itertools.count()
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: clock().timestamp() * 1000 + next(ticks) / 1000)
    monkeypatch.setattr("moto.s3.models.utcnow", lambda: clock().replace(tzinfo=None))
    with mock_aws():
        yield build(clock)


@pytest.fixture
def faults(world: World) -> Iterator[Faults]:
    """What sees and breaks the AWS calls of the world."""
    with Faults().watching(world.stack.clients) as watching:
        yield watching


@pytest.fixture
def cli(world: World) -> Commands:
    """The command line, with the world as its stack."""
    return Commands(world)
