"""What the engine and a job owe each other, and what a work message says. The engine knows no job, a job no engine."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.immutable import dataclass
from tidegate.model import Failure, JSONObject, Operation, Pair, Progress, State, Window
from tidegate.store.pairs import Lease

LEASE_SECONDS = 90
"""How long a lease and a message stay ours without a sign of life: a crashed study resumes within 2 minutes."""
QUEUE_VISIBILITY_SECONDS = 1800
"""The work queue's own visibility; template.yaml has the same number, and a test compares them."""
SILENCE = timedelta(seconds=2 * QUEUE_VISIBILITY_SECONDS)
"""After this long without a word from anybody, an operation's message is taken for lost and sent again."""


class Budget(Protocol):
    """How long a pass may go on."""

    def spent(self) -> bool:
        """Whether the pass should end at the next place where it can."""
        ...


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass reached.

    `state` is all that another process needs to go on (empty when complete). A job that has recorded its end itself,
    in a transaction of its own, says so with `recorded`; the engine records every other end.
    """

    complete: bool
    progress: Progress
    state: bytes = b""
    outcome: str | None = None
    result: JSONObject | None = None
    message: str = ""
    ended: State = State.SUCCEEDED
    recorded: bool = False
    window: Window | None = None
    watermark_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an operation: the operation as claimed, and the lease under whose fence it stands."""

    operation: Operation
    lease: Lease


class Job(Protocol):
    """One operation's work in this process."""

    def run(self, previous: bytes | None, budget: Budget) -> PassResult:
        """Do one pass: on from `previous` (None the first time) until done or the budget is spent.

        A pass that is repeated after a crash must have the same effect as if it had run once.
        """
        ...


class Kind(Protocol):
    """A registered kind of work."""

    def begin(self, claim: Claim) -> Job:
        """Make the job for an operation that was just claimed."""
        ...

    def on_done(self, operation: Operation, result: PassResult) -> None:
        """Take a result back."""
        ...

    def on_failed(self, operation: Operation, failure: Failure) -> None:
        """Take a failure back."""
        ...

    def clean(self, operation: Operation) -> None:
        """Remove what an ended operation left behind; may be repeated."""
        ...


class Delivery(Protocol):
    """The message in hand."""

    def hide(self, seconds: int) -> None:
        """Make the message invisible for so long from now; 0 gives it back to the head of its group."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a work message says: which operation, and whose lease it needs."""

    operation_id: str
    pair: Pair

    def body(self) -> JSONObject:
        """The JSON of the message."""
        return {"operationId": self.operation_id, "pair": self.pair.key}

    @classmethod
    def of_body(cls, body: JSONObject) -> Task:
        """Read a message that `body` wrote. Raises KeyError or ValueError for any other."""
        operation_id, pair = body["operationId"], body["pair"]
        if not (isinstance(operation_id, str) and operation_id and isinstance(pair, str)):
            raise ValueError("a work message names its operation and its pair as text")
        return cls(operation_id, Pair.of_key(pair))

    @property
    def group(self) -> str:
        """The MessageGroupId: one for each (export, study). Ids may hold any character, so it is a hash."""
        return hashlib.sha256(self.pair.key.encode()).hexdigest()[:32]
