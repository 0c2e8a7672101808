"""How a run in several processes shares the tests out: by files, and those that take long do not come last."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

LONG = (
    "tests/e2e/test_local.py",
    "tests/faults/test_crash.py",
    "tests/faults/test_wire.py",
    "tests/infra/test_packages.py",
    "tests/infra/test_deployment.py",
    "tests/e2e/",
    "tests/faults/",
    "tests/memory/",
)
"""Beginnings of paths. What stands first starts first: at the end no process waits minutes for the last file."""

TOGETHER = {"tests/infra/test_deployment.py": "tests/infra/test_packages.py"}
"""Files that need something which takes long to make: the second one's process has it already."""


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands whole files out, in the order in which the processes collected them."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """What a test is handed out with: all of one unit run in the same process."""
    file = nodeid.split("::", 1)[0]
    return TOGETHER.get(file, file)


def place(nodeid: str) -> int:
    """Where a test stands among the others; those with the same place stay in the order that chance gave them."""
    return next((number for number, path in enumerate(LONG) if nodeid.startswith(path)), len(LONG))
