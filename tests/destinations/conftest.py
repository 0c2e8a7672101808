from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from destinations import openssh
from destinations.openssh import Server
from destinations.partners import Partners
from destinations.post import mailed
from destinations.samples import OPENED
from integration.conftest import cli, clock, faults, world
from integration.sealing import END
from integration.world import World
from tidegate_local.mailbox import Mailbox

__all__ = ["cli", "clock", "faults", "world"]


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close every connection of a test."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real OpenSSH server."""
    if not openssh.installed():
        pytest.skip(openssh.MISSING)
    with openssh.serving() as running:
        yield running


@pytest.fixture
def inbox(server: Server) -> Iterator[Path]:
    """The server's directory for files, empty at first."""
    path = server.inbox()
    yield path
    for file in path.iterdir():
        file.unlink()


@pytest.fixture
def partners(world: World, server: Server, inbox: Path) -> Partners:
    """The places outside the stack: a bucket of another account, and an SFTP server whose secret is stored."""
    return Partners.of(world, server, inbox)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as running:
        yield running


@pytest.fixture
def post(world: World, mailbox: Mailbox) -> Iterator[World]:
    """A stack that may send e-mails, with a study of two records."""
    with mailed(world, mailbox):
        world.put_study("a")
        world.put_records("a", [END - timedelta(hours=2), END - timedelta(hours=1)])
        yield world
