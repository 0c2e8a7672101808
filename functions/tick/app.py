"""Tick: every minute, what is due, what is silent, what is dead, what was deleted."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.bootstrap import Stack
from tidegate.collector import made_to_stay
from tidegate.errors import RetriableError
from tidegate.logs import DiscreetFormatter
from tidegate.settings import from_environment

logger = Logger(logger_formatter=DiscreetFormatter())
metrics = Metrics()


@cache
def stack() -> Stack:
    """The stack of this execution environment, made at the first event."""
    copy_config_to_registered_loggers(source_logger=logger, include={"tidegate"})
    with made_to_stay():
        made = Stack.of(from_environment())
        made.upkeep()  # is made anew each minute; the first time imports all that it needs
    return made


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  nothing in the event matters
    """Run the upkeep once; the answer has what was done. Raises RetriableError if any of its tasks failed."""
    made = stack()
    report = made.upkeep().run(made.clock())
    metrics.add_metric(name="OperationsFailed", unit=MetricUnit.Count, value=report.failed)
    metrics.add_metric(name="DeletionsHeld", unit=MetricUnit.Count, value=report.deletions_held)
    if report.failed_records_left is not None:
        metrics.add_metric(name="FailedRecordsLeft", unit=MetricUnit.Count, value=report.failed_records_left)
    if report.watermark_lag_seconds is not None:
        metrics.add_metric(name="WatermarkLagSeconds", unit=MetricUnit.Seconds, value=report.watermark_lag_seconds)
    logger.info("tick", extra=asdict(report))
    if report.errors:
        raise RetriableError(f"{report.errors} tasks of this tick failed; the log names them.")
    return asdict(report)
