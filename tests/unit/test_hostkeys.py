from __future__ import annotations

import base64

import pytest

from tidegate.errors import FatalError
from tidegate.hostkeys import check, fingerprint, key_types, pinned

KEY = b"\x00\x00\x00\x0bssh-ed25519 some key"
LINE = f"ssh-ed25519 {base64.b64encode(KEY).decode()}"
FINGERPRINT = fingerprint(KEY)


@pytest.mark.parametrize("text", [LINE, f"{LINE} comment@host", f"ssh-ed25519 {FINGERPRINT}"])
def test_a_key_is_pinned_by_its_line_or_by_type_and_fingerprint(text: str) -> None:
    assert pinned(text) == ("ssh-ed25519", FINGERPRINT)
    check([text], "ssh-ed25519", KEY, "The server")


def test_a_fingerprint_alone_tells_no_type_so_any_key_may_be_asked_for() -> None:
    assert pinned(FINGERPRINT) == (None, FINGERPRINT)
    assert key_types([FINGERPRINT, LINE]) is None
    assert key_types([LINE, "ssh-rsa " + FINGERPRINT]) == ["ssh-ed25519", "ssh-rsa"]


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "SHA256:short", "MD5:aa:bb", "ssh-ed25519 not*base64", "a SHA256:x"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a fingerprint|whole SHA256"):
        pinned(text)


def test_a_mismatch_names_what_was_seen_and_all_that_was_expected() -> None:
    other = fingerprint(b"other")
    with pytest.raises(FatalError) as caught:
        check([other, fingerprint(b"third")], "ssh-ed25519", KEY, "The server")
    assert caught.value.code == "HOST_KEY_MISMATCH"
    for named in (FINGERPRINT, other, fingerprint(b"third")):
        assert named in caught.value.message
