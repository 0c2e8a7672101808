"""The manifest: the JSON that is written last and makes an export's parts count (SPEC 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import tidegate
from tidegate.dialects import RFC_4180, Dialect
from tidegate.instants import rfc3339
from tidegate.model import JSONObject, Operation, Part, Window
from tidegate.store.pairs import Head

VERSION = 1
"""Of the manifest's own format."""


def build(
    operation: Operation,
    *,
    window: Window | None,
    watermark: tuple[datetime | None, datetime | None],
    parts: Sequence[Part],
    columns: Mapping[str, Sequence[Mapping[str, str]]],
    records: int,
    skipped: Mapping[str, int],
    previous: Head | None,
    created_at: datetime,
    failed: Part | None = None,
    dialect: Dialect = RFC_4180,
    drift: JSONObject | None = None,
    schema: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The text of a manifest; the same arguments give the same text.

    `watermark` is (before, after), both None where it was left alone. `previous` is None at a chain's start and for
    everything that is no link of a chain. `failed` is the list of records that could not be exported.
    `dialect` is told where it is another one than RFC 4180's, because the parts cannot be read without it;
    `drift` where columns changed.
    `schema` is as Written has it; without one the manifest has no such member.
    """
    before, after = watermark
    content: dict[str, Any] = {
        "version": VERSION,
        "export": operation.export,
        "study": operation.study,
        "operationId": operation.operation_id,
        "exportType": operation.export_type,
        "trigger": operation.trigger,
        "tag": operation.tag,
        "window": {"start": rfc3339(window.start), "end": rfc3339(window.end)} if window else None,
        "watermark": {
            "before": rfc3339(before) if before else None,
            "after": rfc3339(after) if after else None,
        },
        "records": records,
        "parts": [
            {"key": p.key, "table": p.table, "records": p.records, "bytes": p.size, "sha256": p.sha256} for p in parts
        ],
        "columns": {table: [dict(column) for column in found] for table, found in columns.items()},
        **({"drift": drift} if drift else {}),
        **({} if dialect == RFC_4180 else {"dialect": dialect.document()}),
        **({} if schema is None else {"schema": schema}),
        "skipped": {name: skipped.get(name, 0) for name in ("filtered", "duplicate", "deleted")},
        "failedRecords": {"count": failed.records if failed else 0, "key": failed.key if failed else None},
        "previousManifest": {"key": previous.key, "sha256": previous.sha256} if previous else None,
        "createdAt": rfc3339(created_at),
        "tidegate": tidegate.__version__,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def counts(text: str) -> JSONObject:
    """What an operation's result repeats of its manifest."""
    manifest = json.loads(text)
    return {
        "records": manifest["records"],
        "parts": len(manifest["parts"]),
        "bytes": sum(part["bytes"] for part in manifest["parts"]),
        "skipped": manifest["skipped"],
        "failedRecords": manifest["failedRecords"]["count"],
    }
