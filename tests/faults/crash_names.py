"""Names a call by service, operation and what it is about, so that two runs of one scenario have the same names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "Study": ("studyId",),
    "ExportTime": ("studyId",),
    "Export": ("exportId", "version"),
    "Operation": ("operationId",),
    "Request": ("requestId",),
    "Pair": ("pair",),
    "History": ("stream", "eventId"),
    "Record": ("id",),
}
"""The key attributes of each table, in the names that integration/resources.py gives."""
ULID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
VERBS = ("ConditionCheck", "Put", "Update", "Delete")


@dataclass
class Names:
    """Ids of operations become <operation 1>, <operation 2> ... in the order in which they are first seen."""

    ids: dict[str, str] = field(default_factory=dict)

    def of_call(self, service: str, operation: str, params: Mapping[str, Any]) -> str:
        """For example `dynamodb.UpdateItem Pair default/a`."""
        about = " ".join(_about(service, params))
        return f"{service}.{operation} {self.readable(about)}".rstrip()

    def readable(self, text: str) -> str:
        """The text with its ids replaced."""
        return ULID.sub(lambda found: self.ids.setdefault(found[0], f"<operation {len(self.ids) + 1}>"), text)


def _about(service: str, params: Mapping[str, Any]) -> Iterator[str]:
    if service == "dynamodb":
        yield from _of_dynamodb(params)
    elif service == "s3":
        yield from _of_s3(params)
    elif service == "sqs":
        yield params["QueueUrl"].rpartition("/")[2]
        yield from (entry["MessageDeduplicationId"] for entry in params.get("Entries", ()))
    else:
        yield str(sorted(params))


def _of_dynamodb(params: Mapping[str, Any]) -> Iterator[str]:
    if "TransactItems" in params:
        for item in params["TransactItems"]:
            verb = next(verb for verb in VERBS if verb in item)
            yield f"{verb} {_row(item[verb])};"
    elif "RequestItems" in params:
        for table, wanted in params["RequestItems"].items():
            yield table
            yield from (_values(key) for key in wanted["Keys"])
    else:
        yield _row(params)
        if "IndexName" in params:
            yield params["IndexName"]


def _row(params: Mapping[str, Any]) -> str:
    table = params["TableName"]
    found = params.get("Key") or {name: params["Item"][name] for name in KEYS[table] if "Item" in params}
    return f"{table} {_values(found)}".rstrip()


def _values(key: Mapping[str, Mapping[str, str]]) -> str:
    return " ".join(str(value) for typed in key.values() for value in typed.values())


def _of_s3(params: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(params[name]) for name in ("Key", "Prefix", "PartNumber") if name in params)
    if "Delete" in params:
        yield from (found["Key"] for found in params["Delete"]["Objects"])
