"""SSH and SFTP on the wire, by paramiko: dialling, logging in, and a session that does what paramiko's does not.

That is: status codes by number, the server's extensions, requests as large as the server takes them, writes of which
many are on their way at once, and how far they have been acknowledged. Imported only when something is to be sent.
"""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko
from paramiko import sftp as wire

from tidegate.destinations.sftp.credentials import Credentials
from tidegate.errors import FatalError, RetriableError, TidegateError

CONNECT_SECONDS = 10
LOGIN_SECONDS = 15
ANSWER_SECONDS = 20
CHECKSUM_SECONDS = 50
"""For a server that reads a file back; with a pass before it that is still less than a lease."""
KEEPALIVE_SECONDS = 15
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""By speed: in one pass over the bytes these encrypt and authenticate, which paramiko does in two for the others."""
SMALL_REQUEST = 32 << 10
"""Every server takes this much in one write; more only where it says so."""
LARGE_REQUEST = 255 << 10
LEAST_UNANSWERED, MOST_UNANSWERED = 2 * LARGE_REQUEST, 16 << 20
"""Bytes on their way: at most enough for 100 MB/s at 150 ms, at least two requests."""
UNANSWERED_SECONDS = 10
"""No more than the server takes in so long: a pass that ends has to wait for the answers."""
POSIX_RENAME = "posix-rename@openssh.com"
LIMITS = "limits@openssh.com"
FREE_SPACE = "statvfs@openssh.com"
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_LATER = "Tidegate tries again later by itself."


class StatusError(OSError):
    """The server refused a request; `status` is SFTP's own number."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    @property
    def absent(self) -> bool:
        """Whether there is no such file."""
        return bool(self.status == wire.SFTP_NO_SUCH_FILE)


