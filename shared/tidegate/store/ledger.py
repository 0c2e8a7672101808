"""All of a stack's tables together, and the transactions that span them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from tidegate.errors import LostLeaseError
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.model import Failure, JSONObject, Operation, Progress, State, Window
from tidegate.settings import Settings
from tidegate.store.binding import bind, conditional, connect
from tidegate.store.exports import ExportRow
from tidegate.store.history import HistoryRow
from tidegate.store.operations import OperationRow, retention
from tidegate.store.pairs import PairRow
from tidegate.store.requests import RequestRow
from tidegate.store.studies import StudyRow
from tidegate.store.watermarks import WatermarkRow


@dataclass(frozen=True, slots=True)
class Ledger:
    """The bound row classes of one stack."""

    connection: Connection
    settings: Settings
    operations: type[OperationRow]
    pairs: type[PairRow]
    watermarks: type[WatermarkRow]
    studies: type[StudyRow]
    history: type[HistoryRow]
    requests: type[RequestRow]
    exports: type[ExportRow]

    @classmethod
    def of(cls, settings: Settings, client: Any) -> Ledger:
        """The ledger of a stack, over a boto3 DynamoDB client."""
        connection = connect(client)
        return cls(
            connection,
            settings,
            bind(OperationRow, settings.operation_table, connection),
            bind(PairRow, settings.pair_table, connection),
            bind(WatermarkRow, settings.export_time_table, connection),
            bind(StudyRow, settings.study_table, connection),
            bind(HistoryRow, settings.history_table, connection),
            bind(RequestRow, settings.request_table, connection),
            bind(ExportRow, settings.export_table, connection),
        )

    def transaction(self) -> TransactWrite:
        """A transaction over this stack's tables; it is sent when its `with` block ends."""
        return TransactWrite(connection=self.connection)

    def expiry(self, state: State, now: datetime) -> datetime:
        """When an operation that ends now in `state` expires."""
        hours = self.settings.failed_retention_hours
        if state is State.SUCCEEDED:
            hours = self.settings.succeeded_retention_hours
        return retention(hours, now)

    def end(
        self,
        operation: Operation,
        *,
        state: State,
        now: datetime,
        message: str,
        outcome: str | None = None,
        failure: Failure | None = None,
        result: JSONObject | None = None,
        progress: Progress | None = None,
        window: Window | None = None,
        watermark_before: datetime | None = None,
    ) -> None:
        """End an operation that moves no watermark, with its audit event, in one transaction.

        Raises LostLeaseError where it is no longer ours. A repeat after a lost answer is recognised and harmless.
        """
        details = audit(operation, state, outcome=outcome, failure=failure, window=window)
        with conditional(f"ending operation {operation.operation_id}") as ending, self.transaction() as transaction:
            self.operations.add_finish(
                transaction,
                operation,
                state=state,
                now=now,
                expiry=self.expiry(state, now),
                message=message,
                outcome=outcome,
                failure=failure,
                result=result,
                progress=progress,
                window=window,
                watermark_before=watermark_before,
            )
            self.history.add(transaction, *audit_event(operation, state), now, details)
        if ending.refused and not self.ended_as(operation, state):
            raise LostLeaseError(f"Operation {operation.operation_id} is no longer ours to end.")

    def close(
        self, operation: Operation, state: State, now: datetime, message: str, failure: Failure | None = None
    ) -> bool:
        """End waiting work that no worker holds, with its audit event; False where it has changed meanwhile."""
        with conditional(f"closing operation {operation.operation_id}") as closing, self.transaction() as transaction:
            self.operations.add_close(
                transaction,
                operation,
                state=state,
                now=now,
                expiry=self.expiry(state, now),
                message=message,
                failure=failure,
            )
            details = audit(operation, state, failure=failure)
            self.history.add(transaction, *audit_event(operation, state), now, details)
        return not closing.refused

    def ended_as(self, operation: Operation, state: State) -> bool:
        """Whether the operation has already ended so, under the same fence (then an answer was lost)."""
        current = self.operations.read(operation.operation_id)
        return current is not None and current.state is state and current.fence == operation.fence


def audit_event(operation: Operation, state: State) -> tuple[str, str, str]:
    """Stream, event id and name of the audit event for an operation's end.

    The id holds fence and state, so that the end of a retried operation is an event of its own and a repeat is not.
    """
    stream = f"audit/{operation.pair.key}" if operation.pair else f"audit/{operation.export or ''}"
    return stream, f"{operation.operation_id}#{operation.fence:010d}#{state.value}", f"{operation.kind}_{state.value}"


def audit(
    operation: Operation,
    state: State,
    *,
    outcome: str | None = None,
    failure: Failure | None = None,
    window: Window | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The details of an audit event: what ran, for whom, and how it ended. No record content, and no record's id."""
    return {
        "operationId": operation.operation_id,
        "kind": operation.kind,
        "requestId": operation.request_id,
        "export": operation.export,
        "study": operation.study,
        "exportType": operation.export_type,
        "trigger": operation.trigger,
        "tag": operation.tag,
        "actor": operation.actor,
        "state": state.value,
        "outcome": outcome,
        "error": {"code": failure.code, "message": failure.message} if failure else None,
        "window": {"start": rfc3339(window.start), "end": rfc3339(window.end)} if window else None,
        **(more or {}),
    }
