"""Table History: append-only events, `audit` (what ran) and `config` (what was changed). Nothing here ever expires."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from tidegate.model import JSONObject
from tidegate.store.binding import InstantAttribute, conditional, translated


class HistoryRow(Model):
    """`stream` is `audit/<export>/<study>` or `config/<export>`; `eventId` makes a repeat harmless."""

    stream = UnicodeAttribute(hash_key=True)
    eventId = UnicodeAttribute(range_key=True)
    event = UnicodeAttribute()
    at = InstantAttribute()
    details = JSONAttribute()

    if TYPE_CHECKING:

        class Meta:
            """Bound by store.binding."""

            table_name = ""

    @classmethod
    def of(cls, stream: str, event_id: str, event: str, at: datetime, details: JSONObject) -> HistoryRow:
        """An event that is not yet written."""
        return cls(stream, event_id, event=event, at=at, details=dict(details))

    @classmethod
    def append(cls, stream: str, event_id: str, event: str, at: datetime, details: JSONObject) -> None:
        """Write an event once; a repeat with the same id changes nothing."""
        with conditional(f"writing the event {event} to the history"):
            cls.of(stream, event_id, event, at, details).save(condition=cls.eventId.does_not_exist())

    @classmethod
    def events(cls, stream: str, names: Collection[str]) -> Iterator[tuple[str, datetime, JSONObject]]:
        """Name, time and details of the stream's events that have one of these names, strongly consistent."""
        with translated(f"reading the history of {stream}"):
            for row in cls.query(stream, filter_condition=cls.event.is_in(*names), consistent_read=True):
                yield row.event, row.at, row.details

    @classmethod
    def has(cls, stream: str, event_id: str) -> bool:
        """Whether that event was written, strongly consistent."""
        with translated(f"reading the history of {stream}"):
            return cls.count(stream, cls.eventId == event_id, consistent_read=True) > 0

    @classmethod
    def add(
        cls, transaction: TransactWrite, stream: str, event_id: str, event: str, at: datetime, details: JSONObject
    ) -> None:
        """Add an event to a transaction."""
        transaction.save(cls.of(stream, event_id, event, at, details))
