"""What holds for every test: none depends on how fast the machine is at the moment, and none comes too late."""

import gc
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from distribution import LongestFirst, place

FULL = os.environ.get("FULL", "") not in ("", "0")

# Each run tries others, so half of Hypothesis' own number is enough for one that people wait for.
settings.register_profile(
    "no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100 if FULL else 50
)
settings.load_profile("no clock")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In one process of several, begin with what takes long; alone, the order is chance's."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place(item.nodeid))


def pytest_collection_finish() -> None:
    """All that has been imported stays: the collector of garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end it goes through it once more: libraries complain of what is left over then."""
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst:
    config.option.loadscopereorder = False
    return LongestFirst(config, log)
