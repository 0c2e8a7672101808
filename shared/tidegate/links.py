"""Manifests as links of a chain: what verification needs of a stored manifest, read without trusting it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.dialects import Dialect
from tidegate.drift import Known, known_of
from tidegate.errors import FatalError
from tidegate.immutable import dataclass
from tidegate.instants import parse_rfc3339
from tidegate.model import Window
from tidegate.store.objects import Objects
from tidegate.store.pairs import Head

MANIFEST = "manifest.json"
_WRONG = (ValueError, KeyError, TypeError, AttributeError)
"""What reading a text raises that is not a manifest."""


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as its manifest names it; `size` in bytes as stored."""

    key: str
    table: str
    records: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Link:
    """One stored manifest. `sha256` is of its bytes as they are now, `previous` (key, sha256) of the one before."""

    key: str
    sha256: str
    export: str
    study: str
    operation_id: str
    tag: str
    window: Window | None
    watermark_before: datetime | None
    records: int
    parts: tuple[NamedPart, ...]
    columns: Mapping[str, tuple[str, ...]]
    dialect: Dialect
    schema: Mapping[str, Mapping[str, str]]
    previous: tuple[str, str] | None
    failed_key: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is something under a manifest's name, and it is none."""

    reason: str


def read_link(objects: Objects, key: str) -> Link | Unreadable | None:
    """The manifest of that key, None where there is no object."""
    try:
        data = b"".join(objects.get(key))
    except FatalError as error:
        if error.code != "NOT_FOUND":
            raise
        return None
    try:
        return _link(key, hashlib.sha256(data).hexdigest(), json.loads(data))
    except _WRONG as error:
        return Unreadable(f"{type(error).__name__}: {error}"[:200])


def known_before(objects: Objects, head: Head) -> Known:
    """The columns that were known when the chain's head was committed.

    Where its row does not carry them they are read from its manifest, which tells of one window alone. Nothing is known
    where that is gone or is none: then nothing is said to have changed, and verification says what is wrong.
    """
    if head.columns is not None:
        return head.columns
    try:
        return known_of(json.loads(b"".join(objects.get(head.key)))["columns"])
    except FatalError as error:
        if error.code != "NOT_FOUND":
            raise
        return {}
    except _WRONG:
        return {}


def _link(key: str, sha256: str, manifest: Mapping[str, Any]) -> Link:
    window, previous = manifest["window"], manifest["previousManifest"]
    before = manifest["watermark"]["before"]
    return Link(
        key=key,
        sha256=sha256,
        export=manifest["export"],
        study=manifest["study"],
        operation_id=manifest["operationId"],
        tag=manifest["tag"],
        window=Window(parse_rfc3339(window["start"]), parse_rfc3339(window["end"])) if window else None,
        watermark_before=parse_rfc3339(before) if before else None,
        records=int(manifest["records"]),
        parts=tuple(
            NamedPart(str(p["key"]), str(p["table"]), int(p["records"]), int(p["bytes"]), str(p["sha256"]))
            for p in manifest["parts"]
        ),
        columns={
            table: tuple(str(column["name"]) for column in columns) for table, columns in manifest["columns"].items()
        },
        dialect=Dialect.of(manifest.get("dialect", {})),
        schema={table: dict(types) for table, types in manifest.get("schema", {}).items()},
        previous=(str(previous["key"]), str(previous["sha256"])) if previous else None,
        failed_key=manifest["failedRecords"]["key"],
        created_at=parse_rfc3339(manifest["createdAt"]),
    )
