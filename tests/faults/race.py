"""Several processes at once, one AWS call at a time, in an order that is given: the same order gives the same run.

Each actor is a thread that stops before each of its AWS calls until it is its turn. A schedule says whose turn it is,
and for how many calls; when it is used up, the actors end one after the other. Between two calls a millisecond passes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from faults import invariants
from faults.crash import look, quiet
from faults.crash_account import Account, account
from faults.crash_calls import Call
from faults.picture import Picture

Turn: TypeAlias = tuple[int, int | str]
"""Which actor (of those that have not ended, counted round); for how many calls, or up to which (part of its name)."""
Actors: TypeAlias = dict[str, Callable[[], object]]
LONGEST_TURN = 30
TO_THE_END = 1000
WAIT_SECONDS = 120
"""Longer than this no call takes; an actor that does not come to its next one hangs."""


@dataclass(frozen=True)
class Race:
    """`actors` makes those of one run; `judge` says what beyond invariants.py does not hold at its end."""

    name: str
    actors: Callable[[Account], Actors]
    judge: Callable[[Account, Picture, list[Write]], list[str]] = lambda _account, _picture, _writes: []
    by_hand: bool = False


@dataclass(frozen=True)
class Write:
    """A change of the watermark of the default export and study a: who made it, and what it is since."""

    actor: str
    value: int | None


@dataclass
class Outcome:
    """What a run was: call by call in its order, who changed the watermark, and which sentences do not hold."""

    trace: list[str] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def report(self) -> str:
        """The problems, and below them the way there."""
        return "\n".join([*self.problems, "", *self.trace])


class _Actor:
    """A thread that goes on only when it is told to."""

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        self.name = name
        self.about_to = ""
        self.ended = False
        self.error: BaseException | None = None
        self._act = act
        self._turn, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Up to the next call, or to the end."""
        self._turn.release()
        if not self._stopped.acquire(timeout=WAIT_SECONDS):
            raise AssertionError(f"{self.name} neither ended nor came to its next call in {WAIT_SECONDS} s")
        if self.ended:
            self._thread.join()

    def stop(self) -> None:
        """Called in the actor's own thread: wait for the next turn."""
        self._stopped.release()
        self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self._act()
        except BaseException as error:  # noqa: BLE001  the test's thread says what it was
            self.error = error
        finally:
            self.ended = True
            self._stopped.release()


def run(race: Race, schedule: Sequence[Turn]) -> Outcome:
    """Play a race in this order, and let it become quiet."""
    done = Outcome()
    with account() as acting:
        acting.counted = frozenset()
        actors = [_Actor(name, act) for name, act in race.actors(acting).items()]
        by_thread = {actor.name: actor for actor in actors}
        acting.counted = frozenset({"intake", "worker", "tick", "operator"})
        acting.wire.watch = lambda call: _stop(by_thread, done, call)
        done.writes.append(Write("before", _watermark(acting)))
        _play(acting, actors, list(schedule), done)
        acting.wire.watch, acting.counted = lambda _call: None, frozenset()
        done.problems += [f"{actor.name} ended with {actor.error!r}" for actor in actors if actor.error is not None]
        acting.settle(lambda: quiet(acting))
        _note_watermark(acting, "later", done)
        picture = look(acting)
        # A worker that lost its lease touches nothing more, and so leaves what it had put aside.
        done.problems += invariants.at_rest(picture, by_hand=race.by_hand, tidy=False)
        done.problems += acting.wrongs
        done.problems += race.judge(acting, picture, done.writes)
    return done


def schedules(seed: int) -> Iterator[list[Turn]]:
    """Schedules without end, the same for the same seed: two to six turns of up to as many calls as an export has."""
    drawn = random.Random(seed)  # noqa: S311  not for secrets
    while True:
        first = drawn.randrange(2)
        yield [((first + turn) % 2, drawn.randint(1, LONGEST_TURN)) for turn in range(drawn.randint(2, 6))]


def shrunk(race: Race, schedule: Sequence[Turn]) -> list[Turn]:
    """A shorter schedule that breaks the race too: fewer turns, then as few calls in each as it takes."""
    least = list(schedule)
    for at in reversed(range(len(schedule))):
        without = least[:at] + least[at + 1 :]
        if run(race, without).problems:
            least = without
    for at in range(len(least)):
        while (shorter := _halved(least, at)) is not None and run(race, shorter).problems:
            least = shorter
    return least


def _halved(schedule: Sequence[Turn], at: int) -> list[Turn] | None:
    who, steps = schedule[at]
    if isinstance(steps, str) or steps < 2:
        return None
    return [*schedule[:at], (who, steps // 2), *schedule[at + 1 :]]


def _stop(actors: dict[str, _Actor], done: Outcome, call: Call) -> None:
    actor = actors[threading.current_thread().name]
    actor.about_to = call.name
    actor.stop()
    done.trace.append(f"{actor.name:12s} {call.name}")


def _play(acting: Account, actors: list[_Actor], schedule: list[Turn], done: Outcome) -> None:
    alive = list(actors)
    while alive:
        who, steps = schedule.pop(0) if schedule else (0, TO_THE_END)
        actor = alive[who % len(alive)]
        while not actor.ended and not (steps in actor.about_to if isinstance(steps, str) else steps == 0):
            steps = steps if isinstance(steps, str) else steps - 1
            call = actor.about_to
            actor.go_on()
            acting.pass_time(milliseconds=1)
            if "ExportTime" in call:
                _note_watermark(acting, actor.name, done)
        alive = [actor for actor in alive if not actor.ended]


def _note_watermark(acting: Account, actor: str, done: Outcome) -> None:
    value = _watermark(acting)
    if value != done.writes[-1].value:
        done.writes.append(Write(actor, value))
        at = None if value is None else timedelta(milliseconds=value)
        done.trace.append(f"{actor:12s}     the watermark is now {at}")


def _watermark(acting: Account) -> int | None:
    key = {"studyId": {"S": "a"}}
    found: dict[str, Any] = dict(acting.world.stack.clients.dynamodb.get_item(TableName="ExportTime", Key=key))
    return int(found["Item"]["lastExportDateTime"]["N"]) if "Item" in found else None
