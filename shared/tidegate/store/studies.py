"""Table Study: which studies there are. Possibly somebody else's table: only `tidegate studies` writes to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.immutable import dataclass
from tidegate.store.binding import conditional, translated


@dataclass(frozen=True, slots=True)
class Study:
    """A study as its table says."""

    study_id: str
    enabled: bool
    custom_schedule: bool


class StudyRow(Model):
    """`enabled` absent means true, `usesCustomExportSchedule` absent means false (SPEC 8)."""

    studyId = UnicodeAttribute(hash_key=True)
    enabled = BooleanAttribute(null=True)
    usesCustomExportSchedule = BooleanAttribute(null=True)

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def everything(cls) -> Iterator[Study]:
        """Every study, enabled or not, in no order; reads the whole table, page by page."""
        with translated("reading the study table"):
            for row in cls.scan(attributes_to_get=list(ATTRIBUTES)):
                yield row.study()

    @classmethod
    def of_ids(cls, study_ids: Collection[str]) -> dict[str, Study]:
        """Those of the named studies that exist, by id."""
        with translated("reading studies"):
            rows = cls.batch_get(list(study_ids), consistent_read=True, attributes_to_get=list(ATTRIBUTES))
            return {row.studyId: row.study() for row in rows}

    @classmethod
    def is_there(cls, study_id: str) -> bool:
        """Whether the study is there now, strongly consistent."""
        return study_id in cls.of_ids([study_id])

    @classmethod
    def add_check(cls, transaction: TransactWrite, study_id: str) -> None:
        """Add to a transaction that the study still exists."""
        transaction.condition_check(cls, study_id, condition=cls.studyId.exists())

    @classmethod
    def put(cls, study: Study) -> None:
        """Make the study, or set its two attributes; others of its item stay as they are."""
        with translated(f"writing the study {study.study_id}"):
            cls(study.study_id).update(
                actions=[
                    cls.enabled.set(study.enabled),
                    cls.usesCustomExportSchedule.set(study.custom_schedule),
                ]
            )

    @classmethod
    def remove(cls, study_id: str) -> bool:
        """Delete the study's item; False where there was none."""
        with conditional(f"deleting the study {study_id}") as removal:
            cls(study_id).delete(condition=cls.studyId.exists())
        return not removal.refused

    def study(self) -> Study:
        """The row as plain data."""
        return Study(self.studyId, self.enabled is not False, self.usesCustomExportSchedule is True)


ATTRIBUTES = ("studyId", "enabled", "usesCustomExportSchedule")
