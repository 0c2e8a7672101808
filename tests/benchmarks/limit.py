"""Builds c/limit.c, the export with nothing but sockets, OpenSSL and one scanner, with the compiler at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCES = sorted(Path(__file__).with_name("c").glob("*.c"))
_WARNINGS = ("-Wall", "-Wextra", "-Werror")


class NotBuiltError(Exception):
    """There is no compiler or no OpenSSL to build with; the text says which."""


def build(folder: Path) -> Path:
    """The program, built in `folder`. Raises NotBuiltError."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise NotBuiltError("no C compiler (cc, gcc, clang) is installed")
    program = folder / "limit"
    command = [compiler, "-D_GNU_SOURCE", "-std=c11", "-O3", *_WARNINGS, *map(str, SOURCES), "-o", str(program)]
    run = subprocess.run([*command, "-lssl", "-lcrypto"], capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        reason = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip())
        if "openssl/" in reason or "-lssl" in reason:
            reason = "OpenSSL's headers are not installed (Debian: libssl-dev)"
        raise NotBuiltError(reason)
    return program
