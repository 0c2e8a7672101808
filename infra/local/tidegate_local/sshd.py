"""A real OpenSSH server on loopback, run by a user without rights: keys of its own, SFTP and nothing else."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate_local.launcher import HOST, free_port
from tidegate_local.waiting import wait_for

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
MISSING = "OpenSSH's server is not installed; on Debian or Ubuntu: apt-get install openssh-server"


@dataclass(frozen=True)
class Server:
    """A server that is running: where it is, who may log in with what, and the directory that it serves from."""

    port: int
    user: str
    private_key: str
    host_key: str
    directory: Path
    host: str = HOST
    password: str = ""

    @property
    def secret(self) -> dict[str, str]:
        """What Secrets Manager has to hold for those who log in."""
        return {"password": self.password} if self.password else {"privateKey": self.private_key}

    def inbox(self, name: str = "in") -> Path:
        """A directory that the server's user may write."""
        path = self.directory / name
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
        return path


def installed() -> bool:
    """Whether there is an OpenSSH server on this machine."""
    return Path(SSHD).exists()


@contextmanager
def serving(*extra: str, sftp: str = "internal-sftp") -> Iterator[Server]:
    """Run a server while the block lasts, with further lines for its configuration. Root runs it as nobody."""
    root = os.geteuid() == 0
    user = "nobody" if root else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="tidegate-sshd-", dir="/tmp") as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        for name in ("host", "login"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name))
        port = free_port()
        config = directory / "config"
        config.write_text("\n".join(_config(directory, port, sftp, extra)) + "\n")
        if root:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        server = _start(config, directory / "log", user if root else None)
        try:
            wait_for(lambda: _answers(port), what="the OpenSSH server")
            key = " ".join((directory / "host.pub").read_text().split()[:2])
            yield Server(port, user, (directory / "login").read_text(), key, directory)
        finally:
            server.terminate()
            server.wait()


def _config(directory: Path, port: int, sftp: str, extra: Sequence[str]) -> list[str]:
    return [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {directory / 'host'}",
        f"AuthorizedKeysFile {directory / 'login.pub'}",
        "PidFile none",
        "UsePAM yes",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        f"ForceCommand {sftp}",
        f"Subsystem sftp {sftp}",
        *extra,
    ]


def _start(config: Path, log: Path, user: str | None) -> subprocess.Popen[bytes]:
    with log.open("wb") as errors:
        command = [SSHD, "-D", "-e", "-f", str(config)]
        if user is None:
            return subprocess.Popen(command, stderr=errors)
        group = pwd.getpwnam(user).pw_gid
        return subprocess.Popen(command, stderr=errors, user=user, group=group, extra_groups=[])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
