"""Who gets files in the demo of deliveries: the entry of each in a definition, and what has arrived there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any, Protocol

from tidegate_local.mailbox import Mailbox
from tidegate_local.sshd import Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "partner-bucket"
SECRET = "tidegate/hospital"  # noqa: S105  the name of one


class Partner(Protocol):
    """A place outside the stack."""

    @property
    def name(self) -> str:
        """What the definition calls it."""
        ...

    def entry(self) -> Mapping[str, Any]:
        """Its entry among the definition's destinations."""
        ...

    def arrived(self) -> Mapping[str, bytes]:
        """Everything that is there, by its name."""
        ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that is not the stack's own."""

    s3: S3Client
    name: str = "partner"

    def entry(self) -> Mapping[str, Any]:
        """Its entry among the definition's destinations."""
        return {"type": "S3", "name": self.name, "bucket": BUCKET, "prefix": "incoming/{study}/{window}"}

    def arrived(self) -> Mapping[str, bytes]:
        """Everything that is there, by its key; the manifests too."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


@dataclass(frozen=True, slots=True)
class Inbox:
    """A directory on an SFTP server."""

    server: Server
    name: str = "hospital"

    def entry(self) -> Mapping[str, Any]:
        """Its entry among the definition's destinations."""
        return {
            "type": "SFTP",
            "name": self.name,
            "host": self.server.host,
            "port": self.server.port,
            "user": self.server.user,
            "sftpDetailsKey": SECRET,
            "hostKeys": [self.server.host_key],
            "directory": str(self.server.inbox()),
            "fileName": "{study}_{end:YYYYMMDD_HHmm}_{window}_{sequence}.{extension}",
            "timeZone": "Europe/London",
        }

    def arrived(self) -> Mapping[str, bytes]:
        """Everything that is there, by its name."""
        return {path.name: path.read_bytes() for path in self.server.inbox().iterdir()}


@dataclass(frozen=True, slots=True)
class Ward:
    """Somebody who reads e-mail."""

    mailbox: Mailbox
    name: str = "ward"

    def entry(self) -> Mapping[str, Any]:
        """The entry among the definition's destinations."""
        return {
            "type": "EMAIL",
            "name": self.name,
            "to": [{"address": "ward@example.org", "name": "Ward 7"}],
            "subject": "{study}: {records} new records",
        }

    def arrived(self) -> Mapping[str, bytes]:
        """Each message, and the files that it has: what a mail program shows."""
        found: dict[str, bytes] = {}
        for number, message in enumerate(self.mailbox.messages(), 1):
            parsed = message_from_bytes(message.raw, policy=policy.default)
            found[f"{number:04d}.eml"] = message.raw
            for attachment in parsed.iter_attachments():
                found[f"{number:04d}/{attachment.get_filename()}"] = attachment.get_content()
        return found
