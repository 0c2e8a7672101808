"""Made-up cases of a service desk, the same for every window, for trying an export out without any setup.

It is written like any source of one's own: a header, and rows that have a value for each of its columns.
"""

from __future__ import annotations

from typing import Any

from tidegate.datasource import Asked

COLUMNS = (
    "caseId",
    "study",
    "created",
    "closed",
    "status",
    "channel",
    "subject",
    "priority",
    "officer",
    "daysOpen",
    "reopened",
    "note",
)
_CASES = (
    (1444, "2017-08-21T09:14:07.000Z", "2017-09-04", "Closed", "Web", "Missed visit", 2, "", 14, 0, ""),
    (1445, "2017-08-21T10:02:55.120Z", "", "Open", "Phone", 'Form "A", page 2', 1, "J. Doe", 0, 0, "call back"),
    (1451, "2017-08-22T16:40:00.000Z", "2017-08-22", "Closed", "Web", "New address", 3, "", 0, 1, ""),
)


def source(asked: Asked) -> dict[str, Any]:
    """The same three cases for every window."""
    data = [dict(zip(COLUMNS, (case[0], asked.study, *case[1:]), strict=True)) for case in _CASES]
    return {"headerRow": list(COLUMNS), "data": data}
