"""Which server an SFTP destination trusts: pinned host keys, as whole keys or as fingerprints. Several may be given."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from tidegate.errors import FatalError


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key's bytes, as ssh-keygen -l shows it: `SHA256:...`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def pinned(text: str) -> tuple[str | None, str]:
    """Type (None where it is not told) and fingerprint of one pinned key.

    `SHA256:...`, `ssh-ed25519 SHA256:...`, or a public key as in `known_hosts` or a `.pub` file, without the host.
    Raises ValueError with a reason for people.
    """
    words = text.split()
    if len(words) == 1 and words[0].startswith("SHA256:"):
        return None, _checked(words[0])
    if len(words) >= 2 and words[1].startswith("SHA256:"):
        return words[0], _checked(words[1])
    if len(words) >= 2:
        try:
            return words[0], fingerprint(base64.b64decode(words[1], validate=True))
        except binascii.Error:
            pass
    raise ValueError("must be a fingerprint (SHA256:...) or a public key like 'ssh-ed25519 AAAA...'")


def key_types(texts: Sequence[str]) -> list[str] | None:
    """The types of keys to ask the server for, so that it shows one that is pinned; None where any will do."""
    types = [pinned(text)[0] for text in texts]
    return None if None in types else list(dict.fromkeys(str(kind) for kind in types))


def check(texts: Sequence[str], seen_type: str, seen: bytes, server: str) -> None:
    """Raise FatalError HOST_KEY_MISMATCH unless the server's key is one of those pinned."""
    found, expected = fingerprint(seen), [pinned(text)[1] for text in texts]
    if found in expected:
        return
    raise FatalError(
        f"{server} showed the host key {found} ({seen_type}), and expected was {' or '.join(expected)}.",
        code="HOST_KEY_MISMATCH",
        remedy="Nothing was sent. Ask whoever runs the server, by another way, whether its key was changed; if it was,"
        " put the new one into hostKeys of the destination, then redrive the delivery.",
    )


def _checked(text: str) -> str:
    try:
        digest = base64.b64decode(text.removeprefix("SHA256:") + "=", validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError("is not a whole SHA256 fingerprint, as ssh-keygen -l shows it")
    return text
