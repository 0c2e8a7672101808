"""Table ExportTime: how far each (export, study) is. Exactly two attributes, so that it can be taken over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.constants import NUMBER
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.errors import FatalError
from tidegate.instants import rfc3339
from tidegate.model import DEFAULT_EXPORT, Pair
from tidegate.store.binding import MillisAttribute, conditional, translated

logger = logging.getLogger(__name__)

UNREADABLE = datetime.min.replace(tzinfo=UTC)
"""Stands for a value that is no watermark; known by identity."""


class LastExportAttribute(MillisAttribute):
    """A watermark, possibly of a table that was taken over: what is none is UNREADABLE, its row tells whose it is."""

    def get_value(self, value: dict[str, Any]) -> Any:
        """The stored text of a number; that of any other type is no watermark."""
        return value.get(NUMBER, "")

    def deserialize(self, value: str) -> datetime:
        """The instant of a stored text, or UNREADABLE."""
        try:
            return super().deserialize(value)
        except FatalError:
            return UNREADABLE


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
        at = cls._stored(pair)
        if at is UNREADABLE:
            raise FatalError(
                f"The watermark of {pair.key} is no whole number of epoch milliseconds.",
                code="BAD_WATERMARK",
                remedy=f"Correct lastExportDateTime of the item {pair.watermark_key!r}, then retry the operation.",
            )
        return at

    @classmethod
    def described(cls, pair: Pair) -> str | None:
        """The watermark as an audit event tells it: RFC 3339, or that it is none; None where there is no item."""
        at = cls._stored(pair)
        return "unreadable" if at is UNREADABLE else rfc3339(at) if at is not None else None

    @classmethod
    def _stored(cls, pair: Pair) -> datetime | None:
        """What the item holds, strongly consistent: an instant, UNREADABLE, or None where there is no item."""
        with translated(f"reading the watermark of {pair.key}"):
            try:
                row = cls.get(pair.watermark_key, consistent_read=True)
            except cls.DoesNotExist:
                return None
        at: datetime = row.attribute_values.get("lastExportDateTime", UNREADABLE)
        return at

    @classmethod
    def everything(cls) -> Iterator[tuple[Pair, datetime]]:
        """Every watermark, in no order; what is none is left out and logged, the others count all the same."""
        with translated("reading the table of watermarks"):
            for row in cls.scan():
                at = row.attribute_values.get("lastExportDateTime", UNREADABLE)
                if at is UNREADABLE:
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
        still = cls.lastExportDateTime.does_not_exist() if before is None else (cls.lastExportDateTime == before)
        if before is not None:
            still = still & (cls.lastExportDateTime < end)
        transaction.update(cls(pair.watermark_key), actions=[cls.lastExportDateTime.set(end)], condition=still)

    @classmethod
    def add_check(cls, transaction: TransactWrite, pair: Pair, before: datetime | None) -> None:
        """Add to a transaction that the watermark still stands where it was read."""
        still = cls.lastExportDateTime.does_not_exist() if before is None else (cls.lastExportDateTime == before)
        transaction.condition_check(cls, pair.watermark_key, condition=still)

    @classmethod
    def add_set(cls, transaction: TransactWrite, pair: Pair, before: datetime | None, after: datetime | None) -> None:
        """Add a move by hand to a transaction, in either direction; `after` None deletes. Only from `before`.

        Only commit.py calls this, as `add_move`.
        """
        still = cls.lastExportDateTime.does_not_exist() if before is None else (cls.lastExportDateTime == before)
        if after is None:
            transaction.delete(cls(pair.watermark_key), condition=still)
        else:
            transaction.update(cls(pair.watermark_key), actions=[cls.lastExportDateTime.set(after)], condition=still)

    @classmethod
    def remove(cls, pair: Pair) -> None:
        """Delete the watermark of a study that is gone, whatever the item holds. Repeatable.

        One that moved since it was looked at stays: only a study that was made anew can have moved it.
        """
        before = cls._stored(pair)
        if before is None:
            return
        still = cls.studyId.exists() if before is UNREADABLE else cls.lastExportDateTime == before
        with conditional(f"deleting the watermark of {pair.key}"):
            cls(pair.watermark_key).delete(condition=still)
