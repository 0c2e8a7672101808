"""An SFTP server in this process: where OpenSSH's is not installed, and for what that cannot do without rights.

That is passwords, checksums, and a byte that is written wrong.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import paramiko
from paramiko import sftp_server

from tidegate_local.sshd import Server

PASSWORD = "correct horse"  # noqa: S105  good for nothing but a server that is gone with its process


class Login(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko has no types
    """Takes one password for everybody."""

    def check_auth_password(self, username: str, password: str) -> int:  # noqa: ARG002  paramiko's own names
        """Whether it is the one password."""
        return int(paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        """Take any channel."""
        return int(paramiko.OPEN_SUCCEEDED)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        """Passwords, and nothing else."""
        return "password"


class Files(paramiko.SFTPServerInterface):  # type: ignore[misc]  # as above
    """Files of a real directory, by absolute paths. `damage` flips a byte of each file that was written."""

    damage = False

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002
        """Open a file by its absolute path."""
        try:
            descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = Handle(flags)
        handle.filename = path
        handle.damage = self.damage
        handle.readfile = handle.writefile = os.fdopen(
            descriptor, "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        )
        return handle

    def stat(self, path: str) -> Any:
        """What a path is."""
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def rename(self, oldpath: str, newpath: str) -> int:
        """Rename, unless the name is taken, as servers without posix-rename do."""
        if Path(newpath).exists():
            return int(paramiko.SFTP_FAILURE)
        Path(oldpath).rename(newpath)
        return int(paramiko.SFTP_OK)

    def remove(self, path: str) -> int:
        """Remove a file."""
        Path(path).unlink()
        return int(paramiko.SFTP_OK)


class Handle(paramiko.SFTPHandle):  # type: ignore[misc]  # as above
    """An open file."""

    filename = ""
    damage = False

    def stat(self) -> Any:
        """What the open file is."""
        return paramiko.SFTPAttributes.from_stat(Path(self.filename).stat())

    def write(self, offset: int, data: bytes) -> int:
        """Write, perhaps with a byte that is not the one that came."""
        if self.damage and offset == 0:
            data = bytes([data[0] ^ 1]) + data[1:]
        return int(super().write(offset, data))


@contextmanager
def serving(directory: Path, *, damage: bool = False) -> Iterator[Server]:
    """Serve a directory while the block lasts; it offers SHA-256 checksums, and neither posix-rename nor limits."""
    listener = socket.create_server(("127.0.0.1", 0))
    key = paramiko.ECDSAKey.generate()
    transports: list[paramiko.Transport] = []
    files = type("OneServersFiles", (Files,), {"damage": damage})

    def accept() -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            while True:
                connection, _ = listener.accept()
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                transport.start_server(event=threading.Event(), server=Login())

    algorithms = sftp_server._hash_class  # noqa: SLF001  paramiko has no other way to offer one more
    known = dict(algorithms)
    algorithms["sha256"] = sha256
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        port = int(listener.getsockname()[1])
        yield Server(port, "anybody", "", f"{key.get_name()} {key.get_base64()}", directory, password=PASSWORD)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()
        algorithms.clear()
        algorithms.update(known)
