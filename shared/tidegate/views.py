"""What is shown of Tidegate's nouns as JSON: one form for the commands and for HTTP, under SPEC 5's names.

Every instant is RFC 3339 in UTC with milliseconds; what is unknown is null and never left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tidegate.instants import rfc3339
from tidegate.model import Definition, Failure, Operation, Progress, Window


def operation_json(operation: Operation) -> dict[str, Any]:
    """One operation, with its log, as a dict that json.dumps takes."""
    return {
        "operationId": operation.operation_id,
        "state": str(operation.state),
        "kind": operation.kind,
        "requestId": operation.request_id,
        "export": operation.export,
        "study": operation.study,
        "exportType": None if operation.export_type is None else str(operation.export_type),
        "trigger": str(operation.trigger),
        "tag": operation.tag,
        "actor": operation.actor,
        "window": window_json(operation.window),
        "watermarkBefore": instant_json(operation.watermark_before),
        "progress": _progress_json(operation.progress),
        "attempts": operation.attempts,
        "outcome": None if operation.outcome is None else str(operation.outcome),
        "error": None if operation.error is None else failure_json(operation.error),
        "result": _result_json(operation),
        "createdAt": rfc3339(operation.created_at),
        "startedAt": instant_json(operation.started_at),
        "finishedAt": instant_json(operation.finished_at),
        "lastActionAt": rfc3339(operation.last_action_at),
        "log": [{"at": rfc3339(at), "message": message} for at, message in operation.log],
        "expiry": instant_json(operation.expiry),
    }


def definition_json(definition: Definition) -> dict[str, Any]:
    """An export's definition: the document that was put, and which version of it this is."""
    return {**definition.document, "exportId": definition.export, "version": definition.version}


def watermark_json(export: str, study: str, at: datetime) -> dict[str, str]:
    """One watermark: the end of the last committed window of (export, study)."""
    return {"export": export, "study": study, "lastExportDateTime": rfc3339(at)}


def window_json(window: Window | None) -> dict[str, str] | None:
    """A half-open window [start, end), or null."""
    return None if window is None else {"start": rfc3339(window.start), "end": rfc3339(window.end)}


def failure_json(failure: Failure) -> dict[str, str]:
    """What went wrong, as code, message and remedy."""
    return {"code": failure.code, "message": failure.message, "remedy": failure.remedy}


def instant_json(instant: datetime | None) -> str | None:
    """An aware instant as RFC 3339 text, or null."""
    return None if instant is None else rfc3339(instant)


def _result_json(operation: Operation) -> dict[str, Any] | None:
    """The result; a redrive's says where it began, and one with failed records which operation redrives these."""
    if operation.result is None:
        return None
    more = {"origin": operation.params.get("origin"), "redrivenBy": operation.redriven_by}
    return {**operation.result, **{name: value for name, value in more.items() if value is not None}}


def _progress_json(progress: Progress) -> dict[str, Any]:
    return {
        "percent": progress.percent,
        "records": progress.records,
        "bytes": progress.bytes,
        "passes": progress.passes,
        "description": progress.description,
    }
