"""botocore's descriptions of AWS, read without what only people and other services need.

Of every service botocore keeps all that its files say, documentation included, as ordered dictionaries, and of each
AWS region the endpoints of some 400 services: 14 MiB of a worker's memory, and a good part of its start. A client works
from shapes and rules alone. Only the reader of files is another one, on one session; all else is botocore's.
"""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from botocore.loaders import JSONFileLoader
from botocore.session import Session

SERVICES: Final = frozenset({"dynamodb", "email", "events", "s3", "secretsmanager", "sqs", "sts"})
"""Whose endpoints are kept, by the names that they have there; `email` is SES. functions/Makefile names the same.

A client of another service can be made all the same. It has the usual endpoint: the service's name, then the region's.
"""
_ENDPOINTS: Final = "endpoints"
_OPENERS: Final = ((".json", open), (".json.gz", gzip.open))


def read_sparingly(session: Session) -> None:
    """Let the clients that this session makes from now on be made from such descriptions."""
    session.get_component("data_loader").file_loader = _SparingFiles()


class _SparingFiles(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """What the JSON file of this path, which has no suffix, says to a program; None where there is none."""
        for suffix, opener in _OPENERS:
            path = Path(file_path + suffix)
            if path.is_file():
                with cast("Callable[..., BinaryIO]", opener)(path, "rb") as file:
                    return _read(file.read(), endpoints=path.stem == _ENDPOINTS)
        return None


def _read(text: bytes, *, endpoints: bool) -> Any:
    if not endpoints:
        return _parsed(text, _without_documentation)
    document = _parsed(text)
    for partition in document["partitions"]:
        kept = partition["services"].keys() & SERVICES
        partition["services"] = {name: partition["services"][name] for name in sorted(kept)}
    return document


def _parsed(text: bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    # What JSON becomes has no cycles; to look for some after every few hundred objects takes as long as all the rest.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return json.loads(text, object_hook=hook)
    finally:
        if collecting:
            gc.enable()


def _without_documentation(described: dict[str, Any]) -> dict[str, Any]:
    # A member of a structure may have that name too, but is no text. The key stays: botocore reads some of them.
    if isinstance(described.get("documentation"), str):
        described["documentation"] = ""
    return described
