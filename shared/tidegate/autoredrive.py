"""Automatic redrive: the tick asks again for the records that an operation could not export, a bounded number of times.

It freezes a request of its own under an id that comes from the operation, as acceptance does with a message; so a tick
that dies anywhere is repeated by the next one, and nothing is asked for twice. The new operation reads the ids from the
redrive list itself, with the definition that the first one had, and leaves the watermark alone.

The tick then follows each redrive, its own and a person's: only when it has ended well are the records settled, because
then those that still fail stand in its own list.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tidegate.errors import RetriableError
from tidegate.frozen import REMEMBERED, dispatch, operations_of
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.model import Operation, State, Trigger
from tidegate.params import ExportParams
from tidegate.queues import WorkQueue
from tidegate.redrive import tag_of_redrive
from tidegate.store.ledger import Ledger

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""From one look at a redrive that is under way to the next."""


class Fate(StrEnum):
    """What became of a redrive, as far as the records are concerned that it was to export."""

    UNDERWAY = "UNDERWAY"
    DONE = "DONE"
    """Each of them is exported, or stands in a list of the redrive's own."""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class AutoRedrive:
    """Sees to the failed records of operations: `most` redrives of a record, 0 for none, `after` an operation's end."""

    ledger: Ledger
    queue: WorkQueue
    most: int
    after: timedelta

    def see_to(self, operation: Operation, now: datetime) -> bool:
        """Have the operation's failed records redriven, or leave them to a person; whether a redrive was asked for.

        Where one was asked for before, see what became of it. May be repeated after a crash at any point, and by two
        ticks at once.
        """
        if operation.redriven_by is not None:
            self._follow(operation, operation.redriven_by, now)
            return False
        operations = self.ledger.operations
        params = ExportParams.of_json(operation.params)
        if params.redrive_count >= self.most:
            why = f"they were redriven {params.redrive_count} times, and {self.most} is the most"
            operations.save_left(operation, now, why)
            return False
        redriving = self._submit(operation, params, now)
        if redriving is None:
            why = f"the requestId {_request_id(operation)} was used for another request"
            operations.save_left(operation, now, why)
            return False
        message = f"the failed records are redriven by operation {redriving}"
        operations.save_redriven(operation, redriving, now, now + self.after + LOOK_AGAIN, message)
        return True

    def _follow(self, operation: Operation, redriven_by: str, now: datetime) -> None:
        """Settle what a redrive has exported, leave to a person what it could not, else look again later."""
        operations = self.ledger.operations
        fate = fate_of(self.ledger, redriven_by, now)
        if fate is Fate.DONE:
            expiry = self.ledger.expiry(operation.state, now)
            operations.save_settled(operation, now, expiry, f"the redrive by operation {redriven_by} has ended well")
        elif fate is Fate.FAILED:
            operations.save_left(operation, now, f"their redrive by operation {redriven_by} did not succeed")
        else:
            operations.save_watched(operation, now + LOOK_AGAIN)

    def _submit(self, operation: Operation, params: ExportParams, now: datetime) -> str | None:
        """The id of the operation that redrives this one; None where its requestId belongs to somebody else."""
        request_id = _request_id(operation)
        frozen = self._frozen(operation, params)
        # Not by its moment: that comes from a parameter of the stack, which may change between two tries.
        told = json.dumps({**frozen, "startAfter": None}, sort_keys=True)
        digest = hashlib.sha256(told.encode()).hexdigest()
        row = self.ledger.requests.read(request_id, now)
        if row is None:
            self.ledger.requests.freeze(request_id, digest, now, frozen, now + REMEMBERED)
            row = self.ledger.requests.read(request_id, now)
            if row is None:
                raise RetriableError(f"Request {request_id} vanished while it was being made.")
        if row.digest != digest:
            logger.error("the id of a redrive is taken", extra={"requestId": request_id})
            return None
        operations = operations_of(request_id, row.acceptedAt, row.content)
        if not row.dispatched:
            dispatch(self.ledger, self.queue, operations)
            row.mark_dispatched()
        return operations[0].operation_id

    def _frozen(self, operation: Operation, params: ExportParams) -> dict[str, Any]:
        """What acceptance would freeze of such a request. It says nothing of now, so that it is the same each time."""
        key = (operation.result or {})["failedRecords"]["key"]
        tables = list(params.tables) if params.tables is not None else None
        redriven = replace(
            params,
            end=None,
            start=None,
            ignore_watermark=True,
            override=None,
            plan=None,
            filtered=0,
            redrive_count=params.redrive_count + 1,
            origin=origin_of(operation, params),
        )
        return {
            "request": {
                "export": operation.export,
                "exportType": None,
                "endDateTime": None,
                "startDateTime": None,
                "ignoreLastExportTime": True,
                "studyWhitelist": [operation.study],
                "tableWhitelist": tables,
                "recordIdS3Override": key,
                "tag": tag_of_redrive(operation.tag),
                "redriveCount": redriven.redrive_count,
            },
            "trigger": Trigger.REDRIVE.value,
            "actor": None,
            "params": redriven.to_json(),
            "startAfter": rfc3339((operation.finished_at or operation.last_action_at) + self.after),
            "plans": [[operation.study, key, 0, 0, False]],
        }


def fate_of(ledger: Ledger, redriven_by: str, now: datetime) -> Fate:
    """What became of a redrive; strongly consistent. A person's may be several operations, and all of them count.

    One without a study has nothing to run: the ids that it did not find stand in its own list. A redrive of which
    nothing is known any more has failed, because nobody can say that it did not.
    """
    known = ledger.operations.read(redriven_by)
    if known is None:
        return Fate.FAILED
    row = None if known.request_id is None else ledger.requests.read(known.request_id, now)
    wanted = [known] if row is None else operations_of(row.requestId, row.acceptedAt, row.content)
    ids = [operation.operation_id for operation in wanted if operation.study is not None]
    stored = ledger.operations.read_many(ids) if ids else {}
    states = {operation.state for operation in stored.values()}
    if len(stored) < len(ids) or states & {State.FAILED, State.CANCELLED}:
        return Fate.FAILED
    return Fate.UNDERWAY if states - {State.SUCCEEDED} else Fate.DONE


def origin_of(operation: Operation, params: ExportParams) -> Mapping[str, Any]:
    """Where a redrive of this operation began: at the operation itself, or where that one began if it is a redrive."""
    if params.origin is not None:
        return params.origin
    window = operation.window
    return {
        "operationId": operation.operation_id,
        "export": operation.export,
        "study": operation.study,
        "window": {"start": rfc3339(window.start), "end": rfc3339(window.end)} if window else None,
        "tables": list(params.tables) if params.tables is not None else None,
    }


def _request_id(operation: Operation) -> str:
    return f"redrive-{operation.operation_id}"
