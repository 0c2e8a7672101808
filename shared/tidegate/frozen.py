"""What a frozen request becomes: its operations, always the same ones, written and sent.

Whoever freezes a request (acceptance, or the tick for a redrive) ends here, so that all of it can be repeated after a
crash at any point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tidegate.immutable import dataclass
from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.job import SILENCE, Task
from tidegate.model import Failure, JSONObject, Kind, Operation, Outcome, State
from tidegate.queues import WorkQueue
from tidegate.store.ledger import Ledger
from tidegate.ulid import derived

REMEMBERED = timedelta(days=90)
"""How long a request's id is taken: longer than any of its operations can live, and at least 14 days (SPEC 2)."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What acceptance decided about one (export, study): its work, or what there is to say instead."""

    study: str | None
    plan: str | None = None
    filtered: int = 0
    missing: int = 0
    none_found: bool = False


def operations_of(request_id: str, accepted_at: datetime, frozen: Mapping[str, Any]) -> list[Operation]:
    """The operations of a frozen request; always the same, ids included."""
    request, plans = frozen["request"], [StudyPlan(*plan) for plan in frozen["plans"]]
    start_after = parse_rfc3339(frozen["startAfter"]) if frozen["startAfter"] else None
    operations = []
    for plan in plans or [StudyPlan(None)]:
        state = State.NOT_STARTED if start_after is None else State.SLEEPING
        operation = Operation(
            operation_id=derived(accepted_at, request_id, plan.study or ""),
            kind=Kind.EXPORT,
            state=state,
            request_id=request_id,
            export=request["export"],
            study=plan.study,
            export_type=request["exportType"],
            trigger=frozen["trigger"],
            tag=request["tag"],
            actor=frozen["actor"],
            created_at=accepted_at,
            last_action_at=accepted_at,
            params={**frozen["params"], "plan": plan.plan, "filtered": plan.filtered},
            start_after=start_after,
            dispatch=1 if state is State.NOT_STARTED else 0,
            log=(
                (accepted_at, "accepted" if start_after is None else f"accepted, sleeps until {rfc3339(start_after)}"),
            ),
        )
        operations.append(operation if plan.study is not None else _without_study(operation, plan))
    return operations


def dispatch(ledger: Ledger, queue: WorkQueue, operations: Sequence[Operation]) -> None:
    """Write and send every operation; a repeat writes nothing twice, and the queue drops a message sent twice."""
    if len(operations) == 1:
        _write(ledger, operations[0])
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(partial(_write, ledger), operations))
    ready = [
        Task(operation.operation_id, operation.pair)
        for operation in operations
        if operation.state is State.NOT_STARTED and operation.pair is not None
    ]
    queue.send(ready, dispatch=1)


def _write(ledger: Ledger, operation: Operation) -> None:
    look_at: datetime | None = None
    if operation.state is State.SLEEPING:
        look_at = operation.start_after
    elif operation.state is State.NOT_STARTED:
        look_at = operation.created_at + SILENCE
    elif not operation.failed_records:
        operation = replace(operation, expiry=ledger.expiry(operation.state, operation.created_at))
    ledger.operations.create(operation, look_at)


def _without_study(operation: Operation, plan: StudyPlan) -> Operation:
    """An operation that has nothing to run: no study matched, or it reports the ids that were found nowhere."""
    counts = {"records": 0, "parts": 0, "bytes": 0, "filtered": plan.filtered, "missing": plan.missing}
    result: JSONObject = {
        "manifest": None,
        "receipts": [],
        "counts": counts,
        "failedRecords": {"count": plan.missing, "key": plan.plan},
    }
    ended = replace(
        operation,
        finished_at=operation.created_at,
        result=result,
        dispatch=0,
        start_after=None,
        state=State.SUCCEEDED,
        failed_records=plan.missing,
    )
    if not plan.missing:
        return replace(ended, outcome=Outcome.NOTHING_NEW, log=((operation.created_at, "no study takes part"),))
    message = (
        f"{plan.missing} ids of the override file were found nowhere. They are in {plan.plan}, and left to a person."
    )
    log = ((operation.created_at, message),)
    if plan.none_found:
        failure = Failure(
            "OVERRIDE_EMPTY", f"None of the override file's ids was found. {message}", "Correct the file."
        )
        return replace(ended, state=State.FAILED, error=failure, log=log)
    return replace(ended, outcome=Outcome.NOTHING_NEW, log=log)
