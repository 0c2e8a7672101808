"""Deliberate bugs, one for each guard: the harness has to find every one of them, or it proves nothing.

Each takes one guard out of the product, and names the crash point or the order of calls where that shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from faults.crash_calls import Call, Way
from faults.crash_scenarios import DIES_FOR_GOOD, LATE, TWO_PARTS, Scenario
from faults.race import TO_THE_END, Race, Turn
from faults.race_scenarios import EXPIRED, FORCED
from tidegate import commit, deliver
from tidegate.engine import Engine
from tidegate.seal import Seal
from tidegate.store.operations import OperationRow
from tidegate.store.pairs import Lease, PairRow
from tidegate.store.watermarks import WatermarkRow

SEAL = "ConditionCheck ExportTime"
COMMIT = "Update ExportTime"
MANIFEST = "s3.PutObject exports/"


@dataclass(frozen=True)
class Struck:
    """The first call with this in its name is struck, in a crash scenario."""

    scenario: Scenario
    call: str
    way: Way

    def strikes(self) -> Callable[[Call], Way | None]:
        """What the wire asks of each call."""
        left = [self.call]

        def strikes(call: Call) -> Way | None:
            return self.way if left and left[0] in call.name and left.pop() else None

        return strikes


@dataclass(frozen=True)
class Ordered:
    """A race in this order."""

    race: Race
    schedule: Sequence[Turn]


@dataclass(frozen=True)
class Mutant:
    """`infect` takes the guard out; at `place` a sentence that matches `caught` must then not hold."""

    guard: str
    infect: Callable[[pytest.MonkeyPatch], None]
    place: Struck | Ordered
    caught: str


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    """Every worker has the same fence."""
    acquire, claim = PairRow.acquire.__func__, OperationRow.claim.__func__  # type: ignore[attr-defined]  # classmethods

    def acquired(cls: type[PairRow], *arguments: Any) -> Any:
        lease = acquire(cls, *arguments)
        cls(lease.pair.key).update(actions=[cls.fence.set(1)])
        return Lease(lease.pair, lease.owner, 1, lease.head, lease.seal)

    def claimed(cls: type[OperationRow], operation_id: str, _fence: int, *arguments: Any) -> Any:
        cls(operation_id).update(actions=[cls.fence.set(0)])
        return claim(cls, operation_id, 1, *arguments)

    patch.setattr(PairRow, "acquire", classmethod(acquired))
    patch.setattr(OperationRow, "claim", classmethod(claimed))


def _no_condition(patch: pytest.MonkeyPatch) -> None:
    """The watermark is written from wherever it stands."""

    def move(cls: type[WatermarkRow], transaction: Any, pair: Any, _before: Any, end: Any) -> None:
        transaction.update(cls(pair.watermark_key), actions=[cls.lastExportDateTime.set(end)])

    patch.setattr(WatermarkRow, "add_move", classmethod(move))


def _no_seal(patch: pytest.MonkeyPatch) -> None:
    """Nothing is written down before the first file is shown."""

    def unseal(cls: type[PairRow], transaction: Any, lease: Any, _operation_id: str, head: Any) -> None:
        actions = [cls.headEnd.set(head.end), cls.headKey.set(head.key), cls.headSha256.set(head.sha256)]
        transaction.update(cls(lease.pair.key), actions=actions, condition=cls.fence == lease.fence)

    patch.setattr(commit, "seal", lambda *_: None)
    patch.setattr(PairRow, "add_unseal", classmethod(unseal))


def _seal_over_seal(patch: pytest.MonkeyPatch) -> None:
    """A sealed window is computed anew by the next worker, and its seal written over the old one."""
    acquire = PairRow.acquire.__func__  # type: ignore[attr-defined]  # a classmethod

    def acquired(cls: type[PairRow], *arguments: Any) -> Any:
        lease = acquire(cls, *arguments)
        return lease and Lease(lease.pair, lease.owner, lease.fence, lease.head, None)

    def add_seal(cls: type[PairRow], transaction: Any, lease: Any, packed: bytes, operation_id: str) -> None:
        actions = [cls.seal.set(packed), cls.sealedBy.set(operation_id)]
        transaction.update(cls(lease.pair.key), actions=actions, condition=cls.fence == lease.fence)

    patch.setattr(PairRow, "acquire", classmethod(acquired))
    patch.setattr(PairRow, "add_seal", classmethod(add_seal))


def _manifest_before_parts(patch: pytest.MonkeyPatch) -> None:
    parts, manifest = deliver.parts, deliver.manifest

    def manifest_first(objects: Any, seal: Any, published: int, budget: Any) -> int:
        manifest(objects, seal)
        return parts(objects, seal, published, budget)

    patch.setattr(deliver, "parts", manifest_first)
    patch.setattr(deliver, "manifest", lambda *_: None)


def _manifest_before_seal(patch: pytest.MonkeyPatch) -> None:
    parts, manifest, seal = deliver.parts, deliver.manifest, commit.seal

    def deliver_first(ledger: Any, objects: Any, lease: Any, window: Any) -> None:
        parts(objects, window, 0, _Endless())
        manifest(objects, window)
        seal(ledger, objects, lease, window)

    patch.setattr(commit, "seal", deliver_first)


def _commit_before_receipt(patch: pytest.MonkeyPatch) -> None:
    parts, manifest, committing = deliver.parts, deliver.manifest, commit.commit
    here: list[Any] = []

    def commit_first(ledger: Any, lease: Any, window: Any, *more: Any) -> Any:
        ended = committing(ledger, lease, window, *more)
        parts(here[-1], window, 0, _Endless())
        manifest(here[-1], window)
        return ended

    def not_yet(objects: Any, seal: Any, *_: Any) -> int:
        here.append(objects)
        return len(seal.placed)

    patch.setattr(deliver, "parts", not_yet)
    patch.setattr(deliver, "manifest", lambda *_: None)
    patch.setattr(commit, "commit", commit_first)


def _acknowledged_after_a_lost_lease(patch: pytest.MonkeyPatch) -> None:
    work = Engine.work

    def acknowledging(engine: Engine, *arguments: Any) -> Any:
        verdict = work(engine, *arguments)
        verdict.acknowledge = verdict.acknowledge or "Another worker took over" in verdict.note
        return verdict

    patch.setattr(Engine, "work", acknowledging)


def _no_memory(patch: pytest.MonkeyPatch) -> None:
    """What the look-back remembers is sealed, and never put in place."""
    patch.setattr(Seal, "placed", property(lambda seal: seal.files))


class _Endless:
    def spent(self) -> bool:
        return False


MUTANTS = (
    Mutant(
        "the fence",
        _no_fence,
        Ordered(EXPIRED, [(0, SEAL), (1, MANIFEST), (0, TO_THE_END)]),
        "has a receipt for .*, which is not there so",
    ),
    Mutant(
        "the condition on the watermark",
        _no_condition,
        Ordered(FORCED, [(0, COMMIT), (1, TO_THE_END)]),
        "moved the watermark from .*, and no manifest says so",
    ),
    Mutant(
        "the seal",
        _no_seal,
        Struck(DIES_FOR_GOOD, MANIFEST, Way.AFTER),
        "readers see .*, and its operation did not end with it",
    ),
    Mutant(
        "only completing what is sealed",
        _seal_over_seal,
        Struck(DIES_FOR_GOOD, MANIFEST, Way.AFTER),
        "readers see .*, and its operation did not end with it",
    ),
    Mutant(
        "parts before the manifest",
        _manifest_before_parts,
        Struck(TWO_PARTS, MANIFEST, Way.AFTER),
        "just after: .* names .*, which is not there",
    ),
    Mutant(
        "the seal before the manifest",
        _manifest_before_seal,
        Struck(DIES_FOR_GOOD, MANIFEST, Way.AFTER),
        "readers see .*, and its operation did not end with it",
    ),
    Mutant(
        "the receipt before the commit",
        _commit_before_receipt,
        Struck(TWO_PARTS, COMMIT, Way.AFTER),
        "has a receipt for .*, which is not there so",
    ),
    Mutant(
        "the memory of late records before the commit",
        _no_memory,
        Struck(LATE, COMMIT, Way.AFTER),
        "just after: default/a names lookback/.*, and it is not there so",
    ),
    Mutant(
        "no acknowledgement after a lost lease",
        _acknowledged_after_a_lost_lease,
        Ordered(EXPIRED, [(0, SEAL), (1, SEAL), (0, TO_THE_END)]),
        "was acknowledged while it was RUNNING",
    ),
)
