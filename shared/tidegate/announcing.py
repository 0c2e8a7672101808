"""Tells EventBridge of ended exports, from what the end itself has stored: nothing is lost between two writes.

The transaction that ends an operation leaves the event on its row. The worker sends it at once, the tick whatever is
still there, until EventBridge has taken it. So an event may come twice, with the same `eventId`, and never not at all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from tidegate.announcement import DETAIL_TYPES, SOURCE
from tidegate.awserrors import translated
from tidegate.errors import RetriableError
from tidegate.immutable import dataclass
from tidegate.model import State
from tidegate.store.ledger import Ledger

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Sends the events of one stack; `client` makes AWS clients."""

    ledger: Ledger
    client: Callable[..., Any]

    def announce(self, operation_id: str) -> int:
        """Send what an operation's row has to tell, and take it off the row; how many events that were.

        Raises RetriableError or FatalError where EventBridge did not take them; they stay on the row.
        """
        texts = self.ledger.operations.to_announce(operation_id)
        if texts:
            if self.ledger.settings.event_bus:
                self._send(texts)
            self.ledger.operations.save_announced(operation_id, texts)
        return len(texts)

    def announce_all(self) -> int:
        """Send everything that is still to be told, the oldest first."""
        return sum(self.announce(operation_id) for operation_id in list(self.ledger.operations.unannounced()))

    def _send(self, texts: Sequence[str]) -> None:
        settings = self.ledger.settings
        entries = []
        for text in texts:
            detail = {**json.loads(text), "stack": settings.stack, "bucket": settings.export_bucket}
            entries.append(
                {
                    "Source": SOURCE,
                    "DetailType": DETAIL_TYPES[State(detail["state"])],
                    "Detail": json.dumps(detail),
                    "EventBusName": settings.event_bus,
                }
            )
        with translated(f"Sending {len(entries)} events to the bus {settings.event_bus}"):
            answer = self.client("events").put_events(Entries=entries)
        if answer["FailedEntryCount"]:
            codes = sorted({entry["ErrorCode"] for entry in answer["Entries"] if entry.get("ErrorCode")})
            raise RetriableError(
                f"The bus {settings.event_bus} did not take {answer['FailedEntryCount']} events: {', '.join(codes)}.",
                code="EVENT_NOT_TAKEN",
                remedy="The tick sends them again by itself.",
            )
