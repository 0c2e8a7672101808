"""What the world is told when an export has ended: the detail of an EventBridge event, and its published schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tidegate.instants import rfc3339
from tidegate.model import Failure, JSONObject, Kind, Operation, State, Window

SOURCE = "tidegate"
DETAIL_TYPES: Mapping[State, str] = {State.SUCCEEDED: "Export Complete", State.FAILED: "Export Failed"}
VERSION = 1


def of_end(
    operation: Operation,
    state: State,
    now: datetime,
    *,
    outcome: str | None = None,
    failure: Failure | None = None,
    result: JSONObject | None = None,
    window: Window | None = None,
) -> dict[str, Any] | None:
    """The detail for an operation that ends now; None for an end that is announced to nobody.

    `eventId` is the same however often the event is sent. A retried operation ends twice, with two ids.
    """
    if state not in DETAIL_TYPES or operation.kind != Kind.EXPORT:
        return None
    known = window or operation.window
    found = result or {}
    counts = found.get("counts", {})
    return {
        "version": VERSION,
        "eventId": f"{operation.operation_id}#{operation.fence}#{operation.dispatch}#{state.value}",
        "operationId": operation.operation_id,
        "requestId": operation.request_id,
        "export": operation.export,
        "study": operation.study,
        "exportType": None if operation.export_type is None else str(operation.export_type),
        "trigger": str(operation.trigger),
        "tag": operation.tag,
        "state": state.value,
        "outcome": None if outcome is None else str(outcome),
        "window": {"start": rfc3339(known.start), "end": rfc3339(known.end)} if known else None,
        "manifest": found.get("manifest"),
        "destinations": [receipt["destination"] for receipt in found.get("receipts", ())],
        "records": counts.get("records", 0),
        "parts": counts.get("parts", 0),
        "bytes": counts.get("bytes", 0),
        "failedRecords": counts.get("failedRecords", 0),
        "error": asdict(failure) if failure else None,
        "endedAt": rfc3339(now),
    }


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of an event's detail, as EventBridge hands it to a rule's target."""
    text, count, instant = (
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": "date-time"},
    )
    maybe = {"type": ["string", "null"]}
    properties: dict[str, Any] = {
        "version": {"const": VERSION},
        "eventId": {**text, "description": "The same for an event that is sent again."},
        "stack": text,
        "bucket": {**text, "description": "Of the manifest and the parts."},
        "operationId": text,
        "requestId": maybe,
        "export": maybe,
        "study": maybe,
        "exportType": maybe,
        "trigger": text,
        "tag": text,
        "state": {"enum": [state.value for state in DETAIL_TYPES]},
        "outcome": maybe,
        "window": _nullable({"start": instant, "end": instant}),
        "manifest": {
            **_nullable({"key": text, "sha256": text}),
            "description": "Null where nothing was written: nothing new, or failed.",
        },
        "destinations": {"type": "array", "items": text, "description": "Those that have their receipt."},
        "records": count,
        "parts": count,
        "bytes": count,
        "failedRecords": count,
        "error": _nullable({"code": text, "message": text, "remedy": text}),
        "endedAt": instant,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate event",
        "description": f"Detail of the events of source {SOURCE}: {' and '.join(DETAIL_TYPES.values())}.",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
    }


def _nullable(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": dict(properties), "required": sorted(properties)}
