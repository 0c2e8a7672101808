"""A stack that may send e-mails, the SES that takes them, and what a reader finds in them."""

from __future__ import annotations

import email
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from typing import Any

from integration.commands import Commands
from integration.world import World
from tidegate.bootstrap import AWSClients
from tidegate.model import Operation
from tidegate_local.mailbox import Arrived, Mailbox

SENDER = "exports@tidegate.example"
DOMAIN = "hospital.example"
IDENTITY = "tidegate.example"
LINK_ROLE = "arn:aws:iam::123456789012:role/tidegate-links"
SETTINGS: dict[str, Any] = {
    "email_identity": IDENTITY,
    "email_senders": (SENDER, "other@tidegate.example"),
    "email_domains": (DOMAIN, "lab.example"),
    "email_configuration_set": "tidegate-mail",
    "link_role": LINK_ROLE,
}


@dataclass(frozen=True)
class Letter:
    """A message as a mail program shows it."""

    arrived: Arrived

    @property
    def mime(self) -> Message:
        return email.message_from_bytes(self.arrived.raw)

    def header(self, name: str) -> str:
        return decoded(str(self.mime[name]))

    def people(self, name: str) -> list[tuple[str, str]]:
        """Names and addresses in a header, as pairs."""
        unfolded = str(self.mime[name] or "").replace("\r", "").replace("\n", "")
        return [(decoded(shown), address) for shown, address in getaddresses([unfolded])]

    @property
    def text(self) -> str:
        part = next(part for part in self.mime.walk() if part.get_content_type() == "text/plain")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode()

    @property
    def attachments(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in self.mime.walk():
            name, payload = part.get_filename(), part.get_payload(decode=True)
            if name is not None and isinstance(payload, bytes):
                found[name] = payload
        return found


def decoded(header: str) -> str:
    """A header with its encoded words decoded."""
    return str(make_header(decode_header(header)))


def letters(mailbox: Mailbox) -> list[Letter]:
    return [Letter(arrived) for arrived in mailbox.messages()]


def entry(**changes: Any) -> dict[str, Any]:
    """An EMAIL destination as people write it."""
    return {"type": "EMAIL", "to": [{"address": f"desk@{DOMAIN}", "name": "The desk"}], **changes}


@contextmanager
def mailed(world: World, mailbox: Mailbox, **settings: Any) -> Iterator[World]:
    """The world with a stack that may send, whose SES is the mailbox."""
    before = world.stack
    made, used = before.clients, replace(before.settings, **{**SETTINGS, **settings})

    def make(service: str, **more: Any) -> Any:
        if service == "sesv2":
            more["endpoint_url"] = mailbox.endpoint_url
        return made.make(service, **more)

    clients = AWSClients(made.dynamodb, made.s3, made.sqs, make)
    ledger = replace(before.ledger, settings=used)
    world.stack = replace(before, settings=used, clients=clients, ledger=ledger)
    try:
        yield world
    finally:
        world.stack = before


def only(mailbox: Mailbox) -> Letter:
    (letter,) = letters(mailbox)
    return letter


def people(count: int, prefix: str = "p") -> list[dict[str, str]]:
    return [{"address": f"{prefix}{number}@{DOMAIN}"} for number in range(count)]


def striking(mailbox: Mailbox, *wrongs: str | None) -> None:
    """The next messages go wrong as these say, and all after them go well."""
    left = list(wrongs)
    mailbox.strike = lambda _message: left.pop(0) if left else None


def told(cli: Commands, operation: Operation) -> Any:
    (found,) = cli.json("destinations", "show", operation.operation_id)
    return found


def later(world: World, **span: float) -> None:
    """Time passes, and the worker tries again."""
    world.clock.tick(**span)
    world.work()
