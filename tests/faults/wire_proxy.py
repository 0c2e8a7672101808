"""A proxy on 127.0.0.1 in front of an AWS, through which calls meet faults. It ends with the process, or when stopped.

Every call goes over a connection of its own to the AWS behind, and is counted with what happened to it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from types import TracebackType
from typing import Self

from faults.wire_calls import Call, broken, throttled
from faults.wire_faults import Dice, Fault, damaged, flipped
from faults.wire_http import MOST_HEAD_BYTES, Message, announced, asked, read_request

HOST = "127.0.0.1"
HARMLESS = {Fault.DELAY}


class ResetError(Exception):
    """The client shall see its connection reset."""


@dataclass
class Traffic:
    """What went through: requests by kind of call and invocation, and what happened to them."""

    requests: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    most_attempts: Counter[str] = field(default_factory=Counter)
    in_vain: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    faults_by_service: Counter[tuple[Fault, str]] = field(default_factory=Counter)
    troubled: int = 0

    def note(self, call: Call, *, trouble: bool) -> None:
        """Count a request; `trouble` says that faults were on."""
        self.requests[call.kind][call.invocation] += 1
        self.most_attempts[call.kind] = max(self.most_attempts[call.kind], call.attempt)
        self.troubled += trouble

    def met(self, fault: Fault, call: Call, most: int) -> None:
        """Count a fault that took place. A call whose attempt number `most` meets one has failed in all of them."""
        self.faults[fault] += 1
        self.faults_by_service[fault, call.service] += 1
        if call.attempt >= most and fault not in HARMLESS:
            self.in_vain[call.kind] += 1


class Proxy:
    """Forwards to `upstream` (a port of 127.0.0.1); while `troubled`, the dice decide what goes wrong.

    `patience` is the read timeout of the clients in seconds: a call that hangs is held that long, and then applied.
    `attempts` is how often they send a call at most. `problems` has what the proxy itself did not expect.
    """

    def __init__(
        self, dice: Dice, *, patience: float, attempts: int, kill: Callable[[int], None] | None = None
    ) -> None:
        self.dice = dice
        self.traffic = Traffic()
        self.troubled = False
        self.upstream = 0
        self.problems: list[str] = []
        self._patience = patience
        self._attempts = attempts
        self._kill = kill or (lambda pid: os.kill(pid, signal.SIGKILL))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults-on-the-wire", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients find this proxy."""
        assert self._server is not None
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, HOST, 0, limit=MOST_HEAD_BYTES), self._loop
        ).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # let the closed transports go

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while request := await read_request(reader, writer):
                await self._pass_on(request, writer)
        except ResetError:
            _reset(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone: it was killed, or has lost its patience
        except asyncio.CancelledError:
            pass  # the proxy stops
        except Exception as error:  # noqa: BLE001  # kept for the test, which fails on it
            self.problems.append(repr(error))
        finally:
            self._tasks.discard(task)
            with suppress(ConnectionError):
                writer.close()

    async def _pass_on(self, request: Message, writer: asyncio.StreamWriter) -> None:
        call = Call.of(request)
        trouble = self.troubled
        self.traffic.note(call, trouble=trouble)
        fault, chance = self.dice.throw(call) if trouble else (None, Random(0))  # noqa: S311  # no secret
        if fault is None:
            await self._answer(writer, request, await self._asked(request))
            return
        await self._meet(fault, chance, call, request, writer)

    async def _meet(
        self, fault: Fault, chance: Random, call: Call, request: Message, writer: asyncio.StreamWriter
    ) -> None:
        """Let one fault happen."""
        match fault:
            case Fault.THROTTLE | Fault.ERROR:
                self._met(fault, call)
                await self._answer(
                    writer, request, throttled(call, chance) if fault is Fault.THROTTLE else broken(call)
                )
            case Fault.ERROR_AFTER:
                await self._asked(request)
                self._met(fault, call)
                await self._answer(writer, request, broken(call))
            case Fault.RESET:
                self._met(fault, call)
                raise ResetError
            case Fault.LOST:
                await self._asked(request)
                self._met(fault, call)
                raise ResetError
            case Fault.CORRUPT_UPLOAD:
                self._met(fault, call)
                await self._answer(writer, request, await self._asked(_spoilt(request, chance)))
            case Fault.DELAY:
                self._met(fault, call)
                await asyncio.sleep(chance.uniform(0.0, self._patience / 10))
                await self._answer(writer, request, await self._asked(request))
            case Fault.HANG:
                self._met(fault, call)
                await asyncio.sleep(self._patience * 1.2)
                await self._answer(writer, request, await self._asked(request))
            case Fault.KILL:
                await self._die(call, chance, request)
            case _:
                await self._damage(fault, chance, call, request, writer)

    async def _damage(
        self, fault: Fault, chance: Random, call: Call, request: Message, writer: asyncio.StreamWriter
    ) -> None:
        answer = await self._asked(request)
        if fault is Fault.TRUNCATE:
            if len(answer.body) < 2 or request.method == "HEAD":
                await self._answer(writer, request, answer)
                return
            self._met(fault, call)
            whole = answer.encoded(len(answer.body))
            writer.write(whole[: len(whole) - chance.randrange(1, len(answer.body))])
            await writer.drain()
            raise ConnectionAbortedError
        spoilt = damaged(fault, request, answer, chance)
        if spoilt is not None:
            self._met(fault, call)
        await self._answer(writer, request, spoilt or answer)

    async def _die(self, call: Call, chance: Random, request: Message) -> None:
        """Kill the sender, before its call is applied or after."""
        assert call.pid is not None
        if chance.random() < 0.5:
            await self._asked(request)
        self._met(Fault.KILL, call)
        self._kill(call.pid)
        raise ResetError

    def _met(self, fault: Fault, call: Call) -> None:
        self.traffic.met(fault, call, self._attempts)

    async def _asked(self, request: Message) -> Message:
        return await asked(HOST, self.upstream, request)

    async def _answer(self, writer: asyncio.StreamWriter, request: Message, answer: Message) -> None:
        kept = replace(answer, body=b"") if request.method == "HEAD" else answer
        writer.write(kept.encoded(announced(request, answer)))
        await writer.drain()


def share(traffic: Traffic) -> float:
    """The part of the requests that met a fault while faults were on."""
    return traffic.faults.total() / max(1, traffic.troubled)


def repeats(traffic: Traffic) -> Mapping[str, tuple[int, int]]:
    """By kind of call: how many calls there were, and how many requests they took."""
    return {kind: (len(sent), sent.total()) for kind, sent in sorted(traffic.requests.items())}


def _spoilt(request: Message, chance: Random) -> Message:
    return replace(request, body=flipped(request.body, chance)) if request.body else request


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