class Session(paramiko.SFTPClient):  # type: ignore[misc]  # paramiko has no types
    """An SFTP session. `extensions` are the names that the server offers."""

    extensions: set[str]

    def largest_write(self) -> int:
        """Bytes that one write request may carry."""
        if LIMITS not in self.extensions:
            return SMALL_REQUEST
        kind, answer = self._request(wire.CMD_EXTENDED, LIMITS)
        if kind != wire.CMD_EXTENDED_REPLY:
            return SMALL_REQUEST
        _packet, _read, write = (answer.get_int64() for _ in range(3))
        return min(write, LARGE_REQUEST) if write else LARGE_REQUEST

    def size(self, path: str) -> int | None:
        """The size of a file, None where there is none."""
        try:
            found: int | None = self.stat(path).st_size
        except StatusError as error:
            if error.absent:
                return None
            raise
        return -1 if found is None else found

    def free_bytes(self, path: str) -> int | None:
        """What is free in the file system of a directory, None where the server does not tell."""
        if FREE_SPACE not in self.extensions:
            return None
        with suppress(StatusError):
            _, answer = self._request(wire.CMD_EXTENDED, FREE_SPACE, path)
            _block, unit, _blocks, _free, available = (answer.get_int64() for _ in range(5))
            return int(unit * available)
        return None

    def sha256_of(self, path: str) -> str | None:
        """The server's own sha256 of a file, None where it offers none."""
        if "check-file" not in self.extensions:
            return None
        handle = self.open_handle(path, wire.SFTP_FLAG_READ)
        everything = wire.int64(0)
        self.sock.settimeout(CHECKSUM_SECONDS)
        try:
            kind, answer = self._request(wire.CMD_EXTENDED, "check-file", handle, "sha256", everything, everything, 0)
        except (StatusError, EOFError):  # offered, but not for this file or not by this algorithm
            return None
        finally:
            self.sock.settimeout(ANSWER_SECONDS)
            self.close_handle(handle)
        if kind != wire.CMD_EXTENDED_REPLY:
            return None
        name = answer.get_text()
        if name == "check-file":
            name = answer.get_text()
        return str(answer.get_remainder().hex()) if name == "sha256" else None

    def open_handle(self, path: str, flags: int) -> bytes:
        """Open a file; its handle."""
        _, answer = self._request(wire.CMD_OPEN, path, flags, paramiko.SFTPAttributes())
        return bytes(answer.get_binary())

    def writing(self, path: str, offset: int) -> Writing:
        """Open a file to write from `offset` on; from 0 it is emptied first."""
        flags = wire.SFTP_FLAG_WRITE | wire.SFTP_FLAG_CREATE | (0 if offset else wire.SFTP_FLAG_TRUNC)
        return Writing(self, self.open_handle(path, flags), offset, self.largest_write())

    def write_request(self, writing: Writing, handle: bytes, offset: int, data: bytes) -> int:
        """Send a write without waiting for its answer, which `writing` is told; the request's number."""
        number: int = self._async_request(writing, wire.CMD_WRITE, handle, wire.int64(offset), data)
        return number

    def close_handle(self, handle: bytes) -> None:
        """Close a file, and hear whether that went well: some servers write only then."""
        self._request(wire.CMD_CLOSE, handle)

    def take_answer(self) -> None:
        """Wait for one answer and hand it to whom it is for."""
        self._read_response()

    def check_status(self, message: paramiko.Message) -> None:
        """Raise StatusError unless the answer says that all went well."""
        status, text = message.get_int(), message.get_text()
        if status == wire.SFTP_EOF:
            raise EOFError(text)
        if status != wire.SFTP_OK:
            raise StatusError(status, text or _name(status))

    def _convert_status(self, msg: paramiko.Message) -> None:
        self.check_status(msg)

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(3)
        self._send_packet(wire.CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != wire.CMD_VERSION:
            raise paramiko.SSHException("no answer to the SFTP version")
        answer = paramiko.Message(data)
        version: int = answer.get_int()
        self.extensions = set()
        while answer.get_remainder():
            self.extensions.add(answer.get_text())
            answer.get_binary()
        return version


class Writing:
    """A file being written: many requests on their way at once, each remembered until the server has answered it."""

    def __init__(self, session: Session, handle: bytes, offset: int, request: int) -> None:
        self._session = session
        self._handle = handle
        self._position = offset
        self._request = request
        self._unanswered: dict[int, int] = {}
        self._refused = False
        self._began = (offset, time.monotonic())

    @property
    def acknowledged(self) -> int:
        """All bytes before this offset are the server's."""
        return next(iter(self._unanswered.values()), self._position)

    def write(self, data: bytes) -> None:
        """Send bytes, behind those before. Raises StatusError for any write that was refused meanwhile."""
        for begin in range(0, len(data), self._request):
            while self._unanswered and self._position - self.acknowledged >= self._room():
                self._session.take_answer()
            request = data[begin : begin + self._request]
            number = self._session.write_request(self, self._handle, self._position, request)
            self._unanswered[number] = self._position
            self._position += len(request)

    def _room(self) -> float:
        offset, began = self._began
        a_second = (self.acknowledged - offset) / max(time.monotonic() - began, 0.001)
        return min(max(a_second * UNANSWERED_SECONDS, LEAST_UNANSWERED), MOST_UNANSWERED)

    def settle(self) -> None:
        """Wait until every byte is acknowledged, and close the file."""
        while self._unanswered:
            self._session.take_answer()
        self._session.close_handle(self._handle)

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        """Called by paramiko with the answer to one request; of those that follow a refusal nothing is of interest."""
        if self._refused:
            return
        if kind != wire.CMD_STATUS:
            raise paramiko.SSHException("the answer to a write is no status")
        try:
            self._session.check_status(message)
        except StatusError:
            self._refused = True
            raise
        del self._unanswered[number]


def dial(host: str, port: int, key_types: list[str] | None, server: str) -> paramiko.Transport:
    """Connect and agree on keys; nothing has been said of who we are. The caller checks the host key."""
    # Its thread reports what is raised here anyway, as whole tracebacks.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with translating(server, "connecting to it"):
        raw = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(raw)
        transport.daemon = True
        transport.banner_timeout = transport.handshake_timeout = CONNECT_SECONDS
        transport.auth_timeout = LOGIN_SECONDS
        options = transport.get_security_options()
        options.ciphers = tuple(cipher for cipher in CIPHERS if cipher in options.ciphers)
        if key_types is not None:
            wanted = [name for kind in key_types for name in (_RSA if kind == "ssh-rsa" else (kind,))]
            options.key_types = tuple(name for name in wanted if name in options.key_types) or options.key_types
        try:
            transport.start_client(timeout=CONNECT_SECONDS)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(KEEPALIVE_SECONDS)
    return transport


def log_in(transport: paramiko.Transport, user: str, credentials: Credentials, server: str) -> Session:
    """Log in by key, by password, or by both where the server wants both; then open the SFTP session."""
    key = _private_key(credentials, server)
    started = time.monotonic()
    try:
        with translating(server, "logging in"):
            more = transport.auth_publickey(user, key) if key is not None else ["password"]
            if credentials.password is not None and more:
                transport.auth_password(user, credentials.password)
            channel = transport.open_session(timeout=ANSWER_SECONDS)
            channel.settimeout(ANSWER_SECONDS)
            channel.invoke_subsystem("sftp")
            return Session(channel)
    except FatalError as error:
        # paramiko tells a connection that broke or stalled in the same words as a refusal.
        if error.code == "DESTINATION_LOGIN_REFUSED" and (
            not transport.is_active() or time.monotonic() - started >= LOGIN_SECONDS
        ):
            raise _away(server, "logging in", "the connection ended or stalled") from error
        raise


@contextmanager
def translating(server: str, doing: str) -> Iterator[None]:
    """Raise what paramiko, sockets and the server say as Tidegate's errors; docs/errors.md has the table."""
    try:
        yield
    except TidegateError:
        raise
    except StatusError as error:
        raise _refused(server, doing, error) from error
    except paramiko.AuthenticationException as error:
        raise FatalError(
            f"{server}: the login was refused.",
            code="DESTINATION_LOGIN_REFUSED",
            remedy="Correct user, key or password in the destination and its secret, then redrive the delivery.",
        ) from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise FatalError(
            f"{server}: {error}.",
            code="DESTINATION_INCOMPATIBLE",
            remedy="The server has no algorithm that is still safe to use: it has to be brought up to date.",
        ) from error
    except (paramiko.SSHException, wire.SFTPError, EOFError, OSError) as error:
        raise _away(server, doing, str(error) or type(error).__name__) from error


def _refused(server: str, doing: str, error: StatusError) -> TidegateError:
    said = f"{server}, {doing}: the server answered {error.strerror or error} (status {error.status})."
    if error.absent:
        remedy = "Create the directory, correct its name, or set createDirectories; then redrive the delivery."
        return FatalError(said, code="DESTINATION_NOT_FOUND", remedy=remedy)
    if error.status == wire.SFTP_PERMISSION_DENIED:
        remedy = "Have the server's owner give the user the right to write there, then redrive the delivery."
        return FatalError(said, code="DESTINATION_DENIED", remedy=remedy)
    if error.status == wire.SFTP_OP_UNSUPPORTED:
        return FatalError(said, code="DESTINATION_UNSUPPORTED", remedy="The server lacks what is needed; use another.")
    remedy = f"Servers say no more than this where a disk is full or a quota is used up. {_LATER}"
    return RetriableError(said, code="DESTINATION_FAILED", remedy=remedy)


def _away(server: str, doing: str, why: str) -> RetriableError:
    return RetriableError(f"{server}, {doing}: {why}.", code="DESTINATION_UNAVAILABLE", remedy=_LATER)


def _private_key(credentials: Credentials, server: str) -> paramiko.PKey | None:
    if credentials.private_key is None:
        return None
    for kind in _KEYS:
        with suppress(paramiko.SSHException, ValueError, IndexError):
            return kind.from_private_key(io.StringIO(credentials.private_key), credentials.passphrase)
    raise FatalError(
        f"{server}: privateKey of its secret is no private key that can be used, or passphrase does not open it.",
        code="BAD_SECRET",
        remedy="Store the whole text of an Ed25519, ECDSA or RSA key, with its passphrase if it has one.",
    )


def _name(status: int) -> str:
    return wire.SFTP_DESC[status] if 0 <= status < len(wire.SFTP_DESC) else "an unknown status"
