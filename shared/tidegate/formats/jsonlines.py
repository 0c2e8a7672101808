"""JSONL: one JSON object a line, each line ended by LF, the last one too."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.formats.wire import Column, json_objects


class JSONLinesFormat:
    """One object a line with sorted keys; a missing attribute has no key, a null one has null."""

    extension = "jsonl"
    media_type = "application/x-ndjson"
    separator = b""

    def header(self, names: Sequence[str]) -> bytes:  # noqa: ARG002 - the protocol's; lines name their own columns
        """Nothing: JSONL has no header."""
        return b""

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """One JSON object a record."""
        return json_objects(columns, after="\n")

    def footer(self) -> bytes:
        """Nothing."""
        return b""
