"""The names that files get at a destination: never outside their directory, never those of another file.

Values are percent-encoded outside `[A-Za-z0-9._-]`, so that no value can leave its directory or pass for another. A
name that would be too long is cut and gets a hash of the whole; one that other values could make too gets a hash of
what it stands for (distinct.py). The same file always has the same name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from tidegate import dates
from tidegate.destinations.destination import Consignment, Outgoing
from tidegate.destinations.distinct import mark
from tidegate.instants import compact
from tidegate.layout import percent_encoded
from tidegate.model import NO_TAG
from tidegate.naming import filled, tokens

LONGEST_NAME = 200
"""Bytes of a file's name; most file systems take 255, and the temporary name is longer."""
LONGEST_DIRECTORY = 255
LONGEST_KEY = 1024
"""Bytes of an S3 key."""
LONGEST_TAG = 64
NO_WINDOW = "none"
"""Start and end of an override, which has no window."""
_SPLIT_ESCAPE = re.compile(r"%[0-9A-F]?$")
_CUT = re.compile(r"-[0-9a-f]{32}\.")
_WITH_TABLE = "{export}_{study}_{window}_{table}_{file}"
_WITHOUT_TABLE = "{export}_{study}_{window}_{file}"
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that servers on Windows take for devices, whatever stands behind a dot."""


def file_path(directory: str, name: str | None, file: Outgoing, zone: str = "UTC") -> tuple[str, str]:
    """Directory and name of a file on a server, by their templates; times with a pattern are on the zone's clock.

    Distinct studies, tables, windows and parts have distinct paths wherever the definition's check lets a template
    through. No segment is one that servers take for something else, or longer than their file systems can have.
    """
    name = name or (_WITH_TABLE if file.table else _WITHOUT_TABLE)
    template = f"{directory}/{name}"
    values = _values(template, file, zone)
    made = filled(name, values)
    extension = _extension(file)
    told = _before_extension(made, mark(template, values, file), extension)
    if told == made and len(made.encode()) >= LONGEST_NAME - 2 and _CUT.search(made):
        told = _before_extension(made, mark(template, values, file, always=True), extension)
    return _each(_directory, directory, values), _unreserved(_limited(told, extension))


def place(template: str, file: Outgoing, zone: str = "UTC") -> str:
    """The prefix of a file's key in a bucket, without a slash at the end, so short that the key can be one."""
    values = _values(template, file, zone)
    made = _each(_segment_of_key, template, values).rstrip("/") + mark(template, values, file)
    room = LONGEST_KEY - len(f"/{file.path}".encode())
    return made if len(made.encode()) <= room else _cut(made, room, "~")


def file_name(template: str | None, file: Outgoing, zone: str = "UTC") -> str:
    """The name of a file in a flat directory; without a template one that no two files of a stack share."""
    return file_path("", template, file, zone)[1]


def with_suffix(name: str, suffix: str, file: Outgoing) -> str:
    """A name with something more before its extension."""
    extension = _extension(file)
    return _limited(_before_extension(name, f"-{suffix}", extension), extension)


def archive_name(consignment: Consignment) -> str:
    """The name of an archive of all files of a window."""
    window = window_name(consignment)
    return _limited(f"{_segment(consignment.export)}_{_segment(consignment.study)}_{window}.zip", "zip")


def _values(template: str, file: Outgoing, zone: str) -> dict[str, str]:
    """What stands for each field, by what is in its braces."""
    name = file.path.rpartition("/")[2]
    stem = name.partition(".")[0]
    sent = file.consignment
    start, end = (sent.bounds.start, sent.bounds.end) if sent.bounds else (None, None)
    times = {"start": start, "end": end, "date": sent.at}
    values = {
        "export": _segment(sent.export),
        "study": _segment(sent.study),
        "table": _segment(file.table),
        "window": window_name(sent),
        "start": _compact(start),
        "end": _compact(end),
        "date": sent.date,
        "operationId": sent.operation_id,
        "tag": "no-tag" if sent.tag == NO_TAG else _segment(_tag(sent.tag)),
        "file": name,
        "part": stem.removeprefix("part-"),
        "sequence": f"{file.sequence:05d}" if file.sequence else stem,
        "extension": _extension(file),
    }
    for inside, is_field in tokens(template):
        field, colon, pattern = inside.partition(":")
        if is_field and colon:
            at = times[field]
            values[inside] = NO_WINDOW if at is None else dates.written(at, pattern, zone)
    return values


def _compact(at: datetime | None) -> str:
    return NO_WINDOW if at is None else compact(at)


def _tag(tag: str) -> str:
    return tag.encode()[:LONGEST_TAG].decode(errors="ignore")


def window_name(consignment: Consignment) -> str:
    """The window as names have it: `<start>_<end>`, `reexport-<operation>` and its like."""
    return percent_encoded(consignment.window.replace("=", "-"))


def _segment(value: str) -> str:
    """A value as a whole segment of a path may be: `.` and `..` would be directories."""
    return _segment_of_key(percent_encoded(value))


def _extension(file: Outgoing) -> str:
    return file.path.rpartition("/")[2].partition(".")[2]


def _before_extension(name: str, more: str, extension: str) -> str:
    """`more` before the extension, ours or the short one that a template gives a name itself."""
    if not more:
        return name
    if name.endswith(f".{extension}"):
        return f"{name.removesuffix(f'.{extension}')}{more}.{extension}"
    stem, dot, end = name.rpartition(".")
    return f"{stem}{more}.{end}" if dot and len(end) <= 5 and end.isalnum() else name + more


def _limited(name: str, extension: str) -> str:
    if len(name.encode()) <= LONGEST_NAME:
        return name
    return _cut(name, LONGEST_NAME - len(extension) - 1, "-") + f".{extension}"


def _each(made_safe: Callable[[str], str], template: str, values: Mapping[str, str]) -> str:
    """The template filled, each segment made safe unless the definition says it literally."""
    fixed = template.split("/")
    return "/".join(one if one in fixed else made_safe(one) for one in filled(template, values).split("/"))


def _segment_of_key(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def _directory(segment: str) -> str:
    fitting = segment if len(segment.encode()) <= LONGEST_DIRECTORY else _cut(segment, LONGEST_DIRECTORY, "~")
    return _unreserved(fitting)


def _cut(text: str, size: int, separator: str) -> str:
    """The beginning of a text and a hash of all of it, in `size` bytes."""
    tail = f"{separator}{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return _SPLIT_ESCAPE.sub("", text.encode()[: size - len(tail)].decode(errors="ignore")) + tail


def _unreserved(segment: str) -> str:
    """A segment that no server takes for a device, or shortens: a dot at the end vanishes on Windows, or leads away."""
    if _DEVICE.fullmatch(segment):
        return f"%{ord(segment[0]):02X}{segment[1:]}"
    return f"{segment[:-1]}%2E" if segment.endswith(".") else segment
