"""The handlers of functions/, as Lambda calls them, on a world's stack."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from integration.world import World

FUNCTIONS = Path(__file__).parents[2] / "functions"

Handler: TypeAlias = Callable[[Any], dict[str, Any]]


@dataclass
class Context:
    """What Lambda tells of an invocation."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:111122223333:function:a-function"
    aws_request_id: str = "direct-1"
    remaining_millis: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_millis


def handler_of(function: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """The handler of functions/<function>/app.py; each call is an invocation with five minutes left."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "a-stack")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tidegate")
    spec = importlib.util.spec_from_file_location(f"{function}_app", FUNCTIONS / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    # Powertools keeps in its class what was counted; an invocation that died in another test has left some.
    app.metrics.clear_metrics()
    monkeypatch.setattr(app, "stack", lambda: world.stack)
    return lambda event: dict(app.handler(event, Context(function)))
