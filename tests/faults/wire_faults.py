"""The faults, and the dice that decide which call meets which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from faults.wire_calls import DYNAMODB, Call, with_checksum
from faults.wire_http import Message

XML_ANSWERS = {
    *("CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObjects", "ListObjectsV2"),
    "UploadPartCopy",
}
UPLOADS = {"PutObject", "UploadPart"}


class Fault(StrEnum):
    """What can happen to a call."""

    THROTTLE = "throttled"
    ERROR = "answered 500"
    ERROR_AFTER = "answered 500 although applied"
    RESET = "connection reset before"
    LOST = "applied, answer lost"
    TRUNCATE = "answer breaks off"
    SHORTEN = "answer cut short unnoticed"
    CORRUPT = "answer corrupted"
    CORRUPT_UPLOAD = "upload corrupted"
    DELAY = "delayed"
    HANG = "arrives after the client gave up"
    KILL = "process killed"


def possible(call: Call) -> list[Fault]:
    """What can happen to this call. Only bytes that AWS sends a checksum of are corrupted: TLS guards the rest."""
    faults = [Fault.THROTTLE, Fault.ERROR, Fault.RESET, Fault.TRUNCATE, Fault.DELAY, Fault.HANG]
    if call.writes:
        faults += [Fault.LOST, Fault.ERROR_AFTER]
    if checked(call):
        faults.append(Fault.CORRUPT)
    if checked(call) or call.operation in XML_ANSWERS:
        faults.append(Fault.SHORTEN)
    if call.operation in UPLOADS:
        faults.append(Fault.CORRUPT_UPLOAD)
    if call.operation == "HeadObject":
        faults.remove(Fault.TRUNCATE)
    return faults


def checked(call: Call) -> bool:
    """Whether the answer's body comes with a checksum."""
    return call.service == DYNAMODB or call.operation == "GetObject"


@dataclass
class Dice:
    """Decides by a seed, the kind of call and its number among its kind; so not by how calls of different kinds mix.

    `first` is the share of first attempts that meet a fault. Trouble rarely comes alone: of the attempts that follow a
    faulty one the share is `again`, so some calls fail in all their attempts; together that is a fifth. The kinds that
    were rare so far are preferred. A hanging call costs its client's whole patience: `hang` is its weight among the
    others, which have 1. `kills` processes die, one at most in `calls_a_kill` calls.
    """

    seed: int
    first: float = 0.14
    again: float = 0.5
    hang: float = 0.08
    kills: int = 0
    calls_a_kill: int = 100
    thrown: Counter[str] = field(default_factory=Counter)
    chosen: Counter[Fault] = field(default_factory=Counter)
    killed: int = 0
    _next_kill: int = 0

    def throw(self, call: Call) -> tuple[Fault | None, Random]:
        """The call's fault, if any, and chance for its details."""
        self.thrown[call.kind] += 1
        chance = Random(f"{self.seed}/{call.kind}/{self.thrown[call.kind]}")  # noqa: S311  # no secret
        if call.pid is not None and self._kills(chance):
            return Fault.KILL, chance
        if chance.random() >= (self.again if call.attempt > 1 else self.first):
            return None, chance
        faults = possible(call)
        (fault,) = chance.choices(faults, [self._weight(fault) for fault in faults])
        self.chosen[fault] += 1
        return fault, chance

    def _weight(self, fault: Fault) -> float:
        return (self.hang if fault is Fault.HANG else 1.0) / (1 + self.chosen[fault])

    def _kills(self, chance: Random) -> bool:
        number = self.thrown.total()
        if self.killed == self.kills or number < self._next_kill or chance.random() >= 5 / self.calls_a_kill:
            return False
        self.killed += 1
        self._next_kill = number + self.calls_a_kill
        return True


def damaged(fault: Fault, request: Message, answer: Message, chance: Random) -> Message | None:
    """The answer with one byte changed, or cut with a matching length; None where it has nothing to damage."""
    answer = with_checksum(request, answer) if request.method == "GET" else answer
    if len(answer.body) < 2 or (request.method == "GET" and not _covered(answer)):
        return None
    if fault is Fault.SHORTEN:
        return replace(answer, body=answer.body[: chance.randrange(1, len(answer.body))])
    return replace(answer, body=flipped(answer.body, chance))


def flipped(body: bytes, chance: Random) -> bytes:
    """The same bytes but for one."""
    place = chance.randrange(len(body))
    return b"".join((body[:place], bytes([body[place] ^ chance.randrange(1, 256)]), body[place + 1 :]))


def never_seen(counted: Counter[Fault], of: Iterable[Fault]) -> list[Fault]:
    """Those of the faults that did not happen: a run without them proves nothing about them."""
    return [fault for fault in of if not counted[fault]]


def _covered(answer: Message) -> bool:
    return bool(answer.header("x-amz-checksum-crc32")) or answer.header("content-type") == "application/xml"
