"""Links to files in the stack's bucket that end by themselves: signed by a role that may read finished files alone.

A signature lives no longer than the credentials that made it, and a role that is assumed by another one has them for an
hour: so no link works for longer, whatever a definition says. The message tells until when.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from botocore.config import Config

from tidegate.awserrors import translated
from tidegate.destinations.destination import Outgoing, Tools
from tidegate.destinations.naming import file_name
from tidegate.errors import FatalError

LONGEST_SECONDS = 3600
_CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


def listed(files: Sequence[Outgoing], seconds: int, tools: Tools) -> str:
    """The files with a link each, and until when these work, as lines of text."""
    seconds = min(seconds, LONGEST_SECONDS)
    until = tools.clock() + timedelta(seconds=seconds)
    client = _signer(tools)
    lines = []
    for file in files:
        name = file_name(None, file)
        lines += [
            f"- {name} ({file.size:,} bytes)",
            f"  {_link(client, tools.mailing.bucket, file.key, name, seconds)}",
        ]
    return "\n".join([*lines, "", f"The links work until {until:%Y-%m-%d %H:%M} UTC, for whoever has them."])


def _link(client: Any, bucket: str, key: str, name: str, seconds: int) -> str:
    asked = {"Bucket": bucket, "Key": key, "ResponseContentDisposition": f'attachment; filename="{name}"'}
    return str(client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds))


def _signer(tools: Tools) -> Any:
    role = tools.mailing.link_role
    if not role:
        raise FatalError(
            "The files are too large to be attached, and this stack has no role that signs links.",
            code="EMAIL_TOO_LARGE",
            remedy="Deploy template.yaml with the parameter EmailIdentity, or raise attach.maxBytes.",
        )
    with translated(
        f"Assuming the role {role} to sign links", remedy="Deploy template.yaml again: it makes this role."
    ):
        given = tools.client("sts").assume_role(
            RoleArn=role, RoleSessionName="tidegate-links", DurationSeconds=LONGEST_SECONDS
        )["Credentials"]
    return tools.client(
        "s3",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        config=_CONFIG,
    )
