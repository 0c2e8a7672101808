"""How to log in to an SFTP server: a secret of Secrets Manager, by its name. Nothing of it is ever shown or stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidegate.awserrors import translated
from tidegate.errors import FatalError

FIELDS = ("privateKey", "passphrase", "password")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A private key (PEM or OpenSSH text, with its passphrase) or a password, or both; hidden from repr."""

    private_key: str | None = field(repr=False)
    passphrase: str | None = field(repr=False)
    password: str | None = field(repr=False)


def read(client: Callable[[str], Any], name: str, server: str) -> Credentials:
    """The credentials in the secret `name`.

    Raises FatalError BAD_SECRET for one that is no JSON object of these fields, and as awserrors.py says.
    """
    doing = f"Reading the secret {name} for {server}"
    with translated(doing, remedy="Create it, below the prefix that the parameter SecretPrefix names."):
        text = client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", "")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _bad(name, server, "is not a JSON object of texts")
    unknown = sorted(found.keys() - set(FIELDS))
    if unknown:
        raise _bad(name, server, f"has {', '.join(unknown)}, which is not known")
    if not found.get("privateKey") and not found.get("password"):
        raise _bad(name, server, "has neither privateKey nor password")
    return Credentials(found.get("privateKey"), found.get("passphrase"), found.get("password"))


def _bad(name: str, server: str, why: str) -> FatalError:
    return FatalError(
        f"The secret {name} for {server} {why}.",
        code="BAD_SECRET",
        remedy=f"Store a JSON object with {', '.join(FIELDS)}; privateKey or password is needed.",
    )
