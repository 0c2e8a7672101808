from __future__ import annotations

import json
from datetime import UTC, datetime

from tidegate.model import ExportType, Failure, Operation, Progress, State, Trigger, Window
from tidegate.views import operation_json

AT = datetime(2026, 2, 1, 0, 0, 0, 5_999, tzinfo=UTC)


def an_operation(**changes: object) -> Operation:
    required: dict[str, object] = {
        "operation_id": "01KFYMB9W0V2Q6T8X4Z1C3N5P7",
        "kind": "EXPORT",
        "state": State.FAILED,
        "request_id": "r",
        "export": "default",
        "study": "asthma",
        "export_type": ExportType.DAILY,
        "trigger": Trigger.COMMAND,
        "tag": "t",
        "actor": None,
        "created_at": AT,
        "last_action_at": AT,
    }
    return Operation(**{**required, **changes})  # type: ignore[arg-type]  # as the fields say


def test_an_operation_has_exactly_the_names_of_the_specification() -> None:
    assert list(operation_json(an_operation())) == [
        "operationId", "state", "kind", "requestId", "export", "study", "exportType", "trigger", "tag", "actor",
        "window", "watermarkBefore", "progress", "attempts", "outcome", "error", "result", "createdAt", "startedAt",
        "finishedAt", "lastActionAt", "log", "expiry",
    ]  # fmt: skip


def test_every_value_is_json_with_instants_in_utc_and_milliseconds() -> None:
    operation = an_operation(
        window=Window(AT, AT),
        watermark_before=AT,
        progress=Progress(50, 1, 2, 3, "reading"),
        error=Failure("CODE", "What happened.", "What to do."),
        result={"manifest": "key", "receipts": [], "counts": {"records": 1}},
        log=((AT, "Started."),),
        expiry=AT,
    )
    instant = "2026-02-01T00:00:00.005Z"
    shown = json.loads(json.dumps(operation_json(operation)))
    assert shown["window"] == {"start": instant, "end": instant}
    assert shown["progress"] == {"percent": 50, "records": 1, "bytes": 2, "passes": 3, "description": "reading"}
    assert shown["error"] == {"code": "CODE", "message": "What happened.", "remedy": "What to do."}
    assert shown["log"] == [{"at": instant, "message": "Started."}]
    assert shown["watermarkBefore"] == shown["createdAt"] == shown["expiry"] == instant
    assert (shown["state"], shown["exportType"], shown["trigger"]) == ("FAILED", "DAILY", "COMMAND")


def test_a_result_says_where_a_redrive_began_and_who_redrives_what_failed() -> None:
    origin = {"operationId": "01KFYMB9W0V2Q6T8X4Z1C3N5P6"}
    redrive = an_operation(result={"counts": {}}, params={"origin": origin}, redriven_by="01KFYMB9W0V2Q6T8X4Z1C3N5P8")
    assert operation_json(redrive)["result"] == {
        "counts": {},
        "origin": origin,
        "redrivenBy": "01KFYMB9W0V2Q6T8X4Z1C3N5P8",
    }


def test_what_is_unknown_is_null_and_not_left_out() -> None:
    shown = operation_json(an_operation(export=None, study=None, export_type=None, request_id=None))
    for name in ("export", "study", "exportType", "requestId", "window", "error", "result", "startedAt", "expiry"):
        assert shown[name] is None
    assert shown["log"] == []
