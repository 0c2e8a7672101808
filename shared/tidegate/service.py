"""What may be asked of Tidegate: submit, preview, list, get, define, check. Commands and functions call this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from tidegate import sources
from tidegate.accept import Acceptance, Origin, current_definition
from tidegate.autoredrive import Fate, fate_of
from tidegate.definition import from_document
from tidegate.errors import RejectedError
from tidegate.frozen import operations_of
from tidegate.immutable import dataclass
from tidegate.instants import floor_millis, rfc3339
from tidegate.model import (
    DEFAULT_EXPORT,
    NO_TAG,
    Definition,
    ExportType,
    Failure,
    JSONObject,
    Kind,
    Operation,
    Pair,
    Request,
    State,
    Trigger,
    Window,
)
from tidegate.queues import DeadLetters
from tidegate.recipients import refusal
from tidegate.request import parse, request_id_of, tag_of
from tidegate.sources import Finding, Inspectable, Source
from tidegate.store.ledger import Ledger
from tidegate.ulid import derived
from tidegate.window import resolve, settled_at

logger = logging.getLogger(__name__)

READ_AT_ONCE = 100
REFUSAL_NOTED = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would do for one study, at the moment of asking. `window` is None for an override."""

    pair: Pair
    window: Window | None
    watermark: datetime | None
    state: State
    note: str = ""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far one (export, study) has been exported."""

    export: str
    study: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """One stack, as its users see it."""

    ledger: Ledger
    acceptance: Acceptance
    source_of: Callable[[Definition], Source]
    rejects: DeadLetters
    clock: Callable[[], datetime]

    def submit(self, request: Request, origin: Origin, now: datetime) -> list[str]:
        """Accept a checked request; the ids of its operations. Idempotent under its id. Raises RejectedError."""
        return self.acceptance.accept(request, origin, now)

    def refuse(self, body: str, error: RejectedError, origin: Origin, sent_at: datetime) -> None:
        """Refuse a bad request: an operation in state REJECTED says why, the body goes unchanged to the dead letters.

        May be repeated after a crash: the operation is written once (its id is derived from the message), and a dead
        letter is rather kept twice than not at all.
        """
        request_id = request_id_of(body) or origin.fallback_id
        operation = Operation(
            operation_id=derived(sent_at, "rejected", origin.fallback_id),
            kind=Kind.EXPORT,
            state=State.REJECTED,
            request_id=request_id,
            export=None,
            study=None,
            export_type=None,
            trigger=Trigger.COMMAND if request_id.startswith("cli-") else origin.trigger,
            tag=tag_of(body) or NO_TAG,
            actor=origin.actor,
            created_at=sent_at,
            last_action_at=sent_at,
            finished_at=sent_at,
            error=Failure(error.code, error.message, error.remedy),
            log=((sent_at, f"refused: {error.code}: {error.message}"),),
            expiry=self.ledger.expiry(State.REJECTED, sent_at),
        )
        self.ledger.operations.create(operation, None)
        self.ledger.requests.note_refusal(request_id, operation.operation_id, sent_at, sent_at + REFUSAL_NOTED)
        self.rejects.keep(body, error.code, f"{error.message} {error.remedy}".strip())
        logger.warning("request refused", extra={"requestId": request_id, "errorCode": error.code})

    def request_operations(self, request_id: str) -> list[Operation] | None:
        """The operations of a request, strongly consistent; None while it has been neither accepted nor refused."""
        now = self.clock()
        row = self.ledger.requests.read(request_id, now)
        if row is not None:
            wanted = operations_of(request_id, row.acceptedAt, row.content)
            stored = self.ledger.operations.read_many([operation.operation_id for operation in wanted])
            return [stored.get(operation.operation_id, operation) for operation in wanted]
        refusal = self.ledger.requests.refusal(request_id, now)
        refused = None if refusal is None else self.ledger.operations.read(refusal)
        return None if refused is None else [refused]

    def operations(
        self,
        state: State | None = None,
        study: str | None = None,
        limit: int | None = 100,
        *,
        failed_records: bool = False,
    ) -> list[Operation]:
        """Operations that have not expired, newest first, narrowed and at most `limit` of them (None: all).

        `failed_records`: only those with records that could not be exported and that no redrive sees to.
        """
        found, now = [], self.clock()
        for operation in self._stored(now):
            wanted = state in (None, operation.state) and study in (None, operation.study)
            if wanted and (not failed_records or self._waits_for_redrive(operation, now)):
                found.append(operation)
                if limit is not None and len(found) >= limit:
                    break
        return found

    def operation(self, operation_id: str) -> Operation | None:
        """One operation, strongly consistent; None where there is none or it has expired."""
        operation = self.ledger.operations.read(operation_id)
        return None if operation is None or _expired(operation, self.clock()) else operation

    def preview(self, body: str, now: datetime) -> list[Preview]:
        """What a request would do for each study now; reads only. Raises RejectedError as acceptance would.

        Raises FatalError where nobody knows the export's source.
        """
        request = parse(body)
        definition = self.acceptance.definition(request.export)
        self.source_of(definition)  # a source that is not known here would fail each of them
        end = self.acceptance.end_of(request, definition, now)
        studies = self.acceptance.studies_of(request, definition)
        if end is None:
            note = f"exports the ids of {request.override}, leaves the watermark alone"
            return [Preview(Pair(request.export, s), None, None, State.NOT_STARTED, note) for s in studies]
        settled = settled_at(end, definition.settle_seconds)
        return [self._preview(request, definition, end, settled, Pair(request.export, s), now) for s in studies]

    def put_export(self, document: JSONObject, actor: str | None, now: datetime) -> Definition:
        """Store a definition as a new version, with a config event. Raises RejectedError naming what is wrong.

        Sources, their options, and formats are those of this process: its sources folder and what was registered.
        Idempotent: the same document again makes no new version.
        """
        # Acceptance takes definitions as they are stored: a function need not know what they may say.
        from tidegate import formats  # noqa: PLC0415
        from tidegate.definition_schema import validate  # noqa: PLC0415
        from tidegate.source_listing import fitted  # noqa: PLC0415

        checked = validate(document, source_types=sources.names(), format_types=formats.names())
        checked = {**checked, "source": fitted(checked["source"])}
        self._check_mail(checked["destinations"])
        export = checked["exportId"]
        version = self.ledger.exports.put(export, checked, actor, floor_millis(now))
        self.ledger.history.append(
            f"config/{export}",
            f"{version:010d}",
            "EXPORT_PUT",
            now,
            {"export": export, "version": version, "actor": actor, "document": dict(checked)},
        )
        return from_document(checked, version)

    def _check_mail(self, entries: Sequence[JSONObject]) -> None:
        """Raise RejectedError where an e-mail would go where this stack may not send it."""
        used = self.ledger.settings
        for entry in entries:
            if entry["type"] == "EMAIL":
                refused = refusal(entry, domains=used.email_domains, senders=used.email_senders)
                if refused is not None:
                    code, message, remedy = refused
                    raise RejectedError(message, code=code, remedy=remedy)

    def exports(self) -> list[Definition]:
        """Every export's newest definition, by id; `default` is always among them."""
        found = {
            export: from_document(document, version) for export, version, document in self.ledger.exports.all_newest()
        }
        found.setdefault(DEFAULT_EXPORT, current_definition(self.ledger, DEFAULT_EXPORT))
        return [found[export] for export in sorted(found)]

    def export(self, export: str) -> Definition | None:
        """One export's newest definition; None for an unknown one."""
        try:
            return current_definition(self.ledger, export)
        except RejectedError:
            return None

    def watermarks(self, study: str | None = None) -> list[Watermark]:
        """All watermarks, or one study's in every export, by export and study."""
        found = [
            Watermark(pair.export, pair.study, at)
            for pair, at in self.ledger.watermarks.everything()
            if study in (None, pair.study)
        ]
        return sorted(found, key=lambda watermark: (watermark.export, watermark.study))

    def check(self, export: str, now: datetime) -> list[Finding]:
        """What to know before the first run of an export on tables that exist; reads only. Raises RejectedError."""
        definition = current_definition(self.ledger, export)
        studies = [
            s.study_id
            for s in self.ledger.studies.everything()
            if s.enabled and (definition.studies is None or s.study_id in definition.studies)
        ]
        findings = [
            Finding(
                bool(studies),
                f"{len(studies)} enabled studies take part in the export {export}.",
                "" if studies else "Put studies into the study table, or name existing ones in the definition.",
            )
        ]
        source = self.source_of(definition)
        if not isinstance(source, Inspectable):
            findings.append(Finding(ok=True, what=f"The source {definition.source.type} has nothing to check."))
            return findings
        end = floor_millis(now) - timedelta(seconds=definition.settle_seconds)
        window = Window(end - timedelta(days=1), end)
        findings += source.inspect(studies, window)
        if all(finding.ok for finding in findings):  # a source that does not fit its table has nothing to warn of
            findings += [Finding(ok=True, what=f"Warning: {warning}") for warning in source.warnings(studies)]
        return findings

    def _preview(
        self, request: Request, definition: Definition, end: datetime, settled: datetime, pair: Pair, now: datetime
    ) -> Preview:
        watermark = None if request.ignore_watermark else self.ledger.watermarks.read(pair)
        window = resolve(
            end=end,
            start=request.start,
            ignore_watermark=request.ignore_watermark,
            export_type=request.export_type or ExportType.INSTANT,
            watermark=watermark,
            first_export_from=definition.first_export_from,
            time_zone=definition.time_zone,
        )
        notes = ["leaves the watermark alone"] if request.ignore_watermark else []
        if window.empty:
            notes.append("nothing new: the end is not after the start")
        state = State.NOT_STARTED
        if settled > now:
            state = State.SLEEPING
            notes.append(f"would wait until {rfc3339(settled)}")
        return Preview(pair, window, watermark, state, "; ".join(notes))

    def _waits_for_redrive(self, operation: Operation, now: datetime) -> bool:
        """Whether an operation's failed records are neither settled nor in the hands of a redrive."""
        if not operation.unsettled or operation.redriven_by is None:
            return operation.unsettled
        return fate_of(self.ledger, operation.redriven_by, now) is Fate.FAILED

    def _stored(self, now: datetime) -> Iterator[Operation]:
        batch: list[str] = []
        for operation_id in self.ledger.operations.newest_first():
            batch.append(operation_id)
            if len(batch) == READ_AT_ONCE:
                yield from self._alive(batch, now)
                batch = []
        yield from self._alive(batch, now)

    def _alive(self, batch: Sequence[str], now: datetime) -> Iterator[Operation]:
        stored = self.ledger.operations.read_many(batch) if batch else {}
        for operation_id in batch:
            if operation_id in stored and not _expired(stored[operation_id], now):
                yield stored[operation_id]


def _expired(operation: Operation, now: datetime) -> bool:
    return operation.expiry is not None and operation.expiry <= now
