"""How a worker's pages were read, for its metrics."""

from __future__ import annotations


class PageCounts:
    """How many pages came in as bytes, and how many of them had to become objects: what a worker reports."""

    __slots__ = ("by_reference", "pages")

    def __init__(self) -> None:
        self.pages = 0
        self.by_reference = 0

    def take(self) -> tuple[int, int]:
        """Both numbers since the last time."""
        taken = self.pages, self.by_reference
        self.pages = self.by_reference = 0
        return taken
