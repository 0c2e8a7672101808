"""Which type each column of a Parquet file has: declared, else as in the files before, else found out once.

What was found out is told in the manifest, and the next window takes it from there: so a column's type never changes
by itself. A value that does not fit it is a failed record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from tidegate.formats.parquet import inferred
from tidegate.immutable import dataclass
from tidegate.model import Definition
from tidegate.parquet.columntypes import ColumnType, column_type

PARQUET = "Parquet"


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """The types that a definition declares, and by table those that earlier files have.

    `time` is the type that the record's time should have, `time_names` the columns that show it.
    """

    declared: Mapping[str, str]
    inherited: Mapping[str, Mapping[str, str]]
    time: ColumnType
    time_names: frozenset[str]

    @classmethod
    def of(cls, definition: Definition, inherited: Mapping[str, Mapping[str, str]]) -> ColumnSchema | None:
        """That of an export's definition; None where its format has no types."""
        if definition.format.type != PARQUET:
            return None
        source = definition.source
        digits = f",{source.time_fraction}" if source.time_type == "iso8601" else ""
        shown = [c.name for c in definition.columns or () if c.path == source.time_key and c.date is None]
        return cls(
            {name: _whole(text, source.time_type) for name, text in definition.format.schema.items()},
            inherited,
            column_type(f"timestamp({source.time_type}{digits})"),
            frozenset(shown if definition.columns else (source.time_key,)),
        )

    def lacking(self, table: Mapping[str, str], names: Iterable[str]) -> list[str]:
        """Those of the columns whose type is neither declared nor among the table's."""
        return [name for name in names if name not in self.declared and name not in table]

    def found(self, name: str, kinds: Collection[str], contents: Callable[[], Iterable[Any]]) -> str:
        """The type of a column that nobody knows yet, by the first of its values; see `inferred`."""
        return inferred(kinds, contents, self.time if name in self.time_names else None)

    def types(self, table: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, str]]:
        """Each column with its type. One that is still unknown has no value to go by."""
        return [(name, self.declared.get(name) or table.get(name) or self.found(name, (), tuple)) for name in names]


def _whole(text: str, time_type: str) -> str:
    """A declared type with all that it leaves to the source."""
    return f"timestamp({time_type})" if text == "timestamp" else column_type(text).text
