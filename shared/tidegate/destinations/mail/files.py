"""What becomes of the files of a message: attached as they are, attached as one archive, or linked.

All of them are attached if they fit together, else all are linked: a reader need not look in two places.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.destinations.destination import Outgoing
from tidegate.destinations.mail.message import Attachment, encoded_size
from tidegate.destinations.naming import file_name
from tidegate.errors import FatalError

READ = 1 << 20
AROUND_A_FILE = 1_000
"""Bytes that a message needs for a file beside its content, and more than that."""
AROUND_A_MESSAGE = 20_000
MOST_TO_ZIP = 4
"""Times the size that could be attached: of more than that no archive is tried, so that a pass does not take long."""
_PACKED = (".gz", ".zst", ".parquet")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Link:
    """A file that is not attached, and where it can be had."""

    name: str
    size: int
    url: str


def room(largest: int, text: str) -> int:
    """Bytes that base64 may take in a message of `largest` bytes with this text."""
    return largest - AROUND_A_MESSAGE - 3 * len(text.encode())


def attached(files: Sequence[Outgoing], space: int, *, archive: str | None) -> list[Attachment] | None:
    """The files as attachments that fit into `space` bytes of base64, or None; in one ZIP if `archive` names it.

    At most about what fits is held. Raises FatalError PART_CHANGED for a file that is not what was sealed.
    """
    if archive is not None:
        return _zipped(files, space, archive)
    if sum(encoded_size(file.size) + AROUND_A_FILE for file in files) > space:
        return None
    return [Attachment(file_name(None, file), file.media_type, _read(file)) for file in files]


def _zipped(files: Sequence[Outgoing], space: int, archive: str) -> list[Attachment] | None:
    if sum(file.size for file in files) > MOST_TO_ZIP * space:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for file in files:
            if not _add(target, packed, file, space):
                return None
    data = packed.getvalue()
    if encoded_size(len(data)) + AROUND_A_FILE > space:
        return None
    return [Attachment(archive, "application/zip", data)]


def _add(target: zipfile.ZipFile, packed: io.BytesIO, file: Outgoing, space: int) -> bool:
    """Add a file to an archive; False as soon as the archive is too large. Times are always the same: so are bytes."""
    info = zipfile.ZipInfo(file_name(None, file), _EPOCH)
    info.compress_type = zipfile.ZIP_STORED if file.path.endswith(_PACKED) else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    digest = hashlib.sha256()
    with target.open(info, "w") as member:
        for chunk in file.read(0, READ):
            digest.update(chunk)
            member.write(chunk)
            if packed.tell() > space:
                return False
    _check(digest.hexdigest(), file)
    return True


def _read(file: Outgoing) -> bytes:
    data = b"".join(file.read(0, READ))
    _check(hashlib.sha256(data).hexdigest(), file)
    return data


def _check(sha256: str, file: Outgoing) -> None:
    if sha256 != file.sha256:
        raise FatalError(
            f"The stored part {file.key} is not what was sealed; it was not sent.",
            code="PART_CHANGED",
            remedy="Somebody changed it in the bucket. Bring the earlier version back, then redrive the delivery.",
        )
