"""The studies as their keeper sees them: list, put, enable, disable, delete; every change is a config event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from tidegate.errors import RejectedError, TidegateError
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.message import study_id as checked_study_id
from tidegate.model import DEFAULT_EXPORT, Pair
from tidegate.store.ledger import Ledger
from tidegate.store.studies import Study


@dataclass(frozen=True, slots=True)
class Deletion:
    """What deleting a study removes, or has removed. `left_to_tick` says why the tick has to do the rest, if so."""

    study: str
    there: bool
    watermarks: tuple[tuple[Pair, datetime], ...]
    open_operations: int
    pairs: tuple[Pair, ...]
    left_to_tick: str = ""


@dataclass(frozen=True, slots=True)
class Studies:
    """The study table of one stack, for a person to change.

    `forget` removes one (export, study) of a deleted study and gives the number of operations that it cancelled.
    """

    ledger: Ledger
    forget: Callable[[Pair, datetime], int]

    def all(self) -> list[Study]:
        """Every study, by id."""
        return sorted(self.ledger.studies.everything(), key=lambda study: study.study_id)

    def planned(
        self, study: str, *, enabled: bool | None = None, custom_schedule: bool | None = None, known: bool = False
    ) -> Study:
        """A study as it would be after a change; reads only. What is None stays, and is SPEC 8's default in a new one.

        Raises RejectedError for an id that cannot be one, and with `known` for a study that is not there.
        """
        try:
            checked_study_id(study)
        except ValueError as error:
            raise RejectedError(f"The study id {study[:80]!r} {error}.", remedy="Choose another id.") from None
        found = self.ledger.studies.of_ids([study])
        if known and study not in found:
            raise _unknown(study)
        old = found.get(study, Study(study, enabled=True, custom_schedule=False))
        return Study(
            study,
            old.enabled if enabled is None else enabled,
            old.custom_schedule if custom_schedule is None else custom_schedule,
        )

    def put(self, study: Study, *, actor: str | None, now: datetime) -> Study:
        """Make a study, or change one, as `planned`; other attributes of its item are left alone."""
        self.ledger.studies.put(study)
        details = {"enabled": study.enabled, "usesCustomExportSchedule": study.custom_schedule}
        self._note(study.study_id, "STUDY_PUT", details, actor, now)
        return study

    def deletion(self, study: str) -> Deletion:
        """What deleting a study would remove; reads only. Raises RejectedError where there is nothing of that name."""
        watermarks = tuple((pair, at) for pair, at in self.ledger.watermarks.everything() if pair.study == study)
        alive = {pair for pair in self.ledger.pairs.alive() if pair.study == study}
        exports = {DEFAULT_EXPORT, *(export for export, _, _ in self.ledger.exports.all_newest())}
        candidates = alive | {pair for pair, _ in watermarks} | {Pair(export, study) for export in exports}
        waiting = {pair: len(list(self.ledger.operations.open_of_pair(pair.key))) for pair in candidates}
        pairs = {pair for pair in candidates if pair in alive or waiting[pair]} | {pair for pair, _ in watermarks}
        there = self.ledger.studies.is_there(study)
        if not there and not pairs:
            raise _unknown(study)
        return Deletion(
            study, there, watermarks, sum(waiting.values()), tuple(sorted(pairs, key=lambda pair: pair.key))
        )

    def delete(self, study: str, *, actor: str | None, clock: Callable[[], datetime]) -> Deletion:
        """Delete a study with all its watermarks, and cancel its work. May be repeated after it broke off.

        Its item goes first: from then on a run in flight can commit nothing. What cannot be removed now, because the
        caller may not, the tick removes within 5 minutes.

        The clock is asked after that: whatever was sealed or committed while the study was there is then older than the
        event, which `verify` needs to explain it.
        """
        planned = self.deletion(study)
        self.ledger.studies.remove(study)
        now = clock()
        self._note(study, "STUDY_DELETED", {"exports": [pair.export for pair in planned.pairs]}, actor, now)
        try:
            cancelled = sum(self.forget(pair, now) for pair in planned.pairs)
        except TidegateError as error:
            return Deletion(study, planned.there, planned.watermarks, 0, planned.pairs, left_to_tick=str(error))
        return Deletion(study, planned.there, planned.watermarks, cancelled, planned.pairs)

    def _note(self, study: str, event: str, details: Mapping[str, object], actor: str | None, now: datetime) -> None:
        found = {"study": study, "actor": actor, **details}
        self.ledger.history.append(f"config/studies/{study}", f"{rfc3339(now)}#{event}", event, now, found)


def _unknown(study: str) -> RejectedError:
    return RejectedError(
        f"There is no study {study}.",
        code="UNKNOWN_STUDY",
        remedy="'tidegate studies list' shows those there are; 'tidegate studies put' makes one.",
    )
