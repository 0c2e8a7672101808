"""E-mail through SES: one message for all files of a window, or one for each 50 recipients.

Before a message is sent it is on the pair's row that this will be tried. So a process that finds an attempt which it
has not made itself knows that the answer is unknown; it waits for what SES tells of it, and then does as the definition
says. Every message that was taken is on the row with its id, so only recipients without one are written to again.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tidegate.destinations.destination import Outgoing, Sent, Tools
from tidegate.destinations.mail import ses
from tidegate.destinations.mail.writing import Written, write
from tidegate.errors import FatalError, RetriableError
from tidegate.instants import parse_rfc3339, rfc3339
from tidegate.model import Finding, JSONObject
from tidegate.recipients import MOST_A_MESSAGE, digest_of, everyone, refusal

PATIENCE = timedelta(minutes=15)
"""How long SES has to tell of a message whose answer got lost."""


class MailDestination:
    """Mailboxes."""

    def __init__(self, document: JSONObject, tools: Tools) -> None:
        self._document = document
        self._tools = tools
        self._made: Any = None
        self._ready: tuple[str, Written] | None = None
        self._messages: list[JSONObject] = []
        self.point: JSONObject | None = None

    def where(self) -> str:
        """The place, for people; without the recipients' addresses, which stand in definitions alone."""
        return f"{len(everyone(self._document))} recipients, from {self._sender()}"

    def close(self) -> None:
        """Forget the client; what was announced is still sent by this very process or by none."""
        self._made = None

    def probe(self) -> Sequence[Finding]:
        """Ask SES whether the identity is verified and the account may send; nothing is sent."""
        from tidegate.destinations.mail.probing import findings  # noqa: PLC0415  # only a probe needs it

        return findings(self._document, self._tools)

    def send(self, file: Outgoing, point: JSONObject | None, spent: Callable[[], bool]) -> Sent:
        """Deliver one file by itself; see Destination."""
        return self.send_all([file], point, spent)

    def send_all(self, files: Sequence[Outgoing], point: JSONObject | None, spent: Callable[[], bool]) -> Sent:  # noqa: ARG002  a step is short
        """One step: announce a message, send the one that was announced, or find out about one whose answer is unknown.

        The point has the messages that were taken and the attempt that is under way.
        """
        self.point = point if point is not None and "messages" in point else {"messages": [], "repeats": 0}
        self._messages = list(self.point["messages"])
        self._check_allowed()
        attempt = self.point.get("attempt")
        if attempt is None:
            return self._announce(files, self.point.get("repeats", 0))
        if self._ready is not None and self._ready[0] == attempt["id"]:
            return self._send(attempt, self._ready[1], files)
        return self._settle(attempt, files)

    def _announce(self, files: Sequence[Outgoing], repeats: int) -> Sent:
        """Write the next message, and have it stored that it will be sent; nobody is left: all is done."""
        missing = self._missing()
        if not missing:
            return self._done(files)
        group = missing[:MOST_A_MESSAGE]
        operation = files[0].consignment.operation_id
        delivery = f"{operation}-{_digest(self._document['name'], *(person['address'] for _, person in group))}"
        written = write(self._document, group, files, delivery, self._tools)
        attempt: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "delivery": delivery,
            "operation": operation,
            "at": rfc3339(self._tools.clock()),
            "to": [digest_of(person["address"]) for _, person in group],
            "attached": written.attached,
            "repeats": repeats,
        }
        self._ready = (attempt["id"], written)
        self.point = {"messages": self._messages, "attempt": attempt}
        return Sent(done=False, where=self.where(), at_once=True)

    def _send(self, attempt: JSONObject, written: Written, files: Sequence[Outgoing]) -> Sent:
        self._ready = None
        mailing = self._tools.mailing
        tags = {"tidegate-operation": attempt["operation"], "tidegate-attempt": attempt["id"]}
        envelope = ses.Envelope(self._sender(), *written.envelope, mailing.configuration_set, tags)
        if self._made is None:
            self._made = ses.sending_client(self._tools.client)
        try:
            message_id = ses.send(self._made, envelope, written.raw, self._message(attempt))
        except ses.UnansweredError:
            self._note_unknown(attempt)
            raise
        except (RetriableError, FatalError):
            self._drop(attempt)
            raise
        return self._taken(attempt, files, {"messageId": message_id})

    def _settle(self, attempt: JSONObject, files: Sequence[Outgoing]) -> Sent:
        """An attempt of somebody else's, or one whose answer got lost: what became of it, or what to do now."""
        told = self._tools.mailing.settled(attempt["operation"], attempt["id"]) or {}
        if told.get("messageId"):
            return self._taken(attempt, files, {"messageId": told["messageId"], "known": "SES"})
        if told.get("settled") == "sent":
            return self._taken(attempt, files, {"messageId": None, "known": "PERSON"})
        until = parse_rfc3339(attempt["at"]) + PATIENCE
        if told.get("settled") != "resend":
            self._note_unknown(attempt)
            self._wait_or_ask(attempt, until)
        return self._announce(files, attempt["repeats"] + 1)

    def _wait_or_ask(self, attempt: JSONObject, until: datetime) -> None:
        """Return where it is to be sent again. Raises while SES may still tell, and where a person is asked."""
        if self._tools.clock() < until:
            raise ses.unanswered(self._message(attempt))
        if self._document["onUnknown"] == "ask":
            operation = attempt["operation"]
            raise FatalError(
                f"Nobody knows whether {self._message(attempt)} was sent, and SES has not told within 15 minutes.",
                code="EMAIL_UNKNOWN",
                remedy=f"Ask a recipient whether it came ({attempt['delivery']}), then 'tidegate redrive delivery"
                f" {operation} --unknown sent' or '--unknown resend'.",
            )

    def _taken(self, attempt: JSONObject, files: Sequence[Outgoing], more: JSONObject) -> Sent:
        """SES has the message: note it, and end where it was the last."""
        message = {
            **more,
            "delivery": attempt["delivery"],
            "recipients": len(attempt["to"]),
            "attached": attempt["attached"],
            "at": rfc3339(self._tools.clock()),
            "repeats": attempt["repeats"],
            "to": attempt["to"],
        }
        self._messages.append(message)
        self.point = {"messages": self._messages, "repeats": 0}
        return Sent(done=False, where=self.where()) if self._missing() else self._done(files)

    def _done(self, files: Sequence[Outgoing]) -> Sent:
        messages = [_shown(message) for message in self._messages]
        return Sent(done=True, where=self.where(), files=len(files), receipt={"messages": messages})

    def _note_unknown(self, attempt: JSONObject) -> None:
        self.point = {"messages": self._messages, "attempt": attempt, "unknown": True}

    def _drop(self, attempt: JSONObject) -> None:
        """Forget an attempt that SES has refused. What one before it may have done stays known as repeats."""
        self.point = {"messages": self._messages, "repeats": attempt["repeats"]}

    def _missing(self) -> list[tuple[str, JSONObject]]:
        have = {digest for message in self._messages for digest in message["to"]}
        return [(role, person) for role, person in everyone(self._document) if digest_of(person["address"]) not in have]

    def _check_allowed(self) -> None:
        mailing = self._tools.mailing
        refused = refusal(self._document, domains=mailing.domains, senders=mailing.senders)
        if refused is not None:
            code, message, remedy = refused
            raise FatalError(message, code=code, remedy=remedy)

    def _sender(self) -> str:
        given: Any = (self._document.get("from") or {}).get("address")
        return str(given or next(iter(self._tools.mailing.senders), "nobody"))

    def _message(self, attempt: JSONObject) -> str:
        people = f"{len(attempt['to'])} recipients"
        return f"the message {attempt['delivery']} of destination {self._document['name']} to {people}"


def _shown(message: Mapping[str, Any]) -> JSONObject:
    """A message in a receipt: all but whose mailboxes they were."""
    return {name: value for name, value in message.items() if name != "to"}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
