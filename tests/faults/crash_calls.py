"""Sees every AWS call of the product's processes, gives each a name, and strikes at the one that is chosen.

A process is one invocation of a function (or one command of an operator). What the test itself asks of AWS is not a
process's, is not counted and is never struck.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber

from faults.crash_names import Names

EVENTS = {"provide-client-params": "sending", "before-send": "on_the_wire", "after-call": "answered"}
"""botocore's events, and which method of the wire is told."""
_watching: list[Wire] = []


class Crash(BaseException):
    """The process dies here: nothing may catch this but the test."""


class Way(StrEnum):
    """What happens to a call."""

    BEFORE = "died before"
    """The process dies, and the call was never sent."""
    AFTER = "died after"
    """The call had its effect, and the process died before it could know."""
    TWICE = "sent twice"
    """The call had its effect, its answer got lost, and the SDK of the living process sent it again."""
    UNANSWERED = "no answer"
    """The call had its effect, and the process gets an error in place of its answer, after all tries of the SDK."""


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call that a process is about to make; numbers count from 1 within a run."""

    number: int
    process: str
    name: str
    params: Mapping[str, Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.number:4d}  {self.process:8s} {self.name}"


@dataclass(frozen=True, slots=True)
class Strike:
    """Which call is struck, and how."""

    number: int
    way: Way


@dataclass(slots=True)
class Process:
    """One invocation. Once `dead` it gets no further call out, whatever its `finally` blocks try."""

    name: str
    counted: bool
    dead: bool = False


@dataclass
class Wire:
    """Between the processes and AWS.

    `calls` are those of the counted processes. `watch` is told of each of them before it is sent, and may run other
    processes meanwhile, as on another machine. `strikes` then says what shall happen to it.
    """

    watch: Callable[[Call], None] = lambda _call: None
    strikes: Callable[[Call], Way | None] = lambda _call: None
    calls: list[Call] = field(default_factory=list)
    struck: Call | None = None
    unanswered: bool = False
    names: Names = field(default_factory=Names)
    _here: threading.local = field(default_factory=threading.local)
    _way: Way | None = None

    @contextmanager
    def watching(self) -> Iterator[Wire]:
        _watching.append(self)
        try:
            yield self
        finally:
            _watching.remove(self)

    @contextmanager
    def process(self, name: str, *, counted: bool = True) -> Iterator[Process]:
        """All calls of this thread are the process's; another one may begin and end within a call of the first."""
        outer = (self.current, getattr(self._here, "call", None))
        made = Process(name, counted)
        self._here.process, self._here.call = made, None
        try:
            yield made
        finally:
            self._here.process, self._here.call = outer

    @property
    def current(self) -> Process | None:
        """The process of this thread; None for the test itself."""
        found: Process | None = getattr(self._here, "process", None)
        return found

    def sending(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """A call is about to be made."""
        process = self.current
        self._here.call = None
        if process is None:
            return
        if process.dead:
            raise Crash
        if not process.counted:
            return
        name = self.names.of_call(model.service_model.service_name, model.name, params)
        call = Call(len(self.calls) + 1, process.name, name, params)
        self.calls.append(call)
        self.watch(call)
        way = self.strikes(call)
        self._here.call = call
        if way is not None:
            self.struck, self._way = call, way
        if way is Way.BEFORE:
            process.dead = True
            raise Crash

    def on_the_wire(self, request: Any, event_name: str, **_: Any) -> None:
        """One attempt of a call is about to be sent."""
        if self._struck_as(Way.TWICE):
            self._way = None
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)

    def answered(self, **_: Any) -> None:
        """A call has its answer, after as many attempts as it took."""
        if self._struck_as(Way.AFTER) and self.current is not None:
            self.current.dead = True
            raise Crash
        if self._struck_as(Way.UNANSWERED):
            self._way, self.unanswered = None, True
            raise ConnectionClosedError(endpoint_url="https://aws.example")

    def _struck_as(self, way: Way) -> bool:
        call: Call | None = getattr(self._here, "call", None)
        return self._way is way and call is not None and call is self.struck


def tap(session: boto3.Session) -> None:
    """Tell whichever wire is watching of every call of every client that this session will make."""
    for event, method in EVENTS.items():
        session.events.register_first(event, partial(_tell, method))


def _tell(method: str, **arguments: Any) -> None:
    if _watching:
        getattr(_watching[-1], method)(**arguments)
