"""Writes one message: what the templates say of a window, and its files, attached or linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.destinations.destination import Outgoing, Tools
from tidegate.destinations.mail import links
from tidegate.destinations.mail.files import attached, room
from tidegate.destinations.mail.message import Attachment, Letter, Person, composed
from tidegate.destinations.naming import archive_name, file_name, window_name
from tidegate.instants import rfc3339
from tidegate.letter import names_files, subject_of, text_of
from tidegate.model import JSONObject

Group = Sequence[tuple[str, JSONObject]]
"""Recipients with their roles."""


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it is handed over. `envelope` has the addresses of `to`, `cc` and `bcc`."""

    raw: bytes
    envelope: tuple[list[str], list[str], list[str]]
    attached: bool


def write(document: JSONObject, group: Group, files: Sequence[Outgoing], delivery: str, tools: Tools) -> Written:
    """The message for a group of recipients. Raises RetriableError or FatalError where files cannot be had."""
    values = _values(files)
    listed = "\n".join(f"- {file_name(None, file)} ({file.size:,} bytes)" for file in files)
    given = document["attach"]
    archive = archive_name(files[0].consignment) if given["zip"] else None
    text = _text(document, values, listed)
    attachments = attached(files, room(given["maxBytes"], text), archive=archive)
    if attachments is None:
        listed = links.listed(files, document["link"]["expiresSeconds"], tools)
        text = _text(document, values, listed, needed=True)
    letter = _letter(document, group, delivery, tools, text=text, values=values, attachments=attachments or ())
    envelope = tuple([person["address"] for role, person in group if role == wanted] for wanted in ("to", "cc", "bcc"))
    return Written(composed(letter), (envelope[0], envelope[1], envelope[2]), attachments is not None)


def _letter(
    document: JSONObject,
    group: Group,
    delivery: str,
    tools: Tools,
    *,
    text: str,
    values: dict[str, str],
    attachments: Sequence[Attachment],
) -> Letter:
    sender: Any = document.get("from") or {}
    return Letter(
        delivery=delivery,
        sender=Person(sender.get("address") or tools.mailing.senders[0], sender.get("name") or ""),
        to=[_person(person) for role, person in group if role == "to"],
        cc=[_person(person) for role, person in group if role == "cc"],
        subject=subject_of(document["subject"], values),
        text=text,
        attachments=attachments,
    )


def _text(document: JSONObject, values: dict[str, str], listed: str, *, needed: bool = False) -> str:
    """The text; where it does not say where the list of files stands, and links are needed, they stand below it."""
    template = document["text"]
    if needed and not names_files(template):
        template += "\n\n{files}\n"
    return text_of(template, {**values, "files": listed})


def _values(files: Sequence[Outgoing]) -> dict[str, str]:
    consignment = files[0].consignment
    bounds = consignment.bounds
    return {
        "export": consignment.export,
        "study": consignment.study,
        "table": ", ".join(sorted({file.table for file in files if file.table})),
        "window": window_name(consignment),
        "start": rfc3339(bounds.start) if bounds else "",
        "end": rfc3339(bounds.end) if bounds else "",
        "date": consignment.date,
        "operationId": consignment.operation_id,
        "tag": consignment.tag,
        "records": str(consignment.records),
        "parts": str(len(files)),
        "bytes": str(sum(file.size for file in files)),
    }


def _person(person: JSONObject) -> Person:
    return Person(person["address"], person.get("name") or "")
