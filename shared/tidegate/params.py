"""What acceptance froze for an export, as its operation keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.immutable import dataclass
from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.model import ObjectRef


@dataclass(frozen=True, slots=True)
class ExportParams:
    """What acceptance froze for one (export, study); the only reader and writer of `Operation.params`.

    `plan` is the object with the ids of an override, or the redrive list of another operation. `origin` says of a
    redrive which operation, window, export and tables it all began with, however often it was redriven since.
    """

    end: datetime | None
    start: datetime | None
    ignore_watermark: bool
    tables: tuple[str, ...] | None
    override: ObjectRef | None
    plan: str | None
    filtered: int
    redrive_count: int
    definition_version: int
    definition: Mapping[str, Any]
    origin: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON that the operation keeps."""
        return {
            "end": rfc3339(self.end) if self.end else None,
            "start": rfc3339(self.start) if self.start else None,
            "ignoreWatermark": self.ignore_watermark,
            "tables": list(self.tables) if self.tables is not None else None,
            "override": None
            if self.override is None
            else {
                "bucket": self.override.bucket,
                "key": self.override.key,
                "versionId": self.override.version_id,
                "etag": self.override.etag,
            },
            "plan": self.plan,
            "filtered": self.filtered,
            "redriveCount": self.redrive_count,
            "definitionVersion": self.definition_version,
            "definition": dict(self.definition),
            "origin": None if self.origin is None else dict(self.origin),
        }

    @classmethod
    def of_json(cls, params: Mapping[str, Any]) -> ExportParams:
        """Read what `to_json` wrote."""
        override = params["override"]
        return cls(
            end=parse_rfc3339(params["end"]) if params["end"] else None,
            start=parse_rfc3339(params["start"]) if params["start"] else None,
            ignore_watermark=params["ignoreWatermark"],
            tables=tuple(params["tables"]) if params["tables"] is not None else None,
            override=ObjectRef(override["bucket"], override["key"], override["versionId"], override["etag"])
            if override
            else None,
            plan=params["plan"],
            filtered=params["filtered"],
            redrive_count=params["redriveCount"],
            definition_version=params["definitionVersion"],
            definition=params["definition"],
            origin=params.get("origin"),
        )
