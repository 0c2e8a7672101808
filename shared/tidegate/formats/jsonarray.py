"""JSON: one array a part, one object a line, so that a part is one JSON document and still readable by line."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.formats.wire import Column, json_objects


class JSONArrayFormat:
    """An array of objects with sorted keys; a missing attribute has no key, a null one has null."""

    extension = "json"
    media_type = "application/json"
    separator = b","

    def header(self, names: Sequence[str]) -> bytes:  # noqa: ARG002 - the protocol's; objects name their own columns
        """The start of the array."""
        return b"["

    def records(self, columns: Sequence[Column]) -> list[bytes]:
        """One JSON object a record, each on a line of its own."""
        return json_objects(columns, before="\n")

    def footer(self) -> bytes:
        """The end of the array, on a line of its own."""
        return b"\n]\n"
