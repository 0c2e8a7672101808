"""Table Pair: one row per (export, study) with its lease, its ever-growing fence, its chain head and its seal.

The lease keeps two workers apart most of the time; the fence does so always, because every write that counts carries
it as a condition. The chain head is the end, key and hash of the last committed manifest. The seal is a window that
has been decided and not yet committed: whoever holds the lease next completes it before anything else.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.errors import LostLeaseError
from tidegate.immutable import dataclass
from tidegate.model import JSONObject, Pair
from tidegate.store.binding import InstantAttribute, MillisAttribute, conditional, translated

LARGEST_COLUMNS = 8_000
"""Bytes of a head's columns, packed. The row is written with each pass, and each KB of it costs as much as a write."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Where it is kept what the last windows exported within the look-back, and its hash."""

    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last committed link of a chain. `memory` is None where nothing looks back, or nothing did yet.

    `columns` are the types of each table's columns as of the last window that had some (drift.py); None where they are
    too many for the row, or an earlier version wrote it.
    """

    end: datetime
    key: str
    sha256: str
    memory: Memory | None = None
    columns: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker holds while it works on a pair, and what it found there when it took it."""

    pair: Pair
    owner: str
    fence: int
    head: Head | None
    seal: JSONObject | None
    deliveries: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a pair is: the end of its chain, the seal that waits for its commit, and how far that is delivered."""

    head: Head | None
    seal: JSONObject | None
    deliveries: JSONObject = field(default_factory=dict)


class PairRow(Model):
    """Key `pair` is `exportId/studyId`, whatever the export; a row stays for good, so that its fence never falls."""

    pair = UnicodeAttribute(hash_key=True)
    leaseOwner = UnicodeAttribute(null=True)
    leaseUntil = MillisAttribute(null=True)
    fence = NumberAttribute(null=True)
    headEnd = MillisAttribute(null=True)
    headKey = UnicodeAttribute(null=True)
    headSha256 = UnicodeAttribute(null=True)
    memoryKey = UnicodeAttribute(null=True)
    memorySha256 = UnicodeAttribute(null=True)
    headColumns = BinaryAttribute(null=True, legacy_encoding=False)
    seal = BinaryAttribute(null=True, legacy_encoding=False)
    sealedBy = UnicodeAttribute(null=True)
    deliveries = JSONAttribute(null=True)
    deletedAt = InstantAttribute(null=True)

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def acquire(cls, pair: Pair, owner: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease if it is free or has run out, with a new fence; None where another worker holds it."""
        with conditional(f"taking the lease of {pair.key}") as taking:
            row = cls(pair.key)
            row.update(
                actions=[cls.leaseOwner.set(owner), cls.leaseUntil.set(until), cls.fence.add(1)],
                condition=cls.leaseOwner.does_not_exist() | (cls.leaseUntil < now) | (cls.leaseOwner == owner),
            )
        if taking.refused:
            return None
        seal = unpack(row.seal) if row.seal else None
        return Lease(pair, owner, int(row.fence), _head_of(row), seal, row.deliveries or {})

    @classmethod
    def lease_until(cls, pair: Pair) -> datetime | None:
        """Until when the lease is held, None where nobody holds it; strongly consistent."""
        with translated(f"reading the lease of {pair.key}"):
            try:
                row = cls.get(pair.key, consistent_read=True)
            except cls.DoesNotExist:
                return None
        return row.leaseUntil if row.leaseOwner else None

    @classmethod
    def renew(cls, lease: Lease, until: datetime) -> None:
        """Hold on to the lease. Raises LostLeaseError where the fence has moved on."""
        with conditional(f"renewing the lease of {lease.pair.key}") as renewal:
            cls(lease.pair.key).update(actions=[cls.leaseUntil.set(until)], condition=cls.fence == lease.fence)
        if renewal.refused:
            raise lost(lease)

    @classmethod
    def release(cls, lease: Lease) -> None:
        """Give the lease back; does nothing where it is no longer ours."""
        with conditional(f"releasing the lease of {lease.pair.key}"):
            cls(lease.pair.key).update(
                actions=[cls.leaseOwner.remove(), cls.leaseUntil.remove()],
                condition=(cls.fence == lease.fence) & (cls.leaseOwner == lease.owner),
            )

    @classmethod
    def add_seal(cls, transaction: TransactWrite, lease: Lease, packed: bytes, operation_id: str) -> None:
        """Add the seal to a transaction: only under our fence, and only where no other seal waits."""
        transaction.update(
            cls(lease.pair.key),
            actions=[cls.seal.set(packed), cls.sealedBy.set(operation_id), cls.deliveries.remove()],
            condition=(cls.fence == lease.fence) & cls.seal.does_not_exist(),
        )

    @classmethod
    def add_unseal(cls, transaction: TransactWrite, lease: Lease, operation_id: str, head: Head | None) -> None:
        """Add to a transaction that the sealed window is done: the seal goes, `head` (if any) is the chain's new end.

        Under our fence only, and only if the seal is still that operation's.
        """
        actions: list[Action] = [cls.seal.remove(), cls.sealedBy.remove(), cls.deliveries.remove()]
        if head is not None:
            actions += [cls.headEnd.set(head.end), cls.headKey.set(head.key), cls.headSha256.set(head.sha256)]
            actions.append(cls.deletedAt.remove())
            if head.memory is None:
                actions += [cls.memoryKey.remove(), cls.memorySha256.remove()]
            else:
                actions += [cls.memoryKey.set(head.memory.key), cls.memorySha256.set(head.memory.sha256)]
            columns = head.columns
            actions.append(cls.headColumns.remove() if columns is None else cls.headColumns.set(pack(columns)))
        transaction.update(
            cls(lease.pair.key),
            actions=actions,
            condition=(cls.fence == lease.fence) & (cls.sealedBy == operation_id),
        )

    @classmethod
    def save_deliveries(cls, lease: Lease, operation_id: str, deliveries: JSONObject) -> None:
        """Note how far each destination of the sealed window is, receipts and all. Raises LostLeaseError."""
        with conditional(f"noting the deliveries of {lease.pair.key}") as noting:
            cls(lease.pair.key).update(
                actions=[cls.deliveries.set(dict(deliveries))],
                condition=(cls.fence == lease.fence) & (cls.sealedBy == operation_id),
            )
        if noting.refused:
            raise lost(lease)

    @classmethod
    def sealed_by(cls, pair: Pair) -> tuple[int, str | None]:
        """The fence and the operation whose window is sealed (None without one), strongly consistent."""
        with translated(f"reading the seal of {pair.key}"):
            try:
                row = cls.get(pair.key, consistent_read=True)
            except cls.DoesNotExist:
                return 0, None
        return int(row.fence or 0), row.sealedBy

    @classmethod
    def standing(cls, pair: Pair) -> Standing:
        """Chain head and seal of a pair, strongly consistent, without taking its lease."""
        with translated(f"reading the chain head of {pair.key}"):
            try:
                row = cls.get(pair.key, consistent_read=True)
            except cls.DoesNotExist:
                return Standing(None, None)
        return Standing(_head_of(row), unpack(row.seal) if row.seal else None, row.deliveries or {})

    @classmethod
    def alive(cls) -> Iterator[Pair]:
        """Every pair that has been worked on and whose study was not deleted since its last commit, in no order."""
        with translated("reading the table of pairs"):
            for row in cls.scan(filter_condition=cls.deletedAt.does_not_exist(), attributes_to_get=["pair"]):
                yield Pair.of_key(row.pair)

    @classmethod
    def add_takeover(cls, transaction: TransactWrite, pair: Pair, now: datetime, *, force: bool) -> None:
        """Add to a transaction that the fence moves on: whoever worked on the pair before can write nothing any more.

        Without `force` only where nobody holds the lease and no sealed window waits. The pair counts as worked on.
        """
        free = (cls.leaseOwner.does_not_exist() | (cls.leaseUntil < now)) & cls.seal.does_not_exist()
        transaction.update(
            cls(pair.key),
            actions=[cls.fence.add(1), cls.leaseOwner.remove(), cls.leaseUntil.remove(), cls.deletedAt.remove()],
            condition=None if force else free,
        )

    @classmethod
    def fence_off(cls, pair: Pair) -> None:
        """Move the fence on and drop the lease, so that whoever works on the pair can write nothing any more."""
        with translated(f"fencing off {pair.key}"):
            cls(pair.key).update(actions=[cls.fence.add(1), cls.leaseOwner.remove(), cls.leaseUntil.remove()])

    @classmethod
    def bury(cls, pair: Pair, now: datetime) -> None:
        """Forget lease, head and seal of a pair whose study is gone, and move the fence on: no run in flight counts."""
        with translated(f"closing {pair.key}"):
            cls(pair.key).update(
                actions=[
                    cls.fence.add(1),
                    cls.deletedAt.set(now),
                    *(
                        attribute.remove()
                        for attribute in (
                            cls.leaseOwner,
                            cls.leaseUntil,
                            cls.headEnd,
                            cls.headKey,
                            cls.headSha256,
                            cls.memoryKey,
                            cls.memorySha256,
                            cls.headColumns,
                            cls.seal,
                            cls.sealedBy,
                            cls.deliveries,
                        )
                    ),
                ]
            )


def _head_of(row: PairRow) -> Head | None:
    if not row.headKey:
        return None
    memory = Memory(row.memoryKey, row.memorySha256) if row.memoryKey else None
    columns = unpack(row.headColumns) if row.headColumns else None
    return Head(row.headEnd, row.headKey, row.headSha256, memory, columns)


def carried(
    columns: Mapping[str, Mapping[str, str]] | None,
) -> Mapping[str, Mapping[str, str]] | None:
    """What a head carries of these columns: all of them, or None where they are too many."""
    return columns if columns is not None and len(pack(columns)) <= LARGEST_COLUMNS else None


def lost(lease: Lease) -> LostLeaseError:
    """The error for a worker whose fence has moved on."""
    return LostLeaseError(f"Another worker took over {lease.pair.key}; fence {lease.fence} no longer counts.")


def pack(value: Any) -> bytes:
    """JSON as compressed bytes, for an attribute that may be large."""
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def unpack(packed: bytes) -> Any:
    """The JSON value that `pack` packed."""
    return json.loads(zlib.decompress(packed))
