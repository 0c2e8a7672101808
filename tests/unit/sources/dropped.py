"""A sources folder of a test's own: what is dropped there is a source, and after the test it never was."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest


@dataclass
class Dropped:
    """The folder, on the path."""

    folder: Path

    def __call__(self, name: str, text: str) -> Path:
        file = self.folder / f"{name}.py"
        file.write_text(dedent(text), "utf-8")
        forget()
        return file


def forget() -> None:
    """As in a new process."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "datasources"]:
        del sys.modules[name]
    importlib.invalidate_caches()


@contextmanager
def dropping(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dropped]:
    """A folder `datasources` below `path`, beside the project's own."""
    folder = path / "datasources"
    folder.mkdir()
    forget()
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    try:
        yield Dropped(folder)
    finally:
        forget()
