"""SFTP against a server in this process: what the real one cannot be made to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from destinations.samples import NAME, deliver, outgoing, sftp
from tidegate.errors import FatalError, RetriableError
from tidegate_local import delivery_demo
from tidegate_local import sftp_in_process as inprocess
from tidegate_local.sftp_in_process import PASSWORD

DATA = os.urandom(40_000)
"""Less than 64 KB: paramiko's server hashes no more than that rightly."""


def test_a_password_will_do_where_the_server_takes_one(tmp_path: Path) -> None:
    with inprocess.serving(tmp_path) as server:
        deliver(sftp(server, {"password": PASSWORD}), outgoing(DATA))
        assert (server.inbox() / NAME).read_bytes() == DATA


def test_a_wrong_password_is_final_and_is_shown_to_nobody(tmp_path: Path) -> None:
    with inprocess.serving(tmp_path) as server, pytest.raises(FatalError) as caught:
        deliver(sftp(server, {"password": "wrong horse"}), outgoing(DATA))
    assert caught.value.code == "DESTINATION_LOGIN_REFUSED"
    assert "wrong horse" not in str(caught.value)


def test_a_key_is_final_where_only_passwords_are_taken(tmp_path: Path) -> None:
    with inprocess.serving(tmp_path) as server, pytest.raises(FatalError) as caught:
        deliver(sftp(server, {"privateKey": "no key at all"}), outgoing(DATA))
    assert caught.value.code == "BAD_SECRET"


def test_where_the_server_offers_a_checksum_a_file_that_differs_is_not_given_its_name(tmp_path: Path) -> None:
    with inprocess.serving(tmp_path, damage=True) as server:
        with pytest.raises(RetriableError) as caught:
            deliver(sftp(server, {"password": PASSWORD}), outgoing(DATA))
        assert caught.value.code == "DESTINATION_DIFFERS"
        assert not (server.inbox() / NAME).exists()


@pytest.mark.parametrize("secret", [{}, {"password": ""}, {"pasword": "x"}, {"password": 1}])
def test_a_secret_of_another_shape_is_final_and_says_what_it_should_be(tmp_path: Path, secret: dict[str, str]) -> None:
    with inprocess.serving(tmp_path) as server, pytest.raises(FatalError, match="privateKey") as caught:
        deliver(sftp(server, secret or {"passphrase": "x"}), outgoing(DATA))
    assert caught.value.code == "BAD_SECRET"


def test_the_demo_has_a_server_where_opensshs_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate_local.sshd.SSHD", "/nowhere/sshd")
    with delivery_demo.sftp_server() as server:
        deliver(sftp(server, server.secret), outgoing(DATA))
        assert (server.inbox() / NAME).read_bytes() == DATA
