"""The one place that seals a window and the one place that moves a watermark.

`seal` is the point of no return: what it decided will be delivered and committed, by whoever holds the lease next.
`commit` follows the last receipt. Both are single transactions under the fence, so that each happens once or not at
all; both recognise themselves when an answer was lost and they are asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from tidegate import drift
from tidegate.definition import OWN_BUCKET
from tidegate.errors import FatalError, RetriableError
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.manifest import counts
from tidegate.model import Failure, JSONObject, Operation, Outcome, Pair, Progress, State
from tidegate.seal import Seal
from tidegate.store.binding import conditional
from tidegate.store.ledger import Ledger, audit, audit_event
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head, Lease, Memory, carried, lost
from tidegate.store.watermarks import Mark, described

logger = logging.getLogger(__name__)


class StudyGoneError(FatalError):
    """The study was deleted while its export ran: nothing of it may be committed any more."""

    default_code = "STUDY_DELETED"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a sealed window ended."""

    state: State
    result: JSONObject
    message: str
    head: Head | None = None


def seal(ledger: Ledger, objects: Objects, lease: Lease, window: Seal) -> None:
    """Seal a window: one fenced conditional write on the pair's row.

    In the same transaction it is checked that the watermark still stands where it was read and that the study exists,
    so that nobody ever sees a manifest that cannot be committed. Raises LostLeaseError, StudyGoneError, and
    RetriableError where the watermark has moved: then the window must be found anew.
    """
    packed = window.packed(objects)
    with conditional(f"sealing {lease.pair.key}") as sealing, ledger.transaction() as transaction:
        ledger.pairs.add_seal(transaction, lease, packed, window.operation_id)
        ledger.studies.add_check(transaction, lease.pair.study)
        if window.moves_watermark:
            ledger.watermarks.add_check(transaction, lease.pair, window.watermark_before)
    if not sealing.refused:
        return
    fence, sealed_by = ledger.pairs.sealed_by(lease.pair)
    if fence != lease.fence:
        raise lost(lease)
    if sealed_by == window.operation_id:
        return
    if not ledger.studies.is_there(lease.pair.study):
        raise _gone(lease)
    raise RetriableError(
        f"The watermark of {lease.pair.key} moved while its window was being read.",
        code="WATERMARK_MOVED",
        remedy="Nothing to do: the window is found again from where the watermark is now.",
    )


def commit(
    ledger: Ledger,
    lease: Lease,
    window: Seal,
    operation: Operation | None,
    now: datetime,
    receipts: Sequence[JSONObject] = (),
) -> Ended:
    """Commit a sealed window whose parts and manifest are all where they belong; `receipts` of the further places.

    One transaction: the watermark (only from where it was read, only forwards, only while the study exists), the
    chain head, the end of the operation, and the audit event. `operation` is None where its row has expired. Repeating
    it after it has happened changes nothing. Raises LostLeaseError.
    """
    ended = _ended(window, receipts)
    refused = _transact(ledger, lease, window, operation, ended, now)
    if not refused:
        return ended
    fence, sealed_by = ledger.pairs.sealed_by(lease.pair)
    if fence != lease.fence:
        raise lost(lease)
    if sealed_by != window.operation_id:
        return ended
    return _give_up(ledger, lease, window, operation, now)


def set_watermark(
    ledger: Ledger,
    pair: Pair,
    before: Mark | None,
    after: datetime | None,
    *,
    reason: str,
    actor: str | None,
    force: bool,
    now: datetime,
) -> bool:
    """Move a watermark by hand, in either direction, or delete it (`after` None); False where that was refused.

    One transaction with its audit event: only from `before`, and unless `force` only while nobody holds the lease and
    no sealed window waits. The fence moves on, so that a worker that had read the old value commits nothing.
    """
    stream, event_id = f"audit/{pair.key}", f"watermark#{rfc3339(now)}#{actor or ''}"
    event = "WATERMARK_SET" if after is not None else "WATERMARK_DELETED"
    details = {
        "export": pair.export,
        "study": pair.study,
        "watermarkBefore": described(before),
        "watermarkAfter": rfc3339(after) if after else None,
        "reason": reason,
        "actor": actor,
        "forced": force,
    }
    with conditional(f"moving the watermark of {pair.key}") as moving, ledger.transaction() as transaction:
        ledger.watermarks.add_set(transaction, pair, before, after)
        ledger.pairs.add_takeover(transaction, pair, now, force=force)
        if after is not None:
            ledger.studies.add_check(transaction, pair.study)
        ledger.history.add(transaction, stream, event_id, event, now, details)
    return not moving.refused or ledger.history.has(stream, event_id)


