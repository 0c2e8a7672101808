"""What a data source of one's own is written with: what it is asked, and the two errors that it may raise on purpose.

A module in the sources folder imports from here and from nowhere else in the package; docs/sources.md has the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.errors import FatalError, RetriableError

__all__ = ["Asked", "FatalError", "RetriableError"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The records of one study with a time in [start, end), aware UTC, exact to the millisecond.

    `parameters` is an instance of the module's own `Parameters`, None where it has none. `cursor` is None at the start,
    afterwards the cursor of the page behind which to go on, exactly as JSON gives it back: lists where tuples were.
    """

    study: str
    start: datetime
    end: datetime
    parameters: Any = None
    cursor: Any = None
