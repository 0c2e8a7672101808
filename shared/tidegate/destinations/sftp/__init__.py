"""SFTP: a file is written under a temporary name, its size is checked, and a rename makes it appear.

The temporary name holds the operation's id and the bytes are always the same, so another process can go on with what
one has begun, and two that do so at once harm nothing. This package
brings paramiko; the registry imports it when needed.
"""

from __future__ import annotations

import hashlib
import posixpath
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from tidegate import hostkeys
from tidegate.destinations.destination import Outgoing, Sent, Tools
from tidegate.destinations.naming import file_path, with_suffix
from tidegate.destinations.sftp import credentials
from tidegate.destinations.sftp.session import (
    POSIX_RENAME,
    Session,
    StatusError,
    Writing,
    dial,
    log_in,
    translating,
)
from tidegate.errors import FatalError, RetriableError, TidegateError
from tidegate.model import Finding, JSONObject
from tidegate.naming import fixed_part

CHUNK = 4 * (255 << 10)
"""Read from S3 and handed to the connection at a time: four of the largest requests, about 1 MB."""

HASHED_AGAIN = 1 << 30
"""Up to there bytes are read again for their hash, by us or by the server; more would take longer than a pass may."""


class SFTPDestination:
    """A directory on an SFTP server."""

    def __init__(self, document: JSONObject, tools: Tools) -> None:
        self._document = document
        self._tools = tools
        self._server = f"The SFTP server {document['host']}:{document['port']} of destination {document['name']}"
        self._session: Session | None = None
        self._hashed: tuple[str, int, Any] | None = None
        self.point: JSONObject | None = None

    def where(self) -> str:
        """The place, for people."""
        used = self._document
        return f"sftp://{used['user']}@{used['host']}:{used['port']}/{used['directory'].lstrip('/')}"

    def close(self) -> None:
        """Log out."""
        session, self._session = self._session, None
        if session is not None:
            session.get_channel().get_transport().close()

    def send(self, file: Outgoing, point: JSONObject | None, spent: Callable[[], bool]) -> Sent:
        """Deliver one file; see Destination. The last step, the rename, is a call of its own."""
        self.point = point if point is not None and point.get("key") == file.key else None
        session = self._connected()
        with self._translating(f"delivering {file.path}"):
            to = self.point["to"] if self.point else self._free_name(session, file)
            if self.point is not None and self.point.get("ready"):
                self._appear(session, file, to)
                return Sent(done=True, where=to)
            self._upload(session, file, to, spent)
            return Sent(done=False, where=to)

    def probe(self) -> Sequence[Finding]:
        """Connect, compare the host key, log in, and make and remove an empty file in the directory."""
        findings: list[Finding] = []
        try:
            for what in self._probing():
                findings.append(Finding(ok=True, what=what))  # noqa: PERF401  what was found before an error counts
        except TidegateError as error:
            findings.append(Finding(ok=False, what=error.message, remedy=error.remedy))
        finally:
            self.close()
        return findings

    def _probing(self) -> Iterator[str]:
        session = self._connected()
        transport = session.get_channel().get_transport()
        seen = hostkeys.fingerprint(transport.get_remote_server_key().asbytes())
        yield f"{self._server} is reached, its host key {seen} is pinned, {self._document['user']} can log in."
        with self._translating("looking for the directory"):
            directory = self._existing_directory(session)
        name = posixpath.join(directory, f"tidegate-probe-{secrets.token_hex(8)}.tmp")
        with self._translating(f"making and removing an empty file in {directory or 'the login directory'}"):
            session.writing(name, 0).settle()
            session.remove(name)
        yield f"The directory {directory or '(login)'} can be written."
        rename = "in one step" if self._can_replace(session) else "by removing the old file first"
        yield f"Requests may have {session.largest_write()} bytes; existing files would be replaced {rename}."

    def _existing_directory(self, session: Session) -> str:
        wanted = fixed_part(self._document["directory"])
        found = wanted
        while self._document["createDirectories"] and found.strip("/") and session.size(found) is None:
            found = posixpath.dirname(found)
        return found

    def _connected(self) -> Session:
        """The session. The host key is checked before the secret is even read."""
        if self._session is None:
            used = self._document
            transport = dial(used["host"], used["port"], hostkeys.key_types(used["hostKeys"]), self._server)
            try:
                key = transport.get_remote_server_key()
                hostkeys.check(used["hostKeys"], key.get_name(), key.asbytes(), self._server)
                secret = credentials.read(self._tools.client, used["sftpDetailsKey"], self._server)
                self._session = log_in(transport, used["user"], secret, self._server)
            except BaseException:
                transport.close()
                raise
        return self._session

    def _translating(self, doing: str) -> AbstractContextManager[None]:
        return translating(self._server, doing)

    def _free_name(self, session: Session, file: Outgoing) -> str:
        """The path that the file will have; what stands there already is dealt with as `existing` says."""
        used = self._document
        directory, name = file_path(used["directory"], used.get("fileName"), file, used.get("timeZone", "UTC"))
        to = posixpath.join(directory, name)
        existing = used["existing"]
        if existing == "overwrite" or session.size(to) is None:
            return to
        if existing == "fail":
            raise self._exists(to)
        return posixpath.join(directory, with_suffix(name, file.consignment.operation_id, file))

    def _upload(self, session: Session, file: Outgoing, to: str, spent: Callable[[], bool]) -> None:
        """Write under the temporary name, on from where the last call came to; then check what is there."""
        temporary = _temporary(file, to)
        try:
            offset = self._begin_at(session, temporary)
            digest = self._digest_at(file, offset)
            writing = self._open(session, temporary, offset)
            self._write(writing, file, to, offset, digest, spent)
            if self.point is not None and self.point["offset"] == file.size:
                self._verify(session, file, temporary, digest)
                self.point = {"key": file.key, "to": to, "ready": True}
        except (StatusError, FatalError) as error:
            self.point = None
            with suppress(StatusError):
                session.remove(temporary)
            raise self._explained(session, error, to, file) from error

    def _write(
        self, writing: Writing, file: Outgoing, to: str, offset: int, digest: Any, spent: Callable[[], bool]
    ) -> None:
        try:
            for chunk in file.read(offset, CHUNK):
                writing.write(chunk)
                if digest is not None:
                    digest.update(chunk)
                if spent():
                    break
            writing.settle()
            self._hashed = (file.key, writing.acknowledged, digest)
        finally:
            self.point = {"key": file.key, "to": to, "offset": writing.acknowledged}

    def _begin_at(self, session: Session, temporary: str) -> int:
        offset = int(self.point["offset"]) if self.point else 0
        return offset if offset and (session.size(temporary) or 0) >= offset else 0

    def _digest_at(self, file: Outgoing, offset: int) -> Any:
        """The running hash of the file's bytes before `offset`, which another process may have sent.

        These are read again; None where there are too many for that: then sizes, and the server's checksum, must do.
        """
        if self._hashed is not None and self._hashed[:2] == (file.key, offset):
            return self._hashed[2]
        if offset > HASHED_AGAIN:
            return None
        digest, left = hashlib.sha256(), offset
        for chunk in file.read(0, CHUNK) if offset else ():
            digest.update(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
        return digest

    def _open(self, session: Session, temporary: str, offset: int) -> Writing:
        try:
            return session.writing(temporary, offset)
        except StatusError as error:
            if not error.absent or not self._document["createDirectories"]:
                raise
        self._make_directories(session, posixpath.dirname(temporary))
        return session.writing(temporary, offset)

    def _make_directories(self, session: Session, directory: str) -> None:
        if not directory.strip("/") or session.size(directory) is not None:
            return
        self._make_directories(session, posixpath.dirname(directory))
        session.mkdir(directory)

    def _verify(self, session: Session, file: Outgoing, temporary: str, digest: Any) -> None:
        """Compare what was read with the manifest, and what the server has with what was sent."""
        if digest is not None and digest.hexdigest() != file.sha256:
            raise FatalError(
                f"The stored part {file.key} is not what was sealed; it was not delivered to {self.where()}.",
                code="PART_CHANGED",
                remedy="Somebody changed it in the bucket. Bring the earlier version back, then redrive the delivery.",
            )
        there = session.size(temporary)
        checksum = session.sha256_of(temporary) if file.size <= HASHED_AGAIN else None
        if there != file.size or checksum not in (None, file.sha256):
            self.point = None
            raise RetriableError(
                f"{self._server} has {there} bytes of {file.path}, sha256 {checksum or 'not told'}, and was sent"
                f" {file.size}, sha256 {file.sha256}.",
                code="DESTINATION_DIFFERS",
                remedy="The file was not given its name; Tidegate sends it again later by itself.",
            )

    def _appear(self, session: Session, file: Outgoing, to: str) -> None:
        """Give the file its name. A rename whose answer was lost is recognised: the temporary file is gone."""
        temporary = _temporary(file, to)
        try:
            if self._document["existing"] != "overwrite":
                session.rename(temporary, to)
            elif self._can_replace(session):
                session.posix_rename(temporary, to)
            else:
                self._replace(session, temporary, to)
        except StatusError:
            there, waiting = session.size(to), session.size(temporary)
            if waiting is not None:
                if there is not None and self._document["existing"] != "overwrite":
                    raise self._exists(to) from None
                raise
            if there != file.size:
                self.point = None
                raise RetriableError(
                    f"{self._server}: the temporary file of {to} is gone, and {to} is not there.",
                    code="DESTINATION_FAILED",
                    remedy="Tidegate sends it again later by itself. Leave files ending in .tmp alone.",
                ) from None
        self.point = None

    def _replace(self, session: Session, temporary: str, to: str) -> None:
        """For servers without posix-rename: for a moment there is no file of that name."""
        if session.size(temporary) is not None and session.size(to) is not None:
            session.remove(to)
        session.rename(temporary, to)

    def _can_replace(self, session: Session) -> bool:
        return POSIX_RENAME in session.extensions

    def _explained(self, session: Session, error: Exception, to: str, file: Outgoing) -> Exception:
        """A refusal with what the server tells of its free space, where it is not one of its plain reasons."""
        if not isinstance(error, StatusError):
            return error
        free = session.free_bytes(posixpath.dirname(to) or ".")
        if free is None:
            return error
        return StatusError(error.status, f"{error}; {free} bytes are free there, and the file has {file.size}")

    def _exists(self, to: str) -> FatalError:
        return FatalError(
            f"{self._server} has a file {to} already.",
            code="DESTINATION_FILE_EXISTS",
            remedy="Move it away, or set existing to overwrite or suffix; then redrive the delivery.",
        )


def _temporary(file: Outgoing, to: str) -> str:
    return f"{to}.{file.consignment.operation_id}.tmp"
