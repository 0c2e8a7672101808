"""The one place that chooses concrete parts: clients, tables, queues, kinds. All else is handed what it needs.

What only some functions need is imported by the method that makes it, so that none loads more than its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import botocore
import botocore.session
from botocore.config import Config

from tidegate import __version__
from tidegate.descriptions import read_sparingly
from tidegate.immutable import dataclass
from tidegate.intact import require_intact
from tidegate.model import Definition, Kind, Pair
from tidegate.pagecounts import PageCounts
from tidegate.queues import DeadLetters, WorkQueue
from tidegate.redrive import DeadQueue
from tidegate.settings import Settings
from tidegate.sources import Source, source_of
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from tidegate.accept import Acceptance
    from tidegate.announcing import Announcer
    from tidegate.deadletters import DeadLetterQueue
    from tidegate.deliver import Places
    from tidegate.engine import Engine
    from tidegate.recovery import Recovery
    from tidegate.service import Service
    from tidegate.studies import Studies
    from tidegate.upkeep import Upkeep
    from tidegate.verify import Verification
    from tidegate.watermarking import Watermarking

_AGENT = f"tidegate/{__version__} Botocore/{botocore.__version__}"
CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=20,
    user_agent=_AGENT,
    parameter_validation=False,
    s3={"payload_signing_enabled": False},
)
"""Standard mode retries throttling, 5xx and broken connections; what is left after that backs off on the queue.

botocore makes up its own user agent twice a call, out of thirty pieces, and compares each call's parameters with the
service's model, which type checker, tests and AWS itself do too: together a third of what a call costs besides the
page that it brings (docs/adr/0013-the-read-path.md). Uploads are covered by TLS and by a checksum that S3 compares; a
sha256 of all their bytes for the signature would take four times as long as that.
"""


@dataclass(frozen=True, slots=True)
class AWSClients:
    """The low-level clients of one process."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient
    make: Callable[..., Any]
    """Makes the further ones that a destination needs: of Secrets Manager, STS, or of another account."""


def clients(settings: Settings) -> AWSClients:
    """Clients for a stack, from one session of botocore's: boto3 adds nothing that is used, for a tenth of a start."""
    core = botocore.session.get_session()
    read_sparingly(core)
    app = core.get_config_variable("user_agent_appid")
    config = CONFIG.merge(Config(user_agent=f"{_AGENT} app/{app}")) if app else CONFIG
    make: Callable[..., Any] = partial(
        core.create_client, region_name=settings.region, endpoint_url=settings.endpoint_url, config=config
    )

    def intact(service: str, **more: Any) -> Any:
        client = make(service, **more)
        require_intact(client)
        return client

    usual = cache(intact)
    return AWSClients(
        usual("dynamodb"),
        usual("s3"),
        usual("sqs"),
        # With keywords it is one of another account or region, whose credentials expire.
        lambda service, **more: intact(service, **more) if more else usual(service),
    )


