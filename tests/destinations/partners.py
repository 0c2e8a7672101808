"""Who gets files beside the stack's own bucket, in tests of whole exports: another account's bucket, an SFTP server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from destinations.openssh import Server
from integration.resources import REGION
from integration.world import World

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/tidegate-writes"
BUCKET = "partner-bucket"
SECRET = "tidegate/partner"


@dataclass(frozen=True)
class Partners:
    """The places, and what they have."""

    world: World
    server: Server
    inbox: Path
    s3: Any

    @classmethod
    def of(cls, world: World, server: Server, inbox: Path) -> Partners:
        make = world.stack.clients.make
        make("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps({"privateKey": server.private_key}))
        given = make("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
        s3 = make(
            "s3",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        return cls(world, server, inbox, s3)

    def bucket(self, **changes: Any) -> dict[str, Any]:
        """The entry of the other account's bucket."""
        return {"type": "S3", "bucket": BUCKET, "role": ROLE, "externalId": "tidegate-test", **changes}

    def sftp(self, **changes: Any) -> dict[str, Any]:
        """The entry of the SFTP server."""
        return {
            "type": "SFTP",
            "host": self.server.host,
            "port": self.server.port,
            "user": self.server.user,
            "sftpDetailsKey": SECRET,
            "hostKeys": [self.server.host_key],
            "directory": str(self.inbox),
            **changes,
        }

    def objects(self) -> dict[str, bytes]:
        """What the other bucket has; asserts that nothing in it was written twice."""
        versions = self.s3.list_object_versions(Bucket=BUCKET).get("Versions", [])
        keys = [version["Key"] for version in versions]
        assert len(keys) == len(set(keys)), f"written more than once: {keys}"
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def files(self) -> dict[str, bytes]:
        """What the SFTP server has."""
        return {path.name: path.read_bytes() for path in self.inbox.iterdir()}
