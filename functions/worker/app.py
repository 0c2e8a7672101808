"""Worker: one operation's message -> passes until it has ended or the invocation is out of time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.bootstrap import Stack
from tidegate.collector import made_to_stay
from tidegate.engine import Verdict
from tidegate.errors import RejectedError, TidegateError
from tidegate.job import Task
from tidegate.logs import DiscreetFormatter
from tidegate.model import State
from tidegate.queues import WorkMessage
from tidegate.settings import from_environment

logger = Logger(logger_formatter=DiscreetFormatter())
metrics = Metrics()


@cache
def stack() -> Stack:
    """The stack of this execution environment, made at the first event."""
    copy_config_to_registered_loggers(source_logger=logger, include={"tidegate"})
    with made_to_stay():
        made = Stack.of(from_environment())
        # Both are made anew for each message; the first time imports all that an export needs.
        made.engine()
        made.announcer()
    return made


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work on the messages of a batch (template.yaml sets its size to 1); what is not done is given back.

    Called with `{"probe": EXPORT}` it tries that export's destinations instead, and answers what it found.
    """
    if "probe" in event:
        return _probe(str(event["probe"]))
    failures = []
    for record in event["Records"]:
        verdict = _work(record, context)
        if not verdict.acknowledge:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _probe(export: str) -> dict[str, Any]:
    metrics.add_metric(name="DestinationsProbed", unit=MetricUnit.Count, value=1)
    try:
        return {"destinations": stack().probe(export)}
    except RejectedError as error:
        return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def _announce(made: Stack, operation_id: str) -> None:
    try:
        made.announcer().announce(operation_id)
    except TidegateError as error:
        logger.warning("the end is announced by the tick", extra={"reason": str(error)})


def _work(record: Mapping[str, Any], context: LambdaContext) -> Verdict:
    task = Task.of_body(json.loads(record["body"]))
    made = stack()
    message = WorkMessage(made.clients.sqs, made.settings.work_queue_url, record["receiptHandle"])
    logger.append_keys(operationId=task.operation_id)
    verdict = made.engine().work(task, message, lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("message worked on", extra={"acknowledged": verdict.acknowledge, "note": verdict.note})
    metrics.add_metric(name="MessagesReturned", unit=MetricUnit.Count, value=int(not verdict.acknowledge))
    pages, by_reference = made.pages.take()
    if pages:
        metrics.add_metric(name="PagesRead", unit=MetricUnit.Count, value=pages)
        metrics.add_metric(name="PagesByReference", unit=MetricUnit.Count, value=by_reference)
    if verdict.ended is not None:
        _announce(made, task.operation_id)
    if verdict.ended is State.FAILED:
        metrics.add_metric(name="OperationsFailed", unit=MetricUnit.Count, value=1)
    if verdict.ended is State.SUCCEEDED:
        metrics.add_metric(name="OperationsSucceeded", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="RecordsExported", unit=MetricUnit.Count, value=verdict.records)
    return verdict
