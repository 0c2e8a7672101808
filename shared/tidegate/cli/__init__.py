"""The command `tidegate`. Importing this costs nothing; what a command needs is loaded when it runs."""

from __future__ import annotations

import sys

PROGRAM = "tidegate"


def main() -> None:
    """Run the command line of this process and exit with its code: 0 done, 1 not done, 2 wrong usage, 130 Ctrl-C."""
    try:
        from tidegate.cli.app import app  # noqa: PLC0415  # so that a missing extra is a sentence, not a traceback
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer", "yaml"}:
            raise
        sys.exit(f"error: The command line needs the package {error.name}. Install tidegate with its extra 'cli'.")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character of a study's id must not end a command half-way.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text files in a process
    app(prog_name=PROGRAM)
