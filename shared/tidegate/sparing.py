"""What a client works from of botocore's descriptions of AWS, and the folder where a package has that ready.

`python -m tidegate.sparing` writes the folder, from the botocore that it sees; functions/Makefile calls it. To read
documentation and other services' endpoints, 3 MiB, takes some five times as long as to read what is left.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import botocore

from tidegate.collector import paused

CLIENTS: Final = frozenset({"dynamodb", "events", "s3", "secretsmanager", "sesv2", "sqs", "sts"})
"""The services that are called. functions/Makefile names the same."""
ENDPOINTS: Final = CLIENTS - {"sesv2"} | {"email"}
"""Whose endpoints are kept, by the names that they have there.

A client of another service can be made all the same. It has the usual endpoint: the service's name, then the region's.
"""
DATA: Final = Path(botocore.BOTOCORE_ROOT) / "data"
"""Where botocore has its descriptions."""
READY: Final = Path(__file__).parent / "described" / botocore.__version__
"""Where those of this botocore are ready, if they were written; those of another version are not found."""
_OPENERS: Final = ((".json", open), (".json.gz", gzip.open))
_EXAMPLES: Final = "examples-"


def read(file_path: str) -> Any:
    """What the JSON file of this path, which has no suffix, says to a program; None where there is none."""
    for suffix, opener in _OPENERS:
        path = Path(file_path + suffix)
        if path.is_file():
            with cast("Callable[..., BinaryIO]", opener)(path, "rb") as file:
                return _sparing(file.read(), endpoints=path.stem == "endpoints")
    return None


def parsed(text: bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """What a JSON text says, in less time than `json.loads` alone needs."""
    # What JSON becomes has no cycles; to look for some after every few hundred objects takes as long as all the rest.
    with paused():
        return json.loads(text, object_hook=hook)


def write(ready: Path = READY, data: Path = DATA) -> None:
    """Fill the folder `ready` anew with what `read` finds of all files in `data` that a client may be made from.

    The files lie as they do in `data`, as JSON without compression. Services that `data` lacks are left out.
    """
    shutil.rmtree(ready, ignore_errors=True)
    for folder in (data, *(data / client for client in sorted(CLIENTS))):
        pattern = "*.json*" if folder == data else "*/*.json*"
        for path in sorted(folder.glob(pattern)):
            if path.name.startswith(_EXAMPLES):
                continue
            name = path.relative_to(data).as_posix().removesuffix(".gz")
            target = ready / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(read(str(data / name.removesuffix(".json"))), separators=(",", ":")))


def _sparing(text: bytes, *, endpoints: bool) -> Any:
    if not endpoints:
        return parsed(text, _without_documentation)
    document = parsed(text)
    for partition in document["partitions"]:
        kept = partition["services"].keys() & ENDPOINTS
        partition["services"] = {name: partition["services"][name] for name in sorted(kept)}
    return document


def _without_documentation(described: dict[str, Any]) -> dict[str, Any]:
    # A member of a structure may have that name too, but is no text. The key stays: botocore reads some of them.
    if isinstance(described.get("documentation"), str):
        described["documentation"] = ""
    return described


if __name__ == "__main__":
    write()
