"""botocore's descriptions of AWS, read without what only people and other services need.

Of every service botocore keeps all that its files say, documentation included, as ordered dictionaries, and of each
AWS region the endpoints of some 400 services: 14 MiB of a worker's memory, and a good part of its start. A client works
from shapes and rules alone. Only the reader of files is another one, on one session; all else is botocore's.

A package has the files ready as they are needed (`sparing.write`); where they are not, botocore's own are read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from botocore.loaders import JSONFileLoader
from botocore.session import Session

from tidegate import sparing

_DATA: Final = f"{sparing.DATA}{os.sep}"


def read_sparingly(session: Session, ready: Path = sparing.READY) -> None:
    """Let the clients that this session makes from now on be made from such descriptions.

    They are taken from the folder `ready`, as far as it has them. Those from elsewhere than botocore's own folder, such
    as of AWS_DATA_PATH, are read where they are.
    """
    session.get_component("data_loader").file_loader = _SparingFiles(ready)


class _SparingFiles(JSONFileLoader):
    def __init__(self, ready: Path) -> None:
        self._ready = ready

    def load_file(self, file_path: str) -> Any:
        """What the JSON file of this path, which has no suffix, says to a program; None where there is none."""
        if file_path.startswith(_DATA):
            try:
                return sparing.parsed((self._ready / f"{file_path.removeprefix(_DATA)}.json").read_bytes())
            except FileNotFoundError:
                pass  # not written, or a service that is not among those
        return sparing.read(file_path)
