from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from integration.world import Clock, World, build


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> Iterator[World]:
    """An empty stack on moto, at noon of 10 March 2026 UTC."""
    with mock_aws():
        yield build(clock)
