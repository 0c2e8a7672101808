"""How fast a file gets to an SFTP server: by Tidegate, by OpenSSH's client, and by paramiko's write() in a loop.

Run as `python -m benchmarks.sftp ROUNDS MEGABYTES`; prints JSON. The server is OpenSSH's, on loopback, once as it is
and once behind a relay that makes a round trip take longer. Each way connects, logs in, sends and is done; the
interpreter's own start does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environments import PROJECT
from destinations import openssh
from destinations.openssh import Server
from destinations.samples import deliver, outgoing, sftp
from tidegate.destinations.sftp import session
from tidegate.destinations.sftp.credentials import Credentials

ROUND_TRIP_MILLIS = 20
OURS, OPENSSH, LOOP = "Tidegate", "OpenSSH's sftp, its defaults", "paramiko, write() in a loop"
CLIENT = "sftp"
LOOP_SHARE = 32
"""What waits for each answer sends this part of the file only, lest it takes all day."""
MEBIBYTE = 1 << 20
NAME = "sent"


class Upload:
    """A file of random bytes, on disk for the tools that want it there."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.path = folder / NAME
        self.data = os.urandom(megabytes * MEBIBYTE)
        self.path.write_bytes(self.data)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.key = folder / "key"

    def ours(self, server: Server) -> int:
        """As the worker delivers a part: hashed, checked, renamed."""
        view = memoryview(self.data)

        def read(offset: int, size: int) -> Iterator[bytes]:
            return (bytes(view[begin : begin + size]) for begin in range(offset, len(view), size))

        file = outgoing(b"", size=len(self.data), sha256=self.sha256, read=read)
        deliver(sftp(server, fileName="{operationId}{file}"), file)
        return len(self.data)

    def openssh(self, server: Server) -> int:
        """By OpenSSH's client, with nothing set that has to do with speed."""
        self.key.write_text(server.private_key)
        self.key.chmod(0o600)
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR")
        command = [CLIENT, "-q", "-b", "-", "-F", "none", "-P", str(server.port), "-i", str(self.key)]
        for option in options:
            command += ["-o", option]
        batch = f"put {self.path} {server.inbox() / NAME}\n"
        subprocess.run(  # noqa: S603  a fixed program and names of our own
            [*command, f"{server.user}@{server.host}"], input=batch, text=True, check=True, capture_output=True
        )
        return len(self.data)

    def loop(self, server: Server) -> int:
        """As in every example: open, write, close."""
        sent = len(self.data) // LOOP_SHARE
        transport = session.dial(server.host, server.port, None, "The server")
        try:
            client = session.log_in(transport, server.user, Credentials(server.private_key, None, None), "The server")
            with client.open(str(server.inbox() / NAME), "wb") as file:
                for begin in range(0, sent, session.SMALL_REQUEST):
                    file.write(self.data[begin : min(begin + session.SMALL_REQUEST, sent)])
        finally:
            transport.close()
        return sent


@contextmanager
def behind_a_delay(server: Server, millis: int = ROUND_TRIP_MILLIS) -> Iterator[Server]:
    """The same server, with a longer way to it, while the block lasts."""
    command = [sys.executable, "-m", "benchmarks.delaying", str(server.port), str(millis)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests")}
    relay = subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert relay.stdout is not None
        yield replace(server, port=int(relay.stdout.readline()))
    finally:
        relay.communicate(timeout=30)


def measured(server: Server, upload: Upload, rounds: int, chance: random.Random) -> list[Mapping[str, float]]:
    """Megabytes a second of each way, round by round, each in a new order."""
    ways: dict[str, Callable[[Server], int]] = {OURS: upload.ours, OPENSSH: upload.openssh, LOOP: upload.loop}
    found: list[Mapping[str, float]] = []
    for _ in range(rounds):
        speeds: dict[str, float] = {}
        for name in chance.sample(list(ways), len(ways)):
            began = time.perf_counter()
            sent = ways[name](server)
            speeds[name] = sent / 1e6 / (time.perf_counter() - began)
            (arrived,) = server.inbox().iterdir()
            if arrived.stat().st_size != sent:
                raise SystemExit(f"{name}: {arrived.stat().st_size} of {sent} bytes have arrived")
            arrived.unlink()
        found.append(speeds)
    return found


def main(rounds: int, megabytes: int) -> None:
    """Print what was measured, or why it was not."""
    if not openssh.installed() or shutil.which(CLIENT) is None:
        sys.stdout.write(json.dumps({"missing": openssh.MISSING}))
        return
    chance = random.Random(megabytes)  # noqa: S311  an order that is the same in each run of a scale
    with TemporaryDirectory(prefix="tidegate-bench-") as folder, openssh.serving() as server:
        upload = Upload(Path(folder), megabytes)
        upload.ours(server)
        for arrived in server.inbox().iterdir():
            arrived.unlink()
        near = measured(server, upload, rounds, chance)
        with behind_a_delay(server) as distant:
            far = measured(distant, upload, rounds, chance)
    sys.stdout.write(json.dumps({"megabytes": megabytes, "near": near, "far": far}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
