"""What is done again when something went wrong: an operation's tables, a failed operation, a delivery, failed records.

Intake calls `carry_out`; commands use the rest to show what an order would do before they send it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn

from tidegate.accept import Acceptance, Origin, Repeated
from tidegate.autoredrive import origin_of
from tidegate.definition import from_document
from tidegate.errors import RejectedError
from tidegate.frozen import REMEMBERED
from tidegate.job import Task
from tidegate.model import Operation, State, Trigger
from tidegate.override import MOST_IDS
from tidegate.params import ExportParams
from tidegate.queues import WorkQueue
from tidegate.redrive import OVERRIDES, RetryOrder, TablesOrder, override_text, tables_request
from tidegate.store.binding import conditional
from tidegate.store.ledger import Ledger, audit
from tidegate.store.objects import Objects
from tidegate.ulid import derived

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""When the tick looks after a retried operation that no worker has begun: longer than a message may be in doubt."""


class Delivered(StrEnum):
    """How far an operation's window is on its way to the destinations."""

    COMPLETE = "COMPLETE"
    UNDERWAY = "UNDERWAY"
    SEALED = "SEALED"
    NOTHING = "NOTHING"


@dataclass(frozen=True, slots=True)
class Recovery:
    """The second tries of one stack."""

    ledger: Ledger
    objects: Objects
    acceptance: Acceptance
    queue: WorkQueue

    def carry_out(self, order: TablesOrder | RetryOrder, now: datetime) -> list[str]:
        """Carry out an order of a command; the ids of the operations that now do it. Raises RejectedError.

        An order that is delivered twice is carried out once.
        """
        if isinstance(order, RetryOrder):
            return [self._retry(order, now)]
        operation = self.operation(order.operation_id, now)
        request = tables_request(operation, order)
        definition = from_document(operation.params["definition"], operation.params["definitionVersion"])
        origin = Origin(order.request_id, Trigger.REDRIVE, order.actor)
        first = origin_of(operation, ExportParams.of_json(operation.params))
        return self.acceptance.accept(request, origin, now, Repeated(definition, first))

    def operation(self, operation_id: str, now: datetime) -> Operation:
        """The operation, strongly consistent. Raises RejectedError where there is none, or it has expired."""
        operation = self.ledger.operations.read(operation_id)
        if operation is None or (operation.expiry is not None and operation.expiry <= now):
            raise RejectedError(
                f"There is no operation {operation_id}, or it has expired.",
                code="UNKNOWN_OPERATION",
                remedy="'tidegate operations list' shows those there are.",
            )
        return operation

    def delivered(self, operation: Operation) -> Delivered:
        """How far the operation's window is delivered; strongly consistent."""
        if operation.state is State.SUCCEEDED:
            return Delivered.COMPLETE
        if not operation.state.final:
            return Delivered.UNDERWAY
        if operation.state is State.FAILED and operation.pair is not None:
            _, sealed_by = self.ledger.pairs.sealed_by(operation.pair)
            if sealed_by == operation.operation_id:
                return Delivered.SEALED
        return Delivered.NOTHING

    def check_retry(self, operation: Operation, *, delivery_only: bool) -> None:
        """Raise RejectedError where the operation cannot be tried again, with what to do instead."""
        if operation.state is not State.FAILED:
            raise RejectedError(
                f"The operation {operation.operation_id} is {operation.state}; only a failed one can be retried.",
                code="NOT_FAILED",
                remedy="Watch it, or send a new request for its window."
                if not operation.state.final
                else "Redrive its tables, its records or its window instead.",
            )
        if operation.pair is None:
            raise RejectedError(
                f"The operation {operation.operation_id} belongs to no study, so there is nothing to run again.",
                code="NOT_RETRIABLE",
                remedy="Send its request again, corrected as its error says.",
            )
        if delivery_only and self.delivered(operation) is not Delivered.SEALED:
            raise RejectedError(
                f"The operation {operation.operation_id} failed before its window was sealed: nothing was delivered,"
                " and there are no parts to deliver.",
                code="NOT_SEALED",
                remedy=f"Do the whole of it again: 'tidegate redrive operation {operation.operation_id}'.",
            )

    def failed_keys(self, operation: Operation) -> list[tuple[str, ...]]:
        """The ids of the records that an operation could not export, in its list's order, each once.

        Raises RejectedError where it has no such list.
        """
        result = operation.result or {}
        if result.get("missing"):
            return _once(json.loads(self._read(result["missing"])))
        key = (result.get("failedRecords") or {}).get("key")
        if key is None:
            raise RejectedError(
                f"The operation {operation.operation_id} ({operation.state}) has no list of failed records.",
                code="NO_FAILED_RECORDS",
                remedy="If it failed as a whole, retry it: "
                f"'tidegate redrive operation {operation.operation_id}'. Else there is nothing to redrive.",
            )
        return _once([json.loads(line)["key"] for line in self._read(key).splitlines()])

    def hand_over(self, operation: Operation, redriving: Sequence[Operation], now: datetime) -> bool:
        """Note that other operations see to all failed records of this one, which then no longer waits for a person.

        False where there is nothing to note: it has none, or they were handed over before.
        """
        by = next((one for one in redriving if one.study == operation.study), None)
        if by is None or not operation.failed_records:
            return False
        expiry = operation.expiry or self.ledger.expiry(State.SUCCEEDED, now)
        message = f"a person had the failed records redriven by operation {by.operation_id}"
        return self.ledger.operations.save_settled(operation, now, expiry, message, redriven_by=by.operation_id)

    def stage(self, keys: Sequence[Sequence[str]], now: datetime, name: str) -> list[str]:
        """Store ids where an override request may name them, as many in a file as one may have; the files' keys.

        Under a new name each time: a file that a request has named never changes.
        """
        staged = []
        for begin in range(0, len(keys), MOST_IDS):
            key = f"{OVERRIDES}{derived(now, name, str(begin))}.txt"
            self.objects.put(key, override_text(keys[begin : begin + MOST_IDS]).encode(), "text/plain; charset=utf-8")
            staged.append(key)
        return staged

    def _read(self, key: str) -> bytes:
        return b"".join(self.objects.get(key))

    def _retry(self, order: RetryOrder, now: datetime) -> str:
        operation = self.operation(order.operation_id, now)
        if operation.dispatch == order.dispatch + 1 and operation.state is State.NOT_STARTED:
            return self._dispatch(operation, operation.dispatch, order)
        if operation.dispatch != order.dispatch:
            _changed(operation)
        self.check_retry(operation, delivery_only=order.delivery_only)
        by = f" by {order.actor}" if order.actor else ""
        what = "delivery is" if order.delivery_only else "operation is"
        with (
            conditional(f"retrying operation {operation.operation_id}") as reopening,
            self.ledger.transaction() as transaction,
        ):
            self.ledger.operations.add_reopen(
                transaction, operation, now, now + LOOK_AGAIN, f"the {what} tried again{by}"
            )
            stream = f"audit/{operation.pair.key}" if operation.pair else "audit/"
            details = audit(operation, State.NOT_STARTED, more={"retriedBy": order.actor})
            event = f"{operation.operation_id}#{operation.fence:010d}#retried-{operation.dispatch}"
            self.ledger.history.add(transaction, stream, event, "OPERATION_RETRIED", now, details)
        if reopening.refused:
            _changed(operation)
        if operation.request_id is not None:
            self.ledger.requests.extend(operation.request_id, now + REMEMBERED)
        return self._dispatch(operation, operation.dispatch + 1, order)

    def _dispatch(self, operation: Operation, dispatch: int, order: RetryOrder) -> str:
        if order.send and operation.pair is not None:
            self.queue.send([Task(operation.operation_id, operation.pair)], dispatch=dispatch)
        return operation.operation_id


def _changed(operation: Operation) -> NoReturn:
    raise RejectedError(
        f"The operation {operation.operation_id} has changed since it was looked at (it is {operation.state}).",
        code="CHANGED_MEANWHILE",
        remedy="Look at it again: 'tidegate operations show' tells what became of it.",
    )


def _once(keys: Sequence[Sequence[str] | str]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys((key,) if isinstance(key, str) else tuple(key) for key in keys))
