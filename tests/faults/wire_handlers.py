"""The real handlers behind the proxy, with short pages and passes, so that few records take every step there is.

Nothing that decides is replaced: only numbers that say how much and how long.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.retries.standard import ExponentialBackoff

from tidegate_local.stack import PROJECT

FUNCTIONS = ("intake", "worker", "tick")
TESTS = PROJECT / "tests"
LAUNCHER = '''"""The function {function}, behind the proxy."""

import sys

sys.path.append({tests!r})
from faults.wire_handlers import Pace, real_handler

handler = real_handler({function!r}, {url!r}, Pace(**{pace!r}))
'''


@dataclass(frozen=True)
class Pace:
    """How long the handlers wait, and how much they take at a time.

    `haste` divides the lease, the read timeout and the pauses after throttling. Pages have `page` records, a pass
    `pages` pages, an invocation about `invocation` seconds of the 300 that it may take; a piece has `piece` bytes.
    """

    haste: int
    page: int = 12
    pages: int = 2
    invocation: float = 0.2
    piece: int = 1024

    @property
    def read_timeout(self) -> float:
        """Seconds after which a client gives up waiting for an answer."""
        return 30 / self.haste


@dataclass
class PageBudget:
    """A pass of so many pages."""

    left: int

    def spent(self) -> bool:
        self.left -= 1
        return self.left <= 0


def write_launchers(folder: Path, url: str, pace: Pace) -> Path:
    """A functions folder for LocalStack whose handlers call AWS at `url`."""
    for function in FUNCTIONS:
        place = folder / function
        place.mkdir(parents=True)
        text = LAUNCHER.format(tests=str(TESTS), function=function, url=url, pace=asdict(pace))
        (place / "app.py").write_text(text)
    return folder


def real_handler(function: str, url: str, pace: Pace) -> Any:
    """The handler of functions/<function>/app.py; its clients tell the proxy their process."""
    os.environ["AWS_ENDPOINT_URL"] = url
    os.environ["AWS_SDK_UA_APP_ID"] = f"{function}-{os.getpid()}"
    _set(pace)
    spec = importlib.util.spec_from_file_location(f"function_{function}", PROJECT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


def _set(pace: Pace) -> None:
    from tidegate import bootstrap, engine, job, pieces
    from tidegate.sources.dynamodb import DynamoDBSource
    from tidegate.store import objects

    job.LEASE_SECONDS //= pace.haste
    vars(engine)["LEASE_SECONDS"] = job.LEASE_SECONDS
    pieces.MEMBER_BYTES = objects.PIECE_BYTES = pace.piece
    timeouts = Config(read_timeout=pace.read_timeout, connect_timeout=max(1.0, 5 / pace.haste))
    bootstrap.CONFIG = bootstrap.CONFIG.merge(timeouts)
    # botocore has no setting for it.
    vars(ExponentialBackoff)["_DEFAULT_BACKOFF_CONFIG"]["throttling_base_scale"] = 1 / pace.haste
    defaults = DynamoDBSource.__init__.__kwdefaults__
    assert defaults is not None
    defaults["page_limit"] = pace.page
    made: Any = bootstrap.Stack.engine

    def engine_of(stack: bootstrap.Stack) -> engine.Engine:
        reserve = (300 - pace.invocation) / 2
        whole: engine.Engine = made(stack)
        return replace(whole, reserve_seconds=reserve, budget=lambda _seconds: PageBudget(pace.pages))

    bootstrap.Stack.engine = engine_of  # type: ignore[method-assign,assignment]  # numbers only


def described(pace: Pace) -> str:
    """The pace as JSON, for the report."""
    return json.dumps(asdict(pace))
