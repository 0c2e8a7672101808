"""Intake: a queue message, a rule, a schedule or a direct call -> a checked request -> operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.accept import Origin
from tidegate.bootstrap import Stack
from tidegate.collector import made_to_stay
from tidegate.errors import RejectedError
from tidegate.instants import floor_millis, from_millis
from tidegate.logs import DiscreetFormatter
from tidegate.model import Request, Trigger
from tidegate.orders import is_order, order_of
from tidegate.request import parse
from tidegate.schedule import from_schedule
from tidegate.service import Service
from tidegate.settings import from_environment
from tidegate.settlement import is_mail_event

logger = Logger(logger_formatter=DiscreetFormatter())
metrics = Metrics()


@cache
def stack() -> Stack:
    """The stack of this execution environment, made at the first event."""
    copy_config_to_registered_loggers(source_logger=logger, include={"tidegate"})
    with made_to_stay():
        return Stack.of(from_environment())


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Accept what came; bad requests are refused one by one, and only what crashed comes back.

    SQS batches answer with the messages that failed. What SES tells of an e-mail is kept for the worker. A schedule's
    payload, a request given directly, or a command's order (redrive.py) answers with the operations that it made, or
    with the error that refused it.
    """
    service = stack().service()
    if isinstance(event, Mapping) and "Records" in event:
        failures = [record["messageId"] for record in event["Records"] if not _message(service, record)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}
    if isinstance(event, Mapping) and is_mail_event(event):
        kept = stack().note_mail(event)
        logger.info("SES told of a message", extra={"kept": kept})
        return {"kept": kept}
    return _direct(service, event, context)


def _message(service: Service, record: Mapping[str, Any]) -> bool:
    """Handle one message; False keeps it in the queue."""
    sent_at = from_millis(int(record["attributes"]["SentTimestamp"]))
    sender = record["attributes"].get("SenderId")
    origin = Origin(record["messageId"], Trigger.MESSAGE, sender)
    try:
        _accept(service, record["body"], parse, origin, sent_at)
    except Exception:
        # The outermost handler: one message's trouble must not touch its neighbours. It is received again, and after
        # maxReceiveCount lies in the dead-letter queue without an errorCode.
        logger.exception("acceptance failed", extra={"messageId": record["messageId"]})
        return False
    return True


def _ordered(event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a command's order. The command shows a refusal itself, so none is kept among the dead letters."""
    made = stack()
    try:
        operations = made.recovery().carry_out(order_of(event), floor_millis(made.clock()))
    except RejectedError as error:
        logger.warning("order refused", extra={"errorCode": error.code})
        return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    logger.info("order carried out", extra={"operations": operations})
    return {"operations": operations}


def _direct(service: Service, event: Any, context: LambdaContext) -> dict[str, Any]:
    if isinstance(event, Mapping) and is_order(event):
        return _ordered(event)
    body = json.dumps(event)
    scheduled = isinstance(event, Mapping) and ("schedule" in event or "scheduledTime" in event)

    def checked(text: str) -> Request:
        return from_schedule(event)[0] if scheduled else parse(text)

    origin = Origin(context.aws_request_id, Trigger.RULE if scheduled else Trigger.MESSAGE)
    return _accept(service, body, checked, origin, floor_millis(datetime.now(UTC)))


def _accept(service: Service, body: str, checked: Any, origin: Origin, sent_at: datetime) -> dict[str, Any]:
    try:
        request = checked(body)
        operations = service.submit(request, origin, floor_millis(stack().clock()))
    except RejectedError as error:
        service.refuse(body, error, origin, sent_at)
        metrics.add_metric(name="RequestsRejected", unit=MetricUnit.Count, value=1)
        return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    metrics.add_metric(name="RequestsAccepted", unit=MetricUnit.Count, value=1)
    logger.info("request accepted", extra={"tag": request.tag, "export": request.export, "operations": len(operations)})
    return {"operations": operations}
