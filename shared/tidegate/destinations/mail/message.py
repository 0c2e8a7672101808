"""One e-mail as bytes: headers, text, attachments. The same letter has the same bytes, whoever writes it and when.

The standard library makes the MIME; what goes into headers was made one line before. Message-ID and Date are SES's to
give: it writes its own Message-ID over ours. So X-Tidegate-Delivery is what a reader knows a repeat by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr

from tidegate.letter import one_line
from tidegate.recipients import domain_of

DELIVERY_HEADER = "X-Tidegate-Delivery"
_POLICY = compat32.clone(linesep="\r\n", cte_type="7bit")
"""The older of the library's two ways to fold headers: Python 3.11's newer one cuts long names into words that no
reader can decode."""


@dataclass(frozen=True, slots=True)
class Person:
    """An address and the name that is shown beside it, which may be empty."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within a message. `media_type` is `type/subtype`."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What one message says, and to whom. Who gets it without being named is not in here."""

    delivery: str
    sender: Person
    to: Sequence[Person]
    cc: Sequence[Person]
    subject: str
    text: str
    attachments: Sequence[Attachment] = ()


def composed(letter: Letter) -> bytes:
    """The message: ASCII alone, lines that end in CR LF and have 998 characters at most."""
    message = _body(letter)
    message["MIME-Version"] = "1.0"
    message["From"] = _mailbox(letter.sender)
    if letter.to:
        message["To"] = _mailboxes(letter.to)
    if letter.cc:
        message["Cc"] = _mailboxes(letter.cc)
    if not letter.to and not letter.cc:
        message["To"] = "undisclosed-recipients:;"
    message["Subject"] = Header(one_line(letter.subject), "utf-8", header_name="Subject").encode()
    message["Message-ID"] = f"<{letter.delivery}@{domain_of(letter.sender.address)}>"
    message[DELIVERY_HEADER] = letter.delivery
    message["Auto-Submitted"] = "auto-generated"
    return message.as_bytes(policy=_POLICY)


def encoded_size(size: int) -> int:
    """Bytes that so many bytes take in base64, in lines of 76 characters and their ends."""
    letters = (size + 2) // 3 * 4
    return letters + (letters + 75) // 76 * 2


def _body(letter: Letter) -> Message:
    text = MIMEText(letter.text, "plain", "utf-8")
    if not letter.attachments:
        del text["MIME-Version"]
        return text
    # "=_" cannot stand in what is encoded, so no content can be taken for the boundary.
    mixed = MIMEMultipart("mixed", boundary=f"=_{letter.delivery}")
    del mixed["MIME-Version"]
    mixed.attach(text)
    for attachment in letter.attachments:
        kind, _, subtype = attachment.media_type.partition("/")
        part = MIMEApplication(attachment.data, subtype)
        part.replace_header("Content-Type", f"{kind}/{subtype}")
        part.add_header("Content-Disposition", "attachment", filename=attachment.name)
        mixed.attach(part)
    return mixed


def _mailboxes(people: Sequence[Person]) -> str:
    return ",\n ".join(_mailbox(person) for person in people)


def _mailbox(person: Person) -> str:
    """An address with its name, in ASCII; a long name is several words, each on a line of its own."""
    name = one_line(person.name)
    if name.isascii():
        return formataddr((name, person.address))
    return f"{Header(name, 'utf-8').encode()} <{person.address}>"
