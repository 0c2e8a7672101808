"""Table ExportTime: how far each (export, study) is. Exactly two attributes, so that it can be taken over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.model import DEFAULT_EXPORT, Pair
from tidegate.store.binding import MillisAttribute, conditional, translated


class WatermarkRow(Model):
    """`studyId` is the study's id for the default export and `exportId/studyId` for any other (SPEC 4)."""

    studyId = UnicodeAttribute(hash_key=True)
    lastExportDateTime = MillisAttribute()

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def read(cls, pair: Pair) -> datetime | None:
        """The watermark of a pair, strongly consistent; None where there is none."""
        with translated(f"reading the watermark of {pair.key}"):
            try:
                return cls.get(pair.watermark_key, consistent_read=True).lastExportDateTime
            except cls.DoesNotExist:
                return None

    @classmethod
    def everything(cls) -> Iterator[tuple[Pair, datetime]]:
        """Every watermark, in no order."""
        with translated("reading the table of watermarks"):
            for row in cls.scan():
                export, slash, study = row.studyId.partition("/")
                pair = Pair(export, study) if slash else Pair(DEFAULT_EXPORT, row.studyId)
                yield pair, row.lastExportDateTime

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
    def remove(cls, pair: Pair) -> datetime | None:
        """Delete the watermark of a study that is gone; the value it had, None where there was none. Repeatable."""
        before = cls.read(pair)
        if before is None:
            return None
        with conditional(f"deleting the watermark of {pair.key}") as removal:
            cls(pair.watermark_key).delete(condition=cls.lastExportDateTime == before)
        return None if removal.refused else before
