"""Acceptance: one message -> a frozen request -> one operation per study -> one work message each.

Everything that only this moment can know (the end, the studies, the definition, the version of an override file) is
written once, under the request's id, before anything follows from it. So acceptance can crash anywhere and be repeated:
it finds what was frozen and makes the same operations, whose ids are derived from it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tidegate import override
from tidegate.definition import from_document
from tidegate.errors import RejectedError, RetriableError
from tidegate.failed import LIST_MEDIA_TYPE, list_of
from tidegate.frozen import REMEMBERED, StudyPlan, dispatch, operations_of
from tidegate.immutable import dataclass
from tidegate.instants import floor_millis, rfc3339
from tidegate.layout import nowhere_key, plan_key
from tidegate.message import study_id as checked_study_id
from tidegate.model import (
    DEFAULT_EXPORT,
    Definition,
    FailedRecord,
    ObjectRef,
    Request,
    Trigger,
)
from tidegate.params import ExportParams
from tidegate.queues import WorkQueue
from tidegate.read import NOT_THERE
from tidegate.request import canonical, check_accepted
from tidegate.sources import KeyLookup, Source
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.window import settled_at

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: its id if it brought none, the trigger, and who sent it if that is known."""

    fallback_id: str
    trigger: Trigger
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a redrive has of the operation that it repeats: its definition, and where it all began.

    `plan` is the redrive list of one study's operation, whose ids are that study's wherever they are now.
    """

    definition: Definition
    first: Mapping[str, Any]
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Turns checked requests into operations."""

    ledger: Ledger
    objects: Objects
    queue: WorkQueue
    source_of: Callable[[Definition], Source]
    override_buckets: Sequence[str]

    def accept(self, request: Request, origin: Origin, now: datetime, repeated: Repeated | None = None) -> list[str]:
        """The ids of the request's operations, all of them written, and the ready ones sent.

        With `repeated` the definition is the one in there, not the export's newest one.

        Idempotent under the request's id, also when repeated after a crash at any point. Raises RejectedError with
        SPEC 2's codes; then nothing was written, and the id is still free.
        """
        request_id = request.request_id or origin.fallback_id
        digest = hashlib.sha256(canonical(request).encode()).hexdigest()
        row = self.ledger.requests.read(request_id, now)
        if row is None:
            frozen = self._freeze(request, repeated, request_id, digest, origin, now)
            if not self.ledger.requests.freeze(request_id, digest, now, frozen, now + REMEMBERED):
                logger.info("the same request is being accepted at the same time", extra={"requestId": request_id})
            row = self.ledger.requests.read(request_id, now)
            if row is None:
                raise RetriableError(f"Request {request_id} vanished while it was being accepted.")
        if row.digest != digest:
            raise RejectedError(
                f"requestId {request_id!r} was used for another request at {rfc3339(row.acceptedAt)}.",
                code="REQUEST_ID_REUSED",
                remedy="Send this request with an id of its own, or without one.",
            )
        operations = operations_of(request_id, row.acceptedAt, row.content)
        if not row.dispatched:
            dispatch(self.ledger, self.queue, operations)
            row.mark_dispatched()
        return [operation.operation_id for operation in operations]

    def definition(self, export: str) -> Definition:
        """The definition that counts now. Raises RejectedError UNKNOWN_EXPORT."""
        return current_definition(self.ledger, export)

    def end_of(self, request: Request, definition: Definition, now: datetime) -> datetime | None:
        """The end that acceptance at `now` fixes; None for an override. Raises RejectedError."""
        if request.override is not None:
            return None
        end = (
            request.end if request.end is not None else floor_millis(now) - timedelta(seconds=definition.settle_seconds)
        )
        check_accepted(request, end, now)
        return end

    def studies_of(self, request: Request, definition: Definition) -> list[str]:
        """The studies that take part, sorted. Raises RejectedError for a whitelisted one that cannot."""
        if request.studies is not None:
            return sorted(self._whitelisted(request.studies, definition))
        found = [
            study.study_id
            for study in self.ledger.studies.everything()
            if study.enabled
            and not study.custom_schedule
            and (definition.studies is None or study.study_id in definition.studies)
        ]
        for study_id in found:
            _check_study_id(study_id)
        return sorted(found)

    def _whitelisted(self, wanted: Sequence[str], definition: Definition) -> Sequence[str]:
        known = self.ledger.studies.of_ids(wanted)
        for study_id in wanted:
            _check_study_id(study_id)
            if study_id not in known or (definition.studies is not None and study_id not in definition.studies):
                raise RejectedError(
                    f"studyWhitelist names {study_id[:80]!r}, which is no study of the export {definition.export}.",
                    code="UNKNOWN_STUDY",
                    remedy="Correct the name, or put the study into the study table.",
                )
            if not known[study_id].enabled:
                raise RejectedError(
                    f"studyWhitelist names {study_id[:80]!r}, which is disabled.",
                    code="STUDY_DISABLED",
                    remedy="Enable the study, or leave it out.",
                )
        return wanted

    def _freeze(
        self, request: Request, repeated: Repeated | None, request_id: str, digest: str, origin: Origin, now: datetime
    ) -> dict[str, Any]:
        definition = repeated.definition if repeated else self.definition(request.export)
        end = self.end_of(request, definition, now)
        reference: ObjectRef | None = None
        if repeated and repeated.plan is not None:
            plans = [StudyPlan(study, repeated.plan) for study in self.studies_of(request, definition)]
        elif request.override is not None:
            reference, plans = self._plan_override(request.override, request, definition, request_id, digest)
        else:
            plans = [StudyPlan(study) for study in self.studies_of(request, definition)]
        params = ExportParams(
            end=end,
            start=request.start,
            ignore_watermark=request.ignore_watermark,
            tables=request.tables,
            override=reference,
            plan=None,
            filtered=0,
            redrive_count=request.redrive_count,
            definition_version=definition.version,
            definition=definition.document,
            origin=repeated.first if repeated else None,
        )
        return {
            "request": json.loads(canonical(request)),
            "trigger": _trigger(request_id, origin),
            "actor": origin.actor,
            "params": params.to_json(),
            "startAfter": _start_after(end, definition, now),
            "plans": [[p.study, p.plan, p.filtered, p.missing, p.none_found] for p in plans],
        }

    def _plan_override(
        self, text: str, request: Request, definition: Definition, request_id: str, digest: str
    ) -> tuple[ObjectRef, list[StudyPlan]]:
        """Which study owns which id of an override file; the lists are stored before anything refers to them."""
        located = override.locate(text, self.objects.bucket, self.override_buckets)
        reference = override.freeze(self.objects.client, located)
        keys = override.read(self.objects.client, reference)
        source = self.source_of(definition)
        if not isinstance(source, KeyLookup):
            raise RejectedError(
                f"recordIdS3Override needs a source with keys, which that of the export {definition.export} has not.",
                code="CONFLICTING_FIELDS",
                remedy="Export a window instead.",
            )
        owners = source.owners(keys)
        wanted = set(self._override_studies(request, definition, set(owners.values())))
        by_study: dict[str, list[Sequence[str]]] = {}
        missing = [key for key in keys if key not in owners]
        for key in keys:
            if key in owners and owners[key] in wanted:
                by_study.setdefault(owners[key], []).append(key)
        filtered = len(keys) - len(missing) - sum(map(len, by_study.values()))
        none_found = not owners
        plans = [self._store_plan(request_id, digest, study, found) for study, found in sorted(by_study.items())]
        if missing:
            nowhere = self._store_nowhere(request_id, digest, missing)
            plans.append(StudyPlan(None, nowhere, filtered, len(missing), none_found))
        elif not plans:
            plans.append(StudyPlan(None, None, filtered))
        else:
            plans[0] = StudyPlan(plans[0].study, plans[0].plan, filtered)
        return reference, plans

    def _store_nowhere(self, request_id: str, digest: str, missing: Iterable[tuple[str, ...]]) -> str:
        """Store the ids that were found nowhere as a redrive list, which stays as long as nobody removes it."""
        key = nowhere_key(request_id, digest)
        failed = (FailedRecord(one, NOT_THERE, "was found nowhere", table=None) for one in missing)
        self.objects.put(key, list_of(failed), LIST_MEDIA_TYPE)
        return key

    def _store_plan(self, request_id: str, digest: str, study: str, keys: Sequence[Sequence[str]]) -> StudyPlan:
        key = plan_key(request_id, digest, study)
        # ASCII, because an id of the file may hold half of a surrogate pair: it is found nowhere, and told so.
        self.objects.put(key, json.dumps(keys).encode("ascii"), "application/json")
        return StudyPlan(study, key)

    def _override_studies(self, request: Request, definition: Definition, owning: set[str]) -> Sequence[str]:
        """The studies whose ids an override exports: the whitelist, or every enabled one that owns an id.

        A study with a custom schedule takes part: the ids were chosen by hand, no schedule chose the study.
        """
        if request.studies is not None:
            return self._whitelisted(request.studies, definition)
        known = self.ledger.studies.of_ids(sorted(owning)) if owning else {}
        return [
            study_id
            for study_id, study in known.items()
            if study.enabled and (definition.studies is None or study_id in definition.studies)
        ]


