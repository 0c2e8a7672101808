"""The entry of an EMAIL destination, strictly checked: who gets it, what it says, what is attached or linked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidegate.definition import DESTINATION_DEFAULTS
from tidegate.letter import ONE_LINE_FIELDS, check_template
from tidegate.recipients import MOST_RECIPIENTS, check_address, check_name
from tidegate.source_schema import Strict, unique

LARGEST_MESSAGE = 40_000_000
"""Bytes of a message as SES counts them, after base64."""
LONGEST_LINK_SECONDS = 604_800
"""Seven days, the most that S3's signatures can say."""
_DEFAULTS = DESTINATION_DEFAULTS["EMAIL"]


def _subject(text: str) -> str:
    check_template(text, ONE_LINE_FIELDS)
    return check_name(text)


def _text(text: str) -> str:
    check_template(text)
    return text


Address = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(check_address)]
DisplayName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(check_name)]


class Recipient(Strict):
    """One recipient, with the name that is shown beside the address."""

    address: Address
    name: DisplayName | None = None


class Sender(Strict):
    """Whom a message comes from."""

    address: Address | None = Field(
        default=None, description="One of the parameter EmailFromAddresses. Default: the first."
    )
    name: DisplayName | None = None


class Attach(Strict):
    """What is attached."""

    max_bytes: Annotated[int, Field(ge=0, le=LARGEST_MESSAGE)] = Field(
        default=_DEFAULTS["attach"]["maxBytes"],
        alias="maxBytes",
        description="Bytes that a message may have, after base64; what is larger is linked. 0 always links.",
    )
    zip: bool = Field(default=_DEFAULTS["attach"]["zip"], description="All files in one ZIP archive.")


class Link(Strict):
    """The links to files that are too large."""

    expires_seconds: Annotated[int, Field(ge=60, le=LONGEST_LINK_SECONDS)] = Field(
        default=_DEFAULTS["link"]["expiresSeconds"],
        alias="expiresSeconds",
        description="How long they work, at most: docs/destinations.md says what ends them earlier.",
    )


class EmailDestination(Strict):
    """Mailboxes, by way of SES."""

    type: Literal["EMAIL"]
    name: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = Field(
        default=None, description="Default: EMAIL, with a number from the second on."
    )
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MOST_RECIPIENTS)]
    cc: Annotated[list[Recipient], Field(max_length=MOST_RECIPIENTS)] = Field(default_factory=list)
    bcc: Annotated[list[Recipient], Field(max_length=MOST_RECIPIENTS)] = Field(default_factory=list)
    sender: Sender | None = Field(default=None, alias="from")
    subject: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_subject)] = Field(
        default=_DEFAULTS["subject"], description="Template of the subject."
    )
    text: Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_text)] = Field(
        default=_DEFAULTS["text"], description="Template of the text; {files} is the list of files, or of their links."
    )
    attach: Attach = Field(default_factory=Attach)
    link: Link = Field(default_factory=Link)
    on_unknown: Literal["resend", "ask"] = Field(
        default=_DEFAULTS["onUnknown"],
        alias="onUnknown",
        description="When nobody knows whether SES took a message: send it again, or ask a person.",
    )
    manifest: bool = Field(default=_DEFAULTS["manifest"], description="Send the manifest too, last.")


def check_recipients(entry: EmailDestination) -> EmailDestination:
    """The entry, where no address occurs twice and there are not too many; raises ValueError."""
    addresses = [recipient.address.lower() for recipient in (*entry.to, *entry.cc, *entry.bcc)]
    unique(addresses)
    if len(addresses) > MOST_RECIPIENTS:
        raise ValueError(f"must have at most {MOST_RECIPIENTS} recipients in all (got {len(addresses)})")
    return entry
