"""Who gets an e-mail: which addresses there may be, and which of them this stack may write to.

The same check is made when a definition is stored and when a message is sent, because the list of domains can change
in between. Addresses stand in definitions; errors and logs name domains alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Any

from tidegate.letter import one_line
from tidegate.model import JSONObject

MOST_A_MESSAGE = 50
"""Recipients that SES takes in one message, those in copy included."""
MOST_RECIPIENTS = 500
ROLES = ("to", "cc", "bcc")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL})@(?P<domain>(?:{_LABEL}\.)+{_LABEL})")
_ANYWHERE = re.compile(r"[^\s@<>\"',;:()\[\]]+@([A-Za-z0-9.-]+)")


def check_address(address: str) -> str:
    """The address with its domain in lower case. Raises ValueError, with a reason for people, if it is none.

    Names of domains with other letters stand in their ASCII form (`xn--...`), as SES wants them.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or len(found["local"]) > 64 or len(address) > 254:
        raise ValueError("must be an e-mail address like name@example.org, in ASCII (other domains as xn--...)")
    return f"{found['local']}@{found['domain'].lower()}"


def check_name(name: str) -> str:
    """The display name. Raises ValueError for one that could not stand in a header as it is."""
    if one_line(name) != name:
        raise ValueError("must be one line without control characters, and without blanks at its ends or in a row")
    return name


def domain_of(address: str) -> str:
    """What stands behind the @, in lower case."""
    return address.rpartition("@")[2].lower()


def digest_of(address: str) -> str:
    """What a receipt's row keeps of an address, to know it again."""
    return hashlib.sha256(address.lower().encode()).hexdigest()[:16]


def everyone(entry: JSONObject) -> list[tuple[str, JSONObject]]:
    """Every recipient of an entry with its role (`to`, `cc`, `bcc`), in order."""
    return [(role, recipient) for role in ROLES for recipient in entry.get(role) or ()]


def refusal(entry: JSONObject, *, domains: Collection[str], senders: Sequence[str]) -> tuple[str, str, str] | None:
    """Why this stack may not send an entry's messages: code, message, remedy; None where it may.

    `domains` are the allowed ones, of which each stands for itself and not for those below it; `senders` the addresses
    that it may write from, the first being the default.
    """
    name = entry.get("name", "EMAIL")
    if not senders:
        return (
            "EMAIL_NOT_SET_UP",
            f"The destination {name} is an e-mail, and this stack has no address to write from.",
            "Give the parameters EmailIdentity and EmailFromAddresses, and deploy again.",
        )
    sender: Any = (entry.get("from") or {}).get("address")
    if sender and sender not in senders:
        return (
            "SENDER_NOT_ALLOWED",
            f"The destination {name} writes from an address that this stack may not use.",
            "Use one of the parameter EmailFromAddresses, or add it there.",
        )
    allowed = {domain.lower() for domain in domains}
    refused = sorted({domain_of(recipient["address"]) for _, recipient in everyone(entry)} - allowed)
    if refused:
        return (
            "RECIPIENT_NOT_ALLOWED",
            f"The destination {name} writes to {', '.join(refused)}; allowed: {', '.join(sorted(allowed)) or 'none'}.",
            "Correct the addresses, or name the domain in the parameter AllowedRecipientDomains.",
        )
    return None


def without_addresses(text: str) -> str:
    """A text of somebody else's, such as an answer of SES, with each address cut to its domain."""
    return _ANYWHERE.sub(r"...@\1", text)
