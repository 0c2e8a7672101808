"""The handlers of functions/, each on the stack of whichever invocation this thread is in."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from integration.handlers import FUNCTIONS

here = threading.local()
"""`here.stack` is the stack of this thread's invocation."""


@cache
def handler(function: str) -> Callable[..., dict[str, Any]]:
    """The handler of functions/<function>/app.py, on the stack of the invocation."""
    path = Path(FUNCTIONS) / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"{function}_app_of_faults", path)
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    app.stack = lambda: here.stack  # type: ignore[attr-defined]  # the module's own name for its stack
    found: Callable[..., dict[str, Any]] = app.handler
    return found
