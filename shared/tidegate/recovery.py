"""What is done again when something went wrong: an operation's tables, a failed operation, a delivery, failed records.

Intake calls `carry_out`; commands use the rest to show what an order would do before they send it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn

from tidegate.accept import Acceptance, Origin, Repeated
from tidegate.autoredrive import LOOK_AGAIN as FOLLOW_UP
from tidegate.autoredrive import origin_of
from tidegate.definition import from_document
from tidegate.errors import RejectedError
from tidegate.failed import keys_of
from tidegate.frozen import REMEMBERED
from tidegate.immutable import dataclass
from tidegate.job import Task
from tidegate.model import JSONObject, Operation, State, Trigger
from tidegate.orders import (
    Order,
    RecordsOrder,
    RetryOrder,
    TablesOrder,
    records_request,
    redrive_list,
    tables_request,
)
from tidegate.override import MOST_IDS
from tidegate.params import ExportParams
from tidegate.queues import WorkQueue
from tidegate.reached import outcomes, unknown_attempts
from tidegate.redrive import OVERRIDES, override_text
from tidegate.seal import Seal
from tidegate.settlement import settle
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

    def carry_out(self, order: Order, now: datetime) -> list[str]:
        """Carry out an order of a command; the ids of the operations that now do it. Raises RejectedError.

        An order that is delivered twice is carried out once.
        """
        if isinstance(order, RetryOrder):
            return [self._retry(order, now)]
        operation = self.operation(order.operation_id, now)
        if isinstance(order, RecordsOrder):
            return self._redrive_records(operation, order, now)
        request = tables_request(operation, order)
        definition = from_document(operation.params["definition"], operation.params["definitionVersion"])
        first = origin_of(operation, ExportParams.of_json(operation.params))
        return self.acceptance.accept(request, _origin(order), now, Repeated(definition, first))

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

    def destinations(self, operation: Operation) -> list[JSONObject]:
        """How far each destination of an operation is: its receipts, or before the end what the pair's row has of it.

        Nothing before its window is sealed. What the row has is strongly consistent.
        """
        if operation.result is not None:
            return [{**receipt, "error": None} for receipt in operation.result.get("receipts", ())]
        if operation.pair is None:
            return []
        standing = self.ledger.pairs.standing(operation.pair)
        if standing.seal is None:
            return []
        seal = Seal.unpacked(standing.seal, self.objects)
        return outcomes(seal, standing.deliveries) if seal.operation_id == operation.operation_id else []

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

    def unknown_mails(self, operation: Operation) -> list[str]:
        """The attempts of an operation's e-mails whose answers got lost. Raises RejectedError where there are none."""
        standing = self.ledger.pairs.standing(operation.pair) if operation.pair is not None else None
        found = unknown_attempts(standing.deliveries) if standing is not None else []
        if not found:
            raise RejectedError(
                f"No e-mail of the operation {operation.operation_id} is unknown.",
                code="NOTHING_UNKNOWN",
                remedy="Give the command without --unknown; 'tidegate destinations show' tells how far each one is.",
            )
        return found

    def failed_keys(self, operation: Operation) -> list[tuple[str, ...]]:
        """The ids of the records that an operation could not export, in its list's order, each once.

        Raises RejectedError where it has no such list.
        """
        return keys_of(self.objects.get(redrive_list(operation)))

    def settle(self, operation: Operation, *, reason: str, actor: str | None, now: datetime) -> None:
        """Note, with an audit event, that nobody has to see to an operation's failed records any more.

        Raises RejectedError where it has none, or they are settled.
        """
        self.check_unsettled(operation)
        stream = f"audit/{operation.pair.key if operation.pair else operation.export or ''}"
        details = audit(operation, operation.state, more={"records": operation.failed_records, "reason": reason})
        self.ledger.history.append(
            stream, f"{operation.operation_id}#settled", "FAILED_RECORDS_SETTLED", now, {**details, "settledBy": actor}
        )
        expiry, by = self.ledger.expiry(operation.state, now), f" by {actor}" if actor else ""
        self.ledger.operations.save_settled(operation, now, expiry, f"the failed records were settled{by}: {reason}")

    def check_unsettled(self, operation: Operation) -> None:
        """Raise RejectedError where an operation has no failed records to see to."""
        redrive_list(operation)
        if not operation.unsettled:
            raise RejectedError(
                f"The failed records of operation {operation.operation_id} are settled.",
                code="NO_FAILED_RECORDS",
                remedy="There is nothing to do: 'tidegate operations list --failed-records' shows what is left.",
            )

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

    def _redrive_records(self, operation: Operation, order: RecordsOrder, now: datetime) -> list[str]:
        """Export an operation's failed records again, with the newest definition: it may be that which was wrong.

        All of them go to one operation of the same study, as in an automatic redrive; those without a study are looked
        up anew. From then on the tick follows it, unless it leaves some out.
        """
        request = records_request(operation, order)
        first = origin_of(operation, ExportParams.of_json(operation.params))
        plan = request.override if operation.study is not None else None
        repeated = Repeated(self.acceptance.definition(request.export), first, plan)
        ids = self.acceptance.accept(request, _origin(order), now, repeated)
        if not order.tables and not any(self._filtered(operation_id) for operation_id in ids):
            why = f"a person had the failed records redriven by operation {ids[0]}"
            self.ledger.operations.save_redriven(operation, ids[0], now, now + FOLLOW_UP, why)
        return ids

    def _filtered(self, operation_id: str) -> int:
        """How many of the ids belong to studies that take no part: nobody sees to those."""
        made = self.ledger.operations.read(operation_id)
        return 0 if made is None else int(made.params.get("filtered", 0))

    def _retry(self, order: RetryOrder, now: datetime) -> str:
        operation = self.operation(order.operation_id, now)
        if operation.dispatch == order.dispatch + 1 and operation.state is State.NOT_STARTED:
            return self._dispatch(operation, operation.dispatch, order)
        if operation.dispatch != order.dispatch:
            _changed(operation)
        self.check_retry(operation, delivery_only=order.delivery_only)
        if order.unknown is not None:
            for attempt in self.unknown_mails(operation):
                settle(self.objects, operation.operation_id, attempt, {"settled": str(order.unknown)})
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


def _origin(order: TablesOrder | RecordsOrder) -> Origin:
    return Origin(order.request_id, Trigger.REDRIVE, order.actor)


def _changed(operation: Operation) -> NoReturn:
    raise RejectedError(
        f"The operation {operation.operation_id} has changed since it was looked at (it is {operation.state}).",
        code="CHANGED_MEANWHILE",
        remedy="Look at it again: 'tidegate operations show' tells what became of it.",
    )
