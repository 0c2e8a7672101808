"""Stands in for the tick: says that it came."""

from typing import Any


def handler(event: dict[str, Any], _context: Any) -> None:
    print("the tick came", event["time"])  # noqa: T201  # what functions print goes to functions.log
