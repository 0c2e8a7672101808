"""Automatic redrive: the tick asks again for the records that an operation could not export, a bounded number of times.

It freezes a request of its own under an id that comes from the operation, as acceptance does with a message; so a tick
that dies anywhere is repeated by the next one, and nothing is asked for twice. The new operation reads the ids from the
redrive list itself, with the definition that the first one had, and leaves the watermark alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tidegate.errors import RetriableError
from tidegate.frozen import REMEMBERED, dispatch, operations_of
from tidegate.instants import rfc3339
from tidegate.model import Operation, State, Trigger
from tidegate.params import ExportParams
from tidegate.queues import WorkQueue
from tidegate.redrive import tag_of_redrive
from tidegate.store.ledger import Ledger

logger = logging.getLogger(__name__)

WAIT = timedelta(minutes=15)
"""From the end of an operation to the redrive of its failed records: time for somebody to put them right."""


@dataclass(frozen=True, slots=True)
class AutoRedrive:
    """Sees to the failed records of operations that succeeded but for them; `most` redrives of a record, 0 for none."""

    ledger: Ledger
    queue: WorkQueue
    most: int

    def see_to(self, operation: Operation, now: datetime) -> bool:
        """Have the operation's failed records redriven, or leave them to a person; whether they are redriven.

        May be repeated after a crash at any point, and by two ticks at once.
        """
        params = ExportParams.of_json(operation.params)
        if params.redrive_count >= self.most:
            why = f"they were redriven {params.redrive_count} times, and {self.most} is the most"
            self.ledger.operations.save_left(operation, now, why)
            return False
        redriving = self._submit(operation, params, now)
        if redriving is None:
            why = f"the requestId {_request_id(operation)} was used for another request"
            self.ledger.operations.save_left(operation, now, why)
            return False
        expiry = operation.expiry or self.ledger.expiry(State.SUCCEEDED, now)
        message = f"the failed records are redriven by operation {redriving}"
        self.ledger.operations.save_settled(operation, now, expiry, message, redriven_by=redriving)
        return True

    def _submit(self, operation: Operation, params: ExportParams, now: datetime) -> str | None:
        """The id of the operation that redrives this one; None where its requestId belongs to somebody else."""
        request_id = _request_id(operation)
        frozen = _frozen(operation, params)
        digest = hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()
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


def _frozen(operation: Operation, params: ExportParams) -> dict[str, Any]:
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
        "startAfter": rfc3339((operation.finished_at or operation.last_action_at) + WAIT),
        "plans": [[operation.study, key, 0, 0, False]],
    }
