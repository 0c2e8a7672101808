"""Sees every AWS call of a stack's clients, and makes one of them go wrong in the way that a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from tidegate.bootstrap import AWSClients


class Crash(BaseException):
    """The process dies here: nothing may catch this but the test."""


@dataclass(frozen=True)
class Call:
    """One AWS call that was about to be sent."""

    name: str
    params: Mapping[str, Any]

    def names(self, table: str) -> bool:
        """Whether a DynamoDB call reads or writes this table, a transaction or batch included."""
        return f"'{table}'" in str(self.params)


@dataclass
class Faults:
    """The calls so far; `before` and `after` are asked at each call, with its number in this watch, and may raise.

    What `after` raises is a lost answer: the call has had its effect.
    """

    calls: list[Call] = field(default_factory=list)
    before: Callable[[int, Call], None] | None = None
    after: Callable[[int, Call], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: threading.local = field(default_factory=threading.local)

    @contextmanager
    def watching(self, clients: AWSClients) -> Iterator[Faults]:
        events = [client.meta.events for client in (clients.dynamodb, clients.s3, clients.sqs)]
        for each in events:
            each.register("provide-client-params", self._sending)
            each.register("after-call", self._answered)
        try:
            yield self
        finally:
            for each in events:
                each.unregister("provide-client-params", self._sending)
                each.unregister("after-call", self._answered)

    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def clear(self) -> None:
        self.calls.clear()
        self.before = self.after = None

    @contextmanager
    def crash_after(self, number: int) -> Iterator[list[Call]]:
        """Die after the effect of this call (counted from 1), which is as good as before the next one.

        Yields a list that holds the call once that has happened.
        """
        died: list[Call] = []

        def die(at: int, call: Call) -> None:
            if at == number:
                died.append(call)
                raise Crash(call.name)

        self.clear()
        self.after = die
        try:
            yield died
        except Crash:
            pass
        finally:
            self.clear()

    def fail(self, wanted: Callable[[Call], bool], error: Exception, *, answered: bool = False, times: int = 1) -> None:
        """Raise `error` at the next calls of this kind, in place of the call or of its answer."""
        left = [times]

        def raise_it(_number: int, call: Call) -> None:
            if left[0] and wanted(call):
                left[0] -= 1
                raise error

        if answered:
            self.after = raise_it
        else:
            self.before = raise_it

    def _sending(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        call = Call(model.name, params)
        with self._lock:
            self.calls.append(call)
            number = len(self.calls)
        self._numbers.of_call = (number, call)
        if self.before is not None:
            # What a test does here is somebody else's doing, in the midst of a call of ours.
            Context().run(self.before, number, call)

    def _answered(self, **_: Any) -> None:
        if self.after is not None:
            self.after(*self._numbers.of_call)


def away() -> ConnectionClosedError:
    """What botocore raises where the connection broke, after its own retries."""
    return ConnectionClosedError(endpoint_url="https://aws.example")


def refused(code: str, operation: str, *, status: int = 400, **more: Any) -> ClientError:
    """An answer of AWS that refuses a call."""
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(answer, operation)  # type: ignore[arg-type]  # the stubs want their own TypedDict
