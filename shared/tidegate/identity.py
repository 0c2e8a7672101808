"""What a record is known by, its key and its time, and where both stand in the parts of an export."""

from __future__ import annotations

from tidegate.immutable import dataclass
from tidegate.model import Definition
from tidegate.sources import KeyLookup, Source


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a record's id and time stand: the attributes in the source, and the columns that a part has of them."""

    attributes: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, definition: Definition, source: Source) -> Identity | None:
        """Id first, time last. None where an export's parts do not carry both."""
        key = key_names(definition, source)
        attributes = (*key, definition.source.time_key)
        if not key or not definition.source.time_key:
            return None
        if definition.columns is None:
            projected = definition.source.projection
            shown = not projected or set(attributes) <= set(projected)
            return cls(attributes, attributes) if shown else None
        names = {c.path: c.name for c in reversed(definition.columns) if c.path is not None and c.date is None}
        columns = tuple(names[name] for name in attributes if name in names)
        return cls(attributes, columns) if len(columns) == len(attributes) else None


def key_names(definition: Definition, source: Source) -> tuple[str, ...]:
    """The attributes of a record's key, as the source knows them; empty where neither it nor the definition says."""
    return source.names().key if isinstance(source, KeyLookup) else definition.source.record_key
