"""IANA time zones by name: only names that the pinned tzdata knows, so that every machine takes the same ones."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Every name that can be used as a time zone, with its exact case."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as Europe/London.

    Raises ValueError with a reason for people. Folders (`Europe`), machine-local names (`localtime`) and leap-second
    zones (`right/UTC`), which zoneinfo would take from some machines' files, are refused.
    """
    if name not in names():
        raise ValueError("is not an IANA time zone, such as Europe/London or UTC")
    return ZoneInfo(name)
