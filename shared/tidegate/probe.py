"""Tries an export's destinations without sending data: what `tidegate destinations test` shows.

It runs in the worker function, because the question is what the worker can reach, with its role and from its network.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tidegate.awserrors import translated
from tidegate.definition import OWN_BUCKET
from tidegate.deliver import Places
from tidegate.errors import RejectedError, TidegateError
from tidegate.layout import EXPORTS
from tidegate.model import Finding
from tidegate.store.objects import Objects


def probe(places: Places, export: str) -> list[dict[str, Any]]:
    """Each destination of the export's newest definition, the stack's own bucket first, with what was found of it.

    As JSON: `destination`, `type`, `where`, `ok`, `findings`. Raises RejectedError where there is no such export.
    """
    entries = places.current(export)
    if not entries:
        raise RejectedError(
            f"There is no export {export}.",
            code="UNKNOWN_EXPORT",
            remedy="'tidegate exports list' shows those there are.",
        )
    answers = []
    for name, entry in entries.items():
        where = f"s3://{places.objects.bucket}/{EXPORTS}"
        try:
            if entry["type"] == "S3" and not entry.get("bucket"):
                findings = [_own_bucket(places.objects)]
            else:
                destination = places.open(entry)
                where, findings = destination.where(), list(destination.probe())
        except TidegateError as error:
            findings = [Finding(ok=False, what=error.message, remedy=error.remedy)]
        answers.append(
            {
                "destination": name,
                "type": entry.get("type", OWN_BUCKET),
                "where": where,
                "ok": all(finding.ok for finding in findings),
                "findings": [asdict(finding) for finding in findings],
            }
        )
    return answers


def _own_bucket(objects: Objects) -> Finding:
    key = f"{EXPORTS}tidegate-probe"
    with translated(f"Writing to s3://{objects.bucket}/{key}"):
        upload = objects.client.create_multipart_upload(Bucket=objects.bucket, Key=key)["UploadId"]
        objects.client.abort_multipart_upload(Bucket=objects.bucket, Key=key, UploadId=upload)
    return Finding(ok=True, what=f"The stack's own bucket {objects.bucket} can be written.")
