"""One function's process: awslambdaric, Lambda's own runtime client, with a copy of all output in a file.

Run by the `bootstrap` that overlay.py packs, as `python -m tidegate_local.runtime app.handler`. Errors keep their
types, as on AWS; the emulator's own Python runner loses them.
"""

import os
import runpy
import sys
from pathlib import Path
from typing import TextIO

LOG_VARIABLE = "TIDEGATE_LOCAL_FUNCTION_LOG"


class Copied:
    """A text stream whose lines also go to a second one. Everything else about it is the first one's."""

    def __init__(self, stream: TextIO, copy: TextIO) -> None:
        self._stream = stream
        self._copy = copy

    def write(self, text: str) -> int:
        """Write `text` to both. Returns its length."""
        self._copy.write(text)
        return self._stream.write(text)

    def writelines(self, lines: list[str]) -> None:
        """Write all `lines` to both."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush both."""
        self._copy.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def copy_output(path: Path) -> None:
    """Append all that this process prints to the file `path`, which other functions append to as well."""
    # Opened to append and written line by line, so that the functions' lines never mix.
    copy = path.open("a", encoding="utf-8", errors="replace", buffering=1)
    sys.stdout = Copied(sys.stdout, copy)
    sys.stderr = Copied(sys.stderr, copy)


if __name__ == "__main__":
    if log := os.environ.get(LOG_VARIABLE):
        copy_output(Path(log))
    runpy.run_module("awslambdaric", run_name="__main__")
