"""What a source is: one method that yields pages from a cursor, and what some sources can do besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from tidegate.immutable import dataclass
from tidegate.model import JSON, Finding, Page, Window

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tidegate.transcoding import Transcoding

Key: TypeAlias = tuple[str, ...]
"""A record's identity as text, one or two values in the order of `names()`; binary values are base64."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a source: the records of one study in a window, or those with the keys of an override.

    Exactly one of `window` and `keys` is given. With a `transcoding`, a source that has its records as bytes may give
    pages of them (RawPage); every page can be read as records all the same.
    """

    study: str
    window: Window | None = None
    keys: Sequence[Key] | None = None
    transcoding: Transcoding | None = None

    def __post_init__(self) -> None:
        if (self.window is None) == (self.keys is None):
            raise ValueError("a source is asked either for a window or for keys")


@dataclass(frozen=True, slots=True)
class Names:
    """The attributes that every record of a source has: its identity (one or two), and its time if it has one."""

    key: tuple[str, ...]
    time: str | None


class Clients(Protocol):
    """The AWS clients that a source may need; a source never makes its own."""

    @property
    def dynamodb(self) -> DynamoDBClient:
        """The low-level DynamoDB client; it is used from several threads."""


class Source(Protocol):
    """Where records come from."""

    def pages(self, ask: Ask, cursor: JSON | None) -> Iterator[Page]:
        """Everything that was asked for, from the start or from after the page that carried `cursor`.

        The same ask over the same records gives the same records in the same order, wherever it is resumed. The last
        page's cursor is None; an empty window yields no page and reads nothing. Pages with `more` have no cursor of
        their own. Raises FatalError, RetriableError.
        """


@runtime_checkable
class KeyLookup(Protocol):
    """A source that can find records by key, so that overrides work with it."""

    def names(self) -> Names:
        """The names of a record's key and time attributes."""

    def owners(self, keys: Sequence[Key]) -> Mapping[Key, str]:
        """The study of each key that exists; a key that is not in the answer belongs to no record."""


@runtime_checkable
class TimeOrdered(Protocol):
    """A source that can say in which order its pages come; of one that cannot, no order is expected.

    Late records are told from exported ones by a merge in the order of time. Without one, what was exported within the
    look-back is held in memory.
    """

    def time_unit(self) -> int | None:
        """Milliseconds: of two records in different units of time since 1970 the earlier comes first; None: no order.

        Within one unit any order will do that is always the same.
        """


@runtime_checkable
class Inspectable(Protocol):
    """A source that can say, before the first run, whether a definition fits what is there."""

    def warnings(self, studies: Sequence[str]) -> Sequence[str]:
        """What somebody who exports these studies should know, such as a whole table being read once per study."""

    def inspect(self, studies: Sequence[str], window: Window) -> Sequence[Finding]:
        """What `tidegate check` shows; writes nothing and reads a bounded number of pages."""
