"""What the commands ask of the service: nothing else of it is used here, so a test can stand in for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from tidegate.model import Definition, Operation, Pair, State, Window


class Preview(Protocol):
    """What a request would do for one (export, study), if it were sent now."""

    @property
    def pair(self) -> Pair:
        """The export and the study."""

    @property
    def state(self) -> str:
        """The state that its operation would begin in."""

    @property
    def window(self) -> Window | None:
        """What would be read; None for an override."""

    @property
    def watermark(self) -> datetime | None:
        """The watermark as it is now; None where there is none or it is ignored."""

    @property
    def note(self) -> str:
        """What else is worth knowing; may be empty."""


class Watermark(Protocol):
    """The end of the last committed window of one (export, study)."""

    @property
    def export(self) -> str:
        """The export's id."""

    @property
    def study(self) -> str:
        """The study's id."""

    @property
    def at(self) -> datetime:
        """The watermark, aware UTC."""


class Finding(Protocol):
    """One thing that was checked."""

    @property
    def ok(self) -> bool:
        """Whether it is well."""

    @property
    def what(self) -> str:
        """What was found."""

    @property
    def remedy(self) -> str:
        """What to do where it is not well."""


class Service(Protocol):
    """The service, as far as the commands use it."""

    def request_operations(self, request_id: str) -> Sequence[Operation] | None:
        """What a request became, refusals too; None while it is not accepted. Strongly consistent."""

    def operations(self, state: State | None = None, study: str | None = None, limit: int = 100) -> Sequence[Operation]:
        """The operations that have not expired, newest first."""

    def operation(self, operation_id: str, /) -> Operation | None:
        """One operation."""

    def preview(self, body: str, now: datetime) -> Sequence[Preview]:
        """What a request would do. Raises RejectedError as acceptance would; writes nothing."""

    def put_export(self, document: Mapping[str, Any], actor: str, now: datetime) -> Definition:
        """Save a definition as a new version. Raises RejectedError where it is wrong."""

    def exports(self) -> Sequence[Definition]:
        """Every export in its newest version, the default one too."""

    def export(self, export_id: str, /) -> Definition | None:
        """One export in its newest version."""

    def watermarks(self, study: str | None = None) -> Sequence[Watermark]:
        """The watermarks, of every study or of one."""

    def check(self, export_id: str, now: datetime) -> Sequence[Finding]:
        """Look at an export's tables. Raises RejectedError for an unknown export."""
