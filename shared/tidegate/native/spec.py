"""What callers ask of the library: which items there are, and what is wanted of them."""

from __future__ import annotations

from typing import TypeAlias

from tidegate.dialects import RFC_4180, Dialect
from tidegate.immutable import dataclass


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """A source's items: the attributes of a record's key, its time and the notation of that, what a record shows.

    `time_type` is epochMillis, epochSeconds or iso8601; `shown` are the attributes that a record keeps, None for all.
    With `owner`, an attribute and its text (a string, a number, or binary in base64), items of a page that have
    something else there, or no time, are none of the records.
    """

    key: tuple[str, ...]
    time: str
    time_type: str
    shown: frozenset[str] | None
    owner: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A column that is the same in every record: its cell, or in JSON its member with a comma before it; its kinds."""

    text: bytes
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Inside:
    """Leads into an attribute: to `whole` where one has that name, otherwise by the `steps`, as `tidegate.paths` says.

    A step is its text, then the same read as a name and the places in lists behind it, which there need not be.
    """

    whole: str
    steps: tuple[tuple[str, str, tuple[int, ...]], ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """The names of the attributes that it may lead into."""
        text, name, _ = self.steps[0]
        return tuple(dict.fromkeys((self.whole, text, name)))


Origin: TypeAlias = str | Inside | Constant
"""Where a column comes from."""


@dataclass(frozen=True, slots=True)
class RowSpec:
    """The rows wanted: their format, and the columns as (name in the file, where from) in the file's order.

    A column is a copy of the attribute of that name, or what a path leads to, or constant.

    With `others` attributes that are not copied are left out; without it a record refuses the page that has one which
    is not among the `ignored` either. There has to be a column. Names of columns have to be Unicode text: a Transcoder
    raises UnicodeEncodeError for JSON. `types` has the type of each column where the format is Parquet, each one that
    `writes_type` says yes to. `dialect` is that of CSV and TSV, one that `writes_dialect` says yes to.
    """

    format: str
    formula_guard: bool
    columns: tuple[tuple[str, Origin], ...]
    others: bool
    types: tuple[str, ...] = ()
    dialect: Dialect = RFC_4180
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ByTable:
    """Wanted are no rows, but packed lines, each table's apart: a record's table is named by the texts of `attributes`.

    `tidegate.tables` says how they name it.
    """

    attributes: tuple[str, ...]