def _ended(window: Seal, receipts: Sequence[JSONObject]) -> Ended:
    head = None
    if window.moves_watermark and window.window is not None:
        memory = Memory(window.memory.key, window.memory.sha256) if window.memory else None
        head = Head(
            window.window.end, window.manifest_key, window.manifest_sha256, memory, carried(window.known_columns)
        )
    listed = window.failed_list
    result: dict[str, Any] = {
        "manifest": {"key": window.manifest_key, "sha256": window.manifest_sha256},
        "failedRecords": {"count": listed.records if listed else 0, "key": listed.key if listed else None},
        "receipts": [
            {"destination": OWN_BUCKET, "outcome": "DELIVERED", "manifest": window.manifest_key},
            *receipts,
        ],
        "counts": counts(window.manifest),
        "absentTables": list(window.absent_tables),
    }
    message = f"exported {result['counts']['records']} records, committed by {window.manifest_key}"
    if listed is not None:
        message += f"; {listed.records} could not be exported and are in {listed.key}"
    changed = drift.of_manifest(window.manifest)
    if changed:
        result["drift"] = drift.counts(changed)
        message += f"; columns changed: {drift.words(changed)}"
    return Ended(State.SUCCEEDED, result, message, head)


def _transact(
    ledger: Ledger, lease: Lease, window: Seal, operation: Operation | None, ended: Ended, now: datetime
) -> bool:
    """Send the committing transaction; whether a condition refused it."""
    head = ended.head
    with conditional(f"committing {lease.pair.key}") as committing, ledger.transaction() as transaction:
        if head is not None:
            ledger.watermarks.add_move(transaction, lease.pair, window.watermark_before, head.end)
        ledger.studies.add_check(transaction, lease.pair.study)
        ledger.pairs.add_unseal(transaction, lease, window.operation_id, head)
        if operation is not None:
            _add_end(ledger, transaction, window, operation, ended, now)
    return committing.refused


def _add_end(
    ledger: Ledger,
    transaction: TransactWrite,
    window: Seal,
    operation: Operation,
    ended: Ended,
    now: datetime,
    failure: Failure | None = None,
) -> None:
    found = ended.result.get("counts", {})
    progress = Progress(
        100, found.get("records", 0), found.get("bytes", 0), operation.progress.passes, ended.state.value.lower()
    )
    exported = ended.state is State.SUCCEEDED
    ledger.operations.add_finish(
        transaction,
        operation,
        state=ended.state,
        now=now,
        expiry=ledger.expiry(ended.state, now),
        message=ended.message,
        outcome=Outcome.EXPORTED if exported else None,
        failure=failure,
        result=ended.result if exported else None,
        progress=progress if exported else None,
        window=window.window,
        watermark_before=window.watermark_before,
        sealed=True,
        failed_records=window.failed_list.records if exported and window.failed_list else 0,
    )
    more = {"manifest": window.manifest_key, **found} if exported else {}
    details = audit(
        operation,
        ended.state,
        outcome=Outcome.EXPORTED if exported else None,
        failure=failure,
        window=window.window,
        more=more,
    )
    ledger.history.add(transaction, *audit_event(operation, ended.state), now, details)


def _give_up(ledger: Ledger, lease: Lease, window: Seal, operation: Operation | None, now: datetime) -> Ended:
    """Drop a seal that can never be committed: its study is gone, or somebody moved the watermark by other means.

    The fence guards the dropping too. What has been published stays for whoever has seen it; it is no link of the
    chain, and the watermark is left to whoever moved it.
    """
    if not ledger.studies.is_there(lease.pair.study):
        error: FatalError = _gone(lease)
        state = State.CANCELLED
    else:
        error = FatalError(
            f"The watermark of {lease.pair.key} was changed while a sealed window waited for its commit.",
            code="WATERMARK_CHANGED",
            remedy=f"The files of {window.manifest_key} are whole but not committed. Compare them with the watermark.",
        )
        state = State.FAILED
    logger.error("a sealed window was given up", extra={"operationId": window.operation_id, "errorCode": error.code})
    failure = Failure(error.code, error.message, error.remedy)
    ended = Ended(state, {}, error.message)
    with conditional(f"dropping the seal of {lease.pair.key}") as dropping, ledger.transaction() as transaction:
        ledger.pairs.add_unseal(transaction, lease, window.operation_id, None)
        if operation is not None:
            _add_end(ledger, transaction, window, operation, ended, now, failure)
    if dropping.refused:
        raise lost(lease)
    return ended


def _gone(lease: Lease) -> StudyGoneError:
    return StudyGoneError(
        f"The study {lease.pair.study} was deleted while its export ran.",
        remedy="Nothing was committed. If the deletion was a mistake, put the study back and export again.",
    )
