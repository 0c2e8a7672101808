from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.authority import certify
from benchmarks.server import Service, serving
from benchmarks.sink import Sink


@dataclass
class Served:
    """A server in this process, and the authority that its clients have to trust."""

    service: Service
    endpoint: str
    authority: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = certify(tmp_path_factory.mktemp("certificates"))
    service = Service(sink=Sink(keep=64 << 20))
    with serving(service, made) as endpoint:
        yield Served(service, endpoint, made.authority)