def utc_now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack's parts, made once per execution environment."""

    settings: Settings
    clients: AWSClients
    ledger: Ledger
    objects: Objects
    clock: Callable[[], datetime]
    pages: PageCounts = field(default_factory=PageCounts)

    @classmethod
    def of(cls, settings: Settings, made: AWSClients | None = None, clock: Callable[[], datetime] = utc_now) -> Stack:
        """The stack that the settings name."""
        used = made or clients(settings)
        ledger = Ledger.of(settings, used.dynamodb)
        return cls(settings, used, ledger, Objects(used.s3, settings.export_bucket), clock)

    def source_of(self, definition: Definition) -> Source:
        """The source of a definition; one that names no table reads the stack's own record table."""
        return source_of(definition.with_table(self.settings.record_table), self.clients)

    @property
    def work_queue(self) -> WorkQueue:
        """The queue of work."""
        return WorkQueue(self.clients.sqs, self.settings.work_queue_url)

    def acceptance(self) -> Acceptance:
        """What turns requests into operations."""
        from tidegate.accept import Acceptance

        buckets = self.settings.override_buckets
        return Acceptance(self.ledger, self.objects, self.work_queue, self.source_of, buckets)

    def service(self) -> Service:
        """What intake and the commands call. Imported late: it brings pydantic, which a worker does not need."""
        from tidegate.service import Service

        rejects = DeadLetters(self.clients.sqs, self.settings.request_dlq_url)
        return Service(self.ledger, self.acceptance(), self.source_of, rejects, self.clock)

    def recovery(self) -> Recovery:
        """What redrives and retries; intake carries orders out with it, commands show them."""
        from tidegate.recovery import Recovery

        return Recovery(self.ledger, self.objects, self.acceptance(), self.work_queue)

    def watermarking(self) -> Watermarking:
        """What moves watermarks by hand; no function has the rights for it."""
        from tidegate.watermarking import Watermarking

        return Watermarking(self.ledger)

    def studies(self) -> Studies:
        """What changes the study table; no function has the rights for it."""
        from tidegate.studies import Studies
        from tidegate.upkeep import Report

        upkeep = self.upkeep()

        def forget(pair: Pair, now: datetime) -> int:
            report = Report()
            upkeep.forget(pair, now, report)
            return report.cancelled

        return Studies(self.ledger, forget)

    def verification(self) -> Verification:
        """What proves that nothing that was exported is missing; it only reads."""
        from tidegate.accept import current_definition
        from tidegate.verify import Verification

        return Verification(self.ledger, self.objects, self.source_of, partial(current_definition, self.ledger))

    def dead_letters(self, name: DeadQueue) -> DeadLetterQueue:
        """One of the dead-letter queues, for a person to look at."""
        from tidegate.deadletters import DeadLetterQueue

        used = self.settings
        if name is DeadQueue.WORK:
            return DeadLetterQueue(self.clients.sqs, name, used.work_dlq_url, used.work_queue_url)
        return DeadLetterQueue(self.clients.sqs, name, used.request_dlq_url, used.request_queue_url)

    def places(self) -> Places:
        """Where an export's destinations are found and opened."""
        from tidegate.deliver import Places, current_destinations
        from tidegate.destinations import Mailing, Tools, destination_of
        from tidegate.settlement import settled

        used = self.settings
        mailing = Mailing(
            senders=used.email_senders,
            domains=used.email_domains,
            identity=used.email_identity,
            configuration_set=used.email_configuration_set,
            bucket=used.export_bucket,
            link_role=used.link_role,
            settled=partial(settled, self.objects),
        )
        tools = Tools(self.clients.make, self.clock, mailing)
        return Places(
            objects=self.objects,
            open=lambda document: destination_of(document, tools),
            current=partial(current_destinations, self.ledger),
            clock=self.clock,
        )

    def announcer(self) -> Announcer:
        """What tells EventBridge of ended exports; worker and tick have the right to."""
        from tidegate.announcing import Announcer

        return Announcer(self.ledger, self.clients.make)

    def note_mail(self, event: Mapping[str, Any]) -> bool:
        """Keep what SES tells of an e-mail whose answer may have got lost; whether anybody may ask for it."""
        from tidegate.settlement import note

        return note(self.ledger, self.objects, event)

    def probe(self, export: str) -> list[dict[str, Any]]:
        """Try an export's destinations without sending data."""
        from tidegate.probe import probe

        return probe(self.places(), export)

    def engine(self) -> Engine:
        """What a worker runs, with every kind that ships with Tidegate."""
        from tidegate.engine import Engine
        from tidegate.export import ExportKind
        from tidegate.heap import share_one_heap
        from tidegate.sources.dynamodb.bodies import take_bodies

        share_one_heap()
        # Nearly every export reads so: all of it is here before the first message waits, connections before any call.
        take_bodies(self.clients.dynamodb)
        return Engine(
            ledger=self.ledger,
            objects=self.objects,
            kinds={
                Kind.EXPORT: ExportKind(
                    self.ledger, self.objects, self.source_of, self.clock, self.places(), self.pages
                )
            },
            clock=self.clock,
            owner=uuid.uuid4().hex,
            give_up_after=timedelta(seconds=self.settings.give_up_after_seconds),
        )

    def upkeep(self) -> Upkeep:
        """What the tick runs."""
        from tidegate.upkeep import Upkeep

        dead_work = DeadLetters(self.clients.sqs, self.settings.work_dlq_url)
        return Upkeep(self.ledger, self.objects, self.work_queue, dead_work, self.announcer())
