"""The only reader of the environment. A stack's names and limits, as the template gives them to its functions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from tidegate.errors import UsageError
from tidegate.immutable import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of a stack's resources and its limits. Queue URLs are empty in a function that has no business with one."""

    study_table: str
    export_time_table: str
    export_table: str
    operation_table: str
    request_table: str
    pair_table: str
    history_table: str
    record_table: str
    export_bucket: str
    work_queue_url: str = ""
    work_dlq_url: str = ""
    request_queue_url: str = ""
    request_dlq_url: str = ""
    intake_function: str = ""
    worker_function: str = ""
    override_buckets: tuple[str, ...] = ()
    default_export: Mapping[str, Any] = field(default_factory=dict)
    stack: str = "tidegate"
    region: str | None = None
    endpoint_url: str | None = None
    succeeded_retention_hours: int = 336
    failed_retention_hours: int = 336
    give_up_after_seconds: int = 21_600
    most_redrives: int = 2
    event_bus: str = "default"
    redrive_after_seconds: int = 900
    email_identity: str = ""
    email_senders: tuple[str, ...] = ()
    email_domains: tuple[str, ...] = ()
    email_configuration_set: str = ""
    link_role: str = ""


_TABLES = ("study", "export_time", "export", "operation", "request", "pair", "history", "record")


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the function this runs in. Raises UsageError that names every variable that is missing."""
    env = os.environ if environment is None else environment
    required = {f"{name}_table": f"TIDEGATE_{name.upper()}_TABLE" for name in _TABLES}
    required["export_bucket"] = "TIDEGATE_EXPORT_BUCKET"
    missing = sorted(variable for variable in required.values() if not env.get(variable))
    if missing:
        raise UsageError(
            f"The environment lacks {', '.join(missing)}.", remedy="Deploy with template.yaml, which sets them."
        )
    return Settings(
        **{name: env[variable] for name, variable in required.items()},
        work_queue_url=env.get("TIDEGATE_WORK_QUEUE_URL", ""),
        work_dlq_url=env.get("TIDEGATE_WORK_DLQ_URL", ""),
        request_queue_url=env.get("TIDEGATE_REQUEST_QUEUE_URL", ""),
        request_dlq_url=env.get("TIDEGATE_REQUEST_DLQ_URL", ""),
        override_buckets=listed(env.get("TIDEGATE_OVERRIDE_BUCKETS", "")),
        default_export=json.loads(env.get("TIDEGATE_DEFAULT_EXPORT") or "{}"),
        stack=env.get("TIDEGATE_STACK", "tidegate"),
        region=env.get("AWS_REGION"),
        succeeded_retention_hours=int(env.get("TIDEGATE_SUCCEEDED_RETENTION_HOURS") or 336),
        failed_retention_hours=int(env.get("TIDEGATE_FAILED_RETENTION_HOURS") or 336),
        give_up_after_seconds=int(env.get("TIDEGATE_GIVE_UP_AFTER_SECONDS") or 21_600),
        event_bus=env.get("TIDEGATE_EVENT_BUS", "default"),
        most_redrives=int(env.get("TIDEGATE_MOST_REDRIVES") or 2),
        redrive_after_seconds=int(env.get("TIDEGATE_REDRIVE_AFTER_SECONDS") or 900),
        email_identity=env.get("TIDEGATE_EMAIL_IDENTITY", ""),
        email_senders=listed(env.get("TIDEGATE_EMAIL_SENDERS", "")),
        email_domains=listed(env.get("TIDEGATE_EMAIL_DOMAINS", "")),
        email_configuration_set=env.get("TIDEGATE_EMAIL_CONFIGURATION_SET", ""),
        link_role=env.get("TIDEGATE_LINK_ROLE", ""),
    )


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list parameter of the template, which has them with commas between."""
    return tuple(filter(None, (entry.strip() for entry in text.split(","))))
