"""A sealed window: all that is needed to complete it, whoever does, without reading a record again."""

from __future__ import annotations

import hashlib
from datetime import datetime

from tidegate.columnschema import PARQUET
from tidegate.compression import compression_of
from tidegate.drift import Known
from tidegate.failed import LIST_MEDIA_TYPE
from tidegate.formats import format_of
from tidegate.immutable import dataclass
from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.layout import fenced_prefix
from tidegate.model import JSON, Definition, JSONObject, Part, Piece, Window
from tidegate.remembered import MEDIA_TYPE as MEMORY_MEDIA_TYPE
from tidegate.store.objects import Objects
from tidegate.store.pairs import pack, unpack

LARGEST_INLINE = 300_000
"""Bytes of a seal that fit into its row, which may have 400 KB; a larger one is an object, and the row names it."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The decision about one window: its parts, its manifest to the byte, and the watermark it was made against."""

    operation_id: str
    fence: int
    window: Window | None
    moves_watermark: bool
    watermark_before: datetime | None
    manifest_key: str
    manifest: str
    parts: tuple[Part, ...]
    media_type: str
    absent_tables: tuple[str, ...] = ()
    failed_list: Part | None = None
    memory: Part | None = None
    destinations: tuple[JSONObject, ...] = ()
    known_columns: Known | None = None

    @property
    def placed(self) -> tuple[tuple[Part, str], ...]:
        """All that is put together in the stack's bucket: the readers' files, then what the next look-back needs."""
        return self.files if self.memory is None else (*self.files, (self.memory, MEMORY_MEDIA_TYPE))

    @property
    def files(self) -> tuple[tuple[Part, str], ...]:
        """What readers have to find before the manifest, each with its media type; the redrive list comes last."""
        files = [(part, self.media_type) for part in self.parts]
        if self.failed_list is not None:
            files.append((self.failed_list, LIST_MEDIA_TYPE))
        return tuple(files)

    @property
    def manifest_sha256(self) -> str:
        """Of the manifest's bytes as stored."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()

    def packed(self, objects: Objects) -> bytes:
        """The seal as its row holds it; writes the object first where it is too large for a row."""
        whole = pack(self._document())
        if len(whole) <= LARGEST_INLINE:
            return whole
        key = f"{fenced_prefix(self.operation_id, self.fence)}seal"
        objects.put(key, whole)
        return pack({"object": key, "sha256": hashlib.sha256(whole).hexdigest()})

    def _document(self) -> JSONObject:
        return {
            "operationId": self.operation_id,
            "fence": self.fence,
            "window": [rfc3339(self.window.start), rfc3339(self.window.end)] if self.window else None,
            "movesWatermark": self.moves_watermark,
            "watermarkBefore": rfc3339(self.watermark_before) if self.watermark_before else None,
            "manifestKey": self.manifest_key,
            "manifest": self.manifest,
            "mediaType": self.media_type,
            "absentTables": list(self.absent_tables),
            "parts": [_listed(part) for part in self.parts],
            "failedList": None if self.failed_list is None else _listed(self.failed_list),
            "memory": None if self.memory is None else _listed(self.memory),
            "destinations": [dict(destination) for destination in self.destinations],
            "knownColumns": self.known_columns,
        }

    @classmethod
    def unpacked(cls, document: JSONObject, objects: Objects) -> Seal:
        """The seal of a row's document; reads the object where the row only names one."""
        if "object" in document:
            document = unpack(b"".join(objects.get(document["object"])))
        window = document["window"]
        before = document["watermarkBefore"]
        return cls(
            operation_id=document["operationId"],
            fence=document["fence"],
            window=Window(parse_rfc3339(window[0]), parse_rfc3339(window[1])) if window else None,
            moves_watermark=document["movesWatermark"],
            watermark_before=parse_rfc3339(before) if before else None,
            manifest_key=document["manifestKey"],
            manifest=document["manifest"],
            media_type=document["mediaType"],
            absent_tables=tuple(document["absentTables"]),
            parts=tuple(map(_part, document["parts"])),
            failed_list=None if document["failedList"] is None else _part(document["failedList"]),
            memory=None if document.get("memory") is None else _part(document["memory"]),
            destinations=tuple(document.get("destinations", ())),  # absent from the seals of earlier versions
            known_columns=document.get("knownColumns"),
        )


def media_type(definition: Definition) -> str:
    """What an object says it is. A compressed file is one, not an encoding of another: readers get what was hashed."""
    if definition.format.type == PARQUET:
        return format_of(definition.format).media_type  # it is compressed inside
    compressed = compression_of(definition.format.compression).media_type
    return compressed or format_of(definition.format).media_type


def _listed(part: Part) -> JSON:
    pieces = [[piece.key, piece.size] for piece in part.pieces]
    return [part.key, part.table, part.records, part.size, part.sha256, pieces]


def _part(listed: JSON) -> Part:
    key, table, records, size, sha256, pieces = listed
    return Part(key, table, records, size, sha256, tuple(Piece(name, length) for name, length in pieces))
