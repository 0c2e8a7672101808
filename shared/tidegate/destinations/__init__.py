"""Where parts go beside the stack's own bucket: one protocol, one registry, one technology a file."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.destinations.destination import (
    Consignment,
    Destination,
    Mailing,
    MakeClient,
    Outgoing,
    Sent,
    TakesAll,
    Tools,
)
from tidegate.errors import FatalError
from tidegate.model import JSONObject

__all__ = [
    "Consignment",
    "Destination",
    "Mailing",
    "MakeClient",
    "Outgoing",
    "Sent",
    "TakesAll",
    "Tools",
    "destination_of",
    "register",
]

Factory = Callable[[JSONObject, Tools], Destination]


def _s3(document: JSONObject, tools: Tools) -> Destination:
    from tidegate.destinations.s3 import S3Destination  # noqa: PLC0415  # most exports have the stack's bucket alone

    return S3Destination(document, tools)


def _sftp(document: JSONObject, tools: Tools) -> Destination:
    from tidegate.destinations.sftp import SFTPDestination  # noqa: PLC0415  # brings paramiko, a third of a second

    return SFTPDestination(document, tools)


def _mail(document: JSONObject, tools: Tools) -> Destination:
    from tidegate.destinations.mail import MailDestination  # noqa: PLC0415  # brings what writes messages

    return MailDestination(document, tools)


_FACTORIES: dict[str, Factory] = {"S3": _s3, "SFTP": _sftp, "EMAIL": _mail}


def register(name: str, factory: Factory) -> None:
    """Make a destination of your own known under the `type` of a definition's entry. Raises ValueError if taken."""
    if _FACTORIES.setdefault(name, factory) is not factory:
        raise ValueError(f"there is already a destination named {name}; choose another name")


def destination_of(document: JSONObject, tools: Tools) -> Destination:
    """The destination that an entry of a definition describes. Nothing is called yet. Raises FatalError."""
    factory = _FACTORIES.get(document["type"])
    if factory is None:
        raise FatalError(
            f"The destination {document['name']} has the type {document['type']}, which is not known.",
            code="UNKNOWN_DESTINATION",
            remedy=f"Use one of {', '.join(sorted(_FACTORIES))}, or register your own.",
        )
    return factory(document, tools)
