"""What became of e-mails whose answer got lost: as SES tells it by an event, or as a person says.

Both arrive in the intake function, which may write private objects of an operation and nothing else that the worker
reads while it delivers. So an object under `work/` says it; it is removed with the operation's other working objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tidegate.errors import FatalError
from tidegate.layout import work_prefix
from tidegate.model import JSONObject, State
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects

_ATTEMPT = re.compile(r"[0-9a-f]{32}")
_OPERATION = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def settled(objects: Objects, operation_id: str, attempt: str) -> JSONObject | None:
    """What was told of one attempt, None where nothing was."""
    key = _key(operation_id, attempt)
    if not objects.exists(key):
        return None
    found = json.loads(b"".join(objects.get(key)))
    if not isinstance(found, dict):
        raise FatalError(
            f"s3://{objects.bucket}/{key} is no JSON object.",
            code="BAD_SETTLEMENT",
            remedy="Something else writes under work/. Remove the object, then redrive the delivery.",
        )
    return found


def settle(objects: Objects, operation_id: str, attempt: str, told: JSONObject) -> None:
    """Tell what became of one attempt: `{"messageId": ...}` or `{"settled": "sent" | "resend"}`."""
    objects.put(_key(operation_id, attempt), json.dumps(told).encode(), "application/json")


def note(ledger: Ledger, objects: Objects, event: Mapping[str, Any]) -> bool:
    """Keep what an event of SES tells of an e-mail, if anybody may still ask; whether it was kept."""
    told = told_by(event)
    if told is None:
        return False
    operation_id, attempt, message_id = told
    operation = ledger.operations.read(operation_id)
    if operation is None or operation.state in (State.SUCCEEDED, State.CANCELLED):
        return False
    settle(objects, operation_id, attempt, {"messageId": message_id})
    return True


def is_mail_event(event: Mapping[str, Any]) -> bool:
    """Whether an event of the intake function is one of SES."""
    return event.get("source") == "aws.ses"


def told_by(event: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Operation, attempt and message id of SES's event `Email Sent`; None for any other event, and of other senders."""
    detail = event.get("detail")
    mail = detail.get("mail") if isinstance(detail, Mapping) else None
    if not isinstance(mail, Mapping) or event.get("detail-type") != "Email Sent":
        return None
    operation_id, attempt = _tag(mail, "tidegate-operation"), _tag(mail, "tidegate-attempt")
    message_id = mail.get("messageId")
    if not (_OPERATION.fullmatch(operation_id) and _ATTEMPT.fullmatch(attempt) and isinstance(message_id, str)):
        return None
    return operation_id, attempt, message_id


def _tag(mail: Mapping[str, Any], name: str) -> str:
    tags = mail.get("tags")
    values = tags.get(name) if isinstance(tags, Mapping) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


def _key(operation_id: str, attempt: str) -> str:
    return f"{work_prefix(operation_id)}mail/{attempt}"
