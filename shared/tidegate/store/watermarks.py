"""Table ExportTime: how far each (export, study) is. Exactly two attributes, so that it can be taken over."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from pynamodb.attributes import UnicodeAttribute
from pynamodb.constants import NUMBER
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.errors import FatalError
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.model import DEFAULT_EXPORT, Pair
from tidegate.store.binding import MillisAttribute, conditional, translated

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What an item holds that is no watermark: a value in DynamoDB's notation, None where it has no such attribute."""

    value: Mapping[str, Any] | None


Mark: TypeAlias = datetime | Unreadable
"""What the item of a pair holds."""


class LastExportAttribute(MillisAttribute):
    """A watermark, possibly of a table that was taken over: what is none is Unreadable, its row tells whose it is."""

    def get_value(self, value: dict[str, Any]) -> Any:
        """The stored value with its type."""
        return value

    def deserialize(self, value: Any) -> Any:
        """The instant of a stored number; Unreadable for any other value."""
        try:
            return super().deserialize(value[NUMBER])
        except (FatalError, KeyError):
            return Unreadable(value)


class WatermarkRow(Model):
    """`studyId` is the study's id for the default export and `exportId/studyId` for any other (SPEC 4)."""

    studyId = UnicodeAttribute(hash_key=True)
    lastExportDateTime = LastExportAttribute()

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def read(cls, pair: Pair) -> datetime | None:
        """The watermark of a pair, strongly consistent; None where there is none.

        Raises FatalError (BAD_WATERMARK) where the item holds something else, so that nothing is exported by a guess.
        """
        at = cls.mark(pair)
        if isinstance(at, Unreadable):
            raise FatalError(
                f"The watermark of {pair.key} is no whole number of epoch milliseconds.",
                code="BAD_WATERMARK",
                remedy=f"Put it right with 'tidegate watermark set {pair.study} --export {pair.export} --to T --reason"
                " WHY', then retry the operation.",
            )
        return at

    @classmethod
    def described(cls, pair: Pair) -> str | None:
        """The watermark as an audit event tells it: RFC 3339, or that it is none; None where there is no item."""
        return described(cls.mark(pair))

    @classmethod
    def mark(cls, pair: Pair) -> Mark | None:
        """What the item holds, strongly consistent; None where there is no item."""
        with translated(f"reading the watermark of {pair.key}"):
            try:
                row = cls.get(pair.watermark_key, consistent_read=True)
            except cls.DoesNotExist:
                return None
        return row.mark_of_item()

    @classmethod
    def everything(cls) -> Iterator[tuple[Pair, datetime]]:
        """Every watermark, in no order; what is none is left out and logged, the others count all the same."""
        with translated("reading the table of watermarks"):
            for row in cls.scan():
                at = row.mark_of_item()
                if isinstance(at, Unreadable):
                    logger.warning("the watermark %r is no whole number of epoch milliseconds", row.studyId)
                    continue
                export, slash, study = row.studyId.partition("/")
                pair = Pair(export, study) if slash else Pair(DEFAULT_EXPORT, row.studyId)
                yield pair, at

    @classmethod
    def add_move(cls, transaction: TransactWrite, pair: Pair, before: datetime | None, end: datetime) -> None:
        """Add the move to a transaction: only if it still stands where it was read, and only forwards.

        Only commit.py calls this: a watermark is written in one place.
        """
        still = cls._still(before)
        if before is not None:
            still = still & (cls.lastExportDateTime < end)
        transaction.update(cls(pair.watermark_key), actions=[cls.lastExportDateTime.set(end)], condition=still)

    @classmethod
    def add_check(cls, transaction: TransactWrite, pair: Pair, before: datetime | None) -> None:
        """Add to a transaction that the watermark still stands where it was read."""
        transaction.condition_check(cls, pair.watermark_key, condition=cls._still(before))

    @classmethod
    def add_set(cls, transaction: TransactWrite, pair: Pair, before: Mark | None, after: datetime | None) -> None:
        """Add a move by hand to a transaction, in either direction; `after` None deletes. Only from `before`.

        Only commit.py calls this, as `add_move`.
        """
        still = cls._still(before)
        if after is None:
            transaction.delete(cls(pair.watermark_key), condition=still)
        else:
            transaction.update(cls(pair.watermark_key), actions=[cls.lastExportDateTime.set(after)], condition=still)

    @classmethod
    def remove(cls, pair: Pair) -> None:
        """Delete the watermark of a study that is gone, whatever the item holds. Repeatable.

        One that moved since it was looked at stays: only a study that was made anew can have moved it.
        """
        before = cls.mark(pair)
        if before is None:
            return
        with conditional(f"deleting the watermark of {pair.key}"):
            cls(pair.watermark_key).delete(condition=cls._still(before))

    @classmethod
    def _still(cls, before: Mark | None) -> Condition:
        """That the item still holds what was read."""
        still: Condition
        if before is None:
            still = cls.lastExportDateTime.does_not_exist()
        elif isinstance(before, Unreadable) and before.value is None:
            still = cls.studyId.exists() & cls.lastExportDateTime.does_not_exist()
        else:
            still = cls.lastExportDateTime == (before.value if isinstance(before, Unreadable) else before)
        return still

    def mark_of_item(self) -> Mark:
        """What this item holds."""
        at: Mark = self.attribute_values.get("lastExportDateTime", Unreadable(None))
        return at


def described(mark: Mark | None) -> str | None:
    """A watermark as an audit event tells it: RFC 3339, or that it is none; None where there is no item."""
    if isinstance(mark, Unreadable):
        return "unreadable"
    return None if mark is None else rfc3339(mark)
