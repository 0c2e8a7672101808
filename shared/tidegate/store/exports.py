"""Table Export: saved definitions. Each version is an item of its own and never changes; the newest counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from tidegate.model import JSONObject
from tidegate.store.binding import InstantAttribute, conditional, translated


class ExportRow(Model):
    """Key (`exportId`, `version`), versions count from 1."""

    exportId = UnicodeAttribute(hash_key=True)
    version = NumberAttribute(range_key=True)
    document = JSONAttribute()
    createdAt = InstantAttribute()
    actor = UnicodeAttribute(null=True)

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def newest(cls, export: str) -> tuple[int, JSONObject] | None:
        """Version and document that count now, strongly consistent; None for an unknown export."""
        with translated(f"reading the definition of {export}"):
            for row in cls.query(export, scan_index_forward=False, limit=1, consistent_read=True):
                return int(row.version), row.document
        return None

    @classmethod
    def put(cls, export: str, document: JSONObject, actor: str | None, now: datetime) -> int:
        """Store a new version; its number. The same document again makes no new version."""
        while True:
            current = cls.newest(export)
            if current is not None and current[1] == document:
                return current[0]
            version = current[0] + 1 if current else 1
            with conditional(f"storing the definition of {export}") as writing:
                row = cls(export, version, document=dict(document), createdAt=now, actor=actor)
                row.save(condition=cls.version.does_not_exist())
            if not writing.refused:
                return version

    @classmethod
    def all_newest(cls) -> Iterator[tuple[str, int, JSONObject]]:
        """Export id, version and document of every export's newest version, by id."""
        newest: dict[str, ExportRow] = {}
        with translated("reading the table of exports"):
            for row in cls.scan():
                if row.exportId not in newest or row.version > newest[row.exportId].version:
                    newest[row.exportId] = row
        for export in sorted(newest):
            yield export, int(newest[export].version), newest[export].document
