"""The names that files get at a destination.

Values are percent-encoded outside `[A-Za-z0-9._-]`, so that no value can leave its directory or pass for another; a
name that would be too long is cut and gets a hash of the whole.
"""

from __future__ import annotations

import hashlib
import re

from tidegate.destinations.destination import Outgoing
from tidegate.layout import percent_encoded
from tidegate.naming import filled

LONGEST_NAME = 200
"""Bytes of a file's name; most file systems take 255, and the temporary name is longer."""
_SPLIT_ESCAPE = re.compile(r"%[0-9A-F]?$")
_WITH_TABLE = "{export}_{study}_{window}_{table}_{file}"
_WITHOUT_TABLE = "{export}_{study}_{window}_{file}"


def place(template: str, file: Outgoing) -> str:
    """The directory or prefix of a file."""
    return filled(template, _values(file))


def file_name(template: str | None, file: Outgoing) -> str:
    """The name of a file in a flat directory; without a template one that no two files of a stack share."""
    default = _WITH_TABLE if file.table else _WITHOUT_TABLE
    return _limited(filled(template or default, _values(file)), _extension(file))


def _values(file: Outgoing) -> dict[str, str]:
    name = file.path.rpartition("/")[2]
    stem = name.partition(".")[0]
    consignment = file.consignment
    return {
        "export": _segment(consignment.export),
        "study": _segment(consignment.study),
        "table": _segment(file.table),
        "window": percent_encoded(consignment.window.replace("=", "-")),
        "date": consignment.date,
        "operationId": consignment.operation_id,
        "file": name,
        "part": stem.removeprefix("part-"),
        "extension": _extension(file),
    }


def _segment(value: str) -> str:
    """A value as a whole segment of a path may be: `.` and `..` would be directories."""
    encoded = percent_encoded(value)
    return encoded.replace(".", "%2E") if encoded in {".", ".."} else encoded


def _extension(file: Outgoing) -> str:
    return file.path.rpartition("/")[2].partition(".")[2]


def _limited(name: str, extension: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    tail = f"-{hashlib.sha256(name.encode()).hexdigest()[:32]}.{extension}"
    return _SPLIT_ESCAPE.sub("", name[: LONGEST_NAME - len(tail)]) + tail
