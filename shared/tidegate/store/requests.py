"""Table Request: every accepted request under its id, frozen, so that acceptance can be repeated at any point."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from tidegate.store.binding import ExpiryAttribute, InstantAttribute, conditional, translated
from tidegate.store.pairs import pack, unpack

LONGEST_REQUEST_ID = 128


class RequestRow(Model):
    """`frozen` is the packed JSON of all that acceptance decided; `digest` tells a repeat from another body."""

    requestId = UnicodeAttribute(hash_key=True)
    digest = UnicodeAttribute()
    acceptedAt = InstantAttribute()
    frozen = BinaryAttribute(legacy_encoding=False)
    dispatched = BooleanAttribute(default=False)
    expiry = ExpiryAttribute()

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def read(cls, request_id: str, now: datetime) -> RequestRow | None:
        """The frozen request of that id, strongly consistent; None where there is none or it has expired."""
        with translated(f"reading request {request_id}"):
            try:
                row = cls.get(request_id, consistent_read=True)
            except cls.DoesNotExist:
                return None
        return None if row.expiry <= now else row

    @classmethod
    def freeze(
        cls, request_id: str, digest: str, accepted_at: datetime, frozen: Mapping[str, Any], expiry: datetime
    ) -> bool:
        """Write the frozen request; False where the id is taken (an expired row does not take it)."""
        row = cls(request_id, digest=digest, acceptedAt=accepted_at, frozen=pack(dict(frozen)), expiry=expiry)
        with conditional(f"freezing request {request_id}") as writing:
            row.save(condition=cls.requestId.does_not_exist() | (cls.expiry <= accepted_at))
        return not writing.refused

    @classmethod
    def note_refusal(cls, request_id: str, operation_id: str, now: datetime, expiry: datetime) -> None:
        """Remember which operation says why a request was refused; the id itself stays free."""
        row = cls(_refused(request_id), digest="", acceptedAt=now, frozen=pack(operation_id), expiry=expiry)
        with translated(f"noting the refusal of request {request_id}"):
            row.save()

    @classmethod
    def refusal(cls, request_id: str, now: datetime) -> str | None:
        """The operation that says why the last request of that id was refused; None without one."""
        row = cls.read(_refused(request_id), now)
        return None if row is None else str(row.content)

    @classmethod
    def extend(cls, request_id: str, expiry: datetime) -> None:
        """Remember a request until `expiry` at least: one of its operations has just been given a new life."""
        with conditional(f"extending request {request_id}"):
            cls(request_id).update(
                actions=[cls.expiry.set(expiry)], condition=cls.requestId.exists() & (cls.expiry < expiry)
            )

    @property
    def content(self) -> Any:
        """What was frozen, as JSON."""
        return unpack(self.frozen)

    def mark_dispatched(self) -> None:
        """Remember that every operation is written and sent, so that a repeat has nothing to do."""
        cls = type(self)
        with conditional(f"closing request {self.requestId}"):
            self.update(actions=[cls.dispatched.set(value=True)], condition=cls.digest == self.digest)


def _refused(request_id: str) -> str:
    """A key that no request can have: ids have 128 characters at most, this one always more."""
    return f"refused:{'-' * LONGEST_REQUEST_ID}{request_id}"