def current_definition(ledger: Ledger, export: str) -> Definition:
    """The newest definition of an export; `default` is the template's until an item takes its place.

    Raises RejectedError UNKNOWN_EXPORT.
    """
    newest = ledger.exports.newest(export)
    if newest is not None:
        version, document = newest
        return from_document(document, version)
    if export == DEFAULT_EXPORT:
        return from_document(ledger.settings.default_export, 0)
    raise RejectedError(
        f"export names {export!r}, which is not defined.",
        code="UNKNOWN_EXPORT",
        remedy="Put its definition with `tidegate exports put FILE`, or name one of `tidegate exports list`.",
    )


def _trigger(request_id: str, origin: Origin) -> Trigger:
    """A command's request comes by the queue like anyone's, and is told by its id; a redrive stays one."""
    if origin.trigger is Trigger.MESSAGE and request_id.startswith("cli-"):
        return Trigger.COMMAND
    return origin.trigger


def _start_after(end: datetime | None, definition: Definition, now: datetime) -> str | None:
    """Until when the operation must sleep because its end has not settled; None where it can run at once."""
    if end is None:
        return None
    settled = settled_at(end, definition.settle_seconds)
    return rfc3339(settled) if settled > now else None


def _check_study_id(study_id: str) -> None:
    """The study table may be somebody else's: what no request could name is refused before anything is written."""
    try:
        checked_study_id(study_id)
    except ValueError as error:
        raise RejectedError(
            f"The study id {study_id[:80]!r} {error}: keys of files and tables are made of it.",
            code="INVALID_FIELD",
            remedy="Rename the study, or disable it.",
        ) from None
