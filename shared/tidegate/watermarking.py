"""Watermarks moved by hand: what a move would do, what stands in its way, and the move itself (SPEC 4).

Every other watermark is moved by an export's commit. A move by hand is for people who know why: it makes the next
export repeat records, or skip some for good, so it needs a reason and is written into the history.
"""

from __future__ import annotations

from datetime import datetime

from tidegate import commit
from tidegate.errors import RejectedError
from tidegate.immutable import dataclass
from tidegate.instants import floor_millis, rfc3339
from tidegate.model import DEFAULT_EXPORT, Pair, State, Window
from tidegate.store.ledger import Ledger
from tidegate.store.watermarks import Mark, described


@dataclass(frozen=True, slots=True)
class Change:
    """A watermark's move from `before` to `after` (None: no watermark), as it would be at the moment of asking.

    `before` may be Unreadable, an item that holds no watermark: then the move puts it right.
    `repeated` is the range whose records the next export would export again, `skipped` the one that no export would
    cover any more; at most one of them is set. `obstacles` says what forbids the move unless it is forced.
    """

    pair: Pair
    before: Mark | None
    after: datetime | None
    repeated: Window | None
    skipped: Window | None
    obstacles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Watermarking:
    """The watermarks of one stack, for a person to move."""

    ledger: Ledger

    def plan(self, pair: Pair, after: datetime | None, now: datetime) -> Change:
        """What setting the pair's watermark to `after` (None: deleting it) would do now; reads only.

        Raises RejectedError: an instant in the future (records would be passed over that are yet to come), an unknown
        study or export, nothing to delete.
        """
        after = None if after is None else floor_millis(after)
        before = self.ledger.watermarks.mark(pair)
        if after is not None and after > now:
            raise RejectedError(
                f"{rfc3339(after)} is in the future (it is {rfc3339(now)} now): records would be skipped that are yet"
                " to come.",
                code="END_IN_FUTURE",
                remedy="Choose an instant that has passed.",
            )
        if after is None and before is None:
            raise RejectedError(
                f"The study {pair.study} has no watermark in the export {pair.export}.",
                code="NO_WATERMARK",
                remedy="There is nothing to delete: 'tidegate watermark list' shows those there are.",
            )
        if after is not None:
            self._check_pair(pair)
        repeated = skipped = None
        if isinstance(before, datetime) and after is not None:
            repeated = Window(after, before) if after < before else None
            skipped = Window(before, after) if before < after else None
        return Change(pair, before, after, repeated, skipped, self._obstacles(pair, now))

    def apply(self, change: Change, *, reason: str, actor: str | None, force: bool, now: datetime) -> None:
        """Move the watermark as planned, with its audit event. A change to what it is already does nothing.

        Raises RejectedError where something stands in the way and `force` is not given, or where the watermark is no
        longer what it was when the change was planned. With `force` a running worker is fenced off, and a sealed window
        that was made against the old value fails when it is to be committed.
        """
        if change.before == change.after:
            return
        if change.obstacles and not force:
            raise _obstructed(change)
        if commit.set_watermark(
            self.ledger, change.pair, change.before, change.after, reason=reason, actor=actor, force=force, now=now
        ):
            return
        found = self.ledger.watermarks.mark(change.pair)
        if found != change.before:
            raise RejectedError(
                f"The watermark of {change.pair.key} is now {described(found) or 'gone'}: somebody moved it.",
                code="WATERMARK_CHANGED",
                remedy="Look again, and give the command again if you still want it.",
            )
        if change.after is not None and not self.ledger.studies.is_there(change.pair.study):
            raise _unknown(change.pair)
        raise _obstructed(self.plan(change.pair, change.after, now))

    def _check_pair(self, pair: Pair) -> None:
        if pair.export != DEFAULT_EXPORT and self.ledger.exports.newest(pair.export) is None:
            raise RejectedError(
                f"There is no export {pair.export}.",
                code="UNKNOWN_EXPORT",
                remedy="'tidegate exports list' shows those there are.",
            )
        if not self.ledger.studies.is_there(pair.study):
            raise _unknown(pair)

    def _obstacles(self, pair: Pair, now: datetime) -> tuple[str, ...]:
        obstacles = []
        until = self.ledger.pairs.lease_until(pair)
        if until is not None and until > now:
            obstacles.append(f"a worker holds the lease of {pair.key} until {rfc3339(until)}")
        for operation_id in self.ledger.operations.open_of_pair(pair.key):
            operation = self.ledger.operations.read(operation_id)
            if operation is not None and operation.state is State.RUNNING:
                obstacles.append(f"the operation {operation_id} is RUNNING")
        _, sealed_by = self.ledger.pairs.sealed_by(pair)
        if sealed_by is not None:
            obstacles.append(f"the sealed window of operation {sealed_by} waits for its commit")
        return tuple(obstacles)


def _obstructed(change: Change) -> RejectedError:
    reasons = "; ".join(change.obstacles) or f"{change.pair.key} has just been taken by a worker"
    return RejectedError(
        f"The watermark of {change.pair.key} cannot be moved now: {reasons}.",
        code="PAIR_IN_USE",
        remedy="Wait for its end ('tidegate operations list --state RUNNING'), or add --force: that stops the worker.",
    )


def _unknown(pair: Pair) -> RejectedError:
    return RejectedError(
        f"There is no study {pair.study}.",
        code="UNKNOWN_STUDY",
        remedy="'tidegate studies list' shows those there are; 'tidegate studies put' makes one.",
    )
