from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations import openssh
from destinations.openssh import Server
from destinations.partners import Partners
from destinations.samples import OPENED
from integration.conftest import cli, clock, faults, world
from integration.world import World

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
