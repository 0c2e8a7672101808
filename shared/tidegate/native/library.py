"""The native library as ctypes sees it: where it is, whether it can be used, and the structures of call.h."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).with_name("libtranscode.so")
INTERFACE: Final = 7
"""What `tidegate_interface` of a library that fits these structures returns."""
SLACK: Final = 32
"""Bytes that may be read behind each text of a plan."""
MOST_TABLES: Final = 256

CSV, JSON, PACK, TYPED, NAMES, DIALECT = range(6)
DONE, UNEXPECTED, OTHER_COLUMN, SHORT_OF_OUT, SHORT_OF_RECORDS, SHORT_OF_NAMES = range(6)
SHOWN, OTHER = 1, 2
NOTATIONS: Final = {"epochMillis": 0, "epochSeconds": 1, "iso8601": 2}
KINDS: Final = ("S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS")


class Text(ctypes.Structure):
    """`bytes` in call.h."""

    _fields_ = (("at", ctypes.c_char_p), ("size", ctypes.c_int64))


class PlannedAttribute(ctypes.Structure):
    """`planned_attribute` in call.h."""

    _fields_ = (("name", Text), ("roles", ctypes.c_int64))


class PathStep(ctypes.Structure):
    """`path_step` in call.h."""

    _fields_ = (
        *((name, Text) for name in ("text", "name")),
        ("place_count", ctypes.c_int64),
        ("places", ctypes.POINTER(ctypes.c_int64)),
    )


class PlannedPath(ctypes.Structure):
    """`planned_path` in call.h."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("whole", "text", "name", "step_count")),
        ("steps", ctypes.POINTER(PathStep)),
    )


class PlannedColumn(ctypes.Structure):
    """`planned_column` in call.h."""

    _fields_ = (
        ("attribute", ctypes.c_int64),
        ("before", Text),
        ("path", ctypes.POINTER(PlannedPath)),
        *((name, ctypes.c_int64) for name in ("type", "digits", "scale")),
    )


class Plan(ctypes.Structure):
    """`plan` in call.h."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("mode", "guard", "unknown_roles", "time", "notation", "owner")),
        ("owner_text", Text),
        *((name, ctypes.c_int64) for name in ("key_count", "attribute_count", "column_count", "table_count")),
        ("key", ctypes.POINTER(ctypes.c_int64)),
        ("attributes", ctypes.POINTER(PlannedAttribute)),
        ("columns", ctypes.POINTER(PlannedColumn)),
        ("table", ctypes.POINTER(ctypes.c_int64)),
        *((name, Text) for name in ("open", "close", "separator")),
        *((name, ctypes.c_int64) for name in ("delimiter", "quoting")),
        *((name, Text) for name in ("null_text", "missing_text")),
        *((name, ctypes.c_int64) for name in ("fixed", "growth")),
    )


class Room(ctypes.Structure):
    """`room` in call.h."""

    out_size: int
    records: int
    name_count: int
    _fields_ = (
        ("out", ctypes.c_void_p),
        ("out_size", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("ends", "times", "keys", "tables", "groups")),
        ("records", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("kinds", "names")),
        ("name_count", ctypes.c_int64),
    )


class Outcome(ctypes.Structure):
    """`outcome` in call.h."""

    status: int
    count: int
    items: int
    size: int
    first_millis: int
    has_first: int
    last_key: int
    last_key_size: int
    name_count: int
    table_count: int
    capacity: int
    capacity_size: int
    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            *("status", "count", "items", "size", "first_millis", "has_first"),
            *("last_key", "last_key_size", "name_count", "table_count", "capacity", "capacity_size"),
        )
    )


class TypedColumn(ctypes.Structure):
    """`column` in columns.h."""

    width: int
    compared: int
    at: int
    size: int
    present: int
    low: int
    high: int
    _fields_ = tuple((name, ctypes.c_int64) for name in ("width", "compared", "at", "size", "present", "low", "high"))


class UnusableLibraryError(Exception):
    """There is no library at that path, or not one that fits; the message says which and what to do."""


class Library:
    """A loaded library; calls through it let other threads run meanwhile."""

    def __init__(self, path: Path = PATH) -> None:
        try:
            loaded = ctypes.CDLL(str(path))
            interface = loaded.tidegate_interface
        except OSError as error:
            reason = f"it cannot be loaded ({error})" if path.exists() else "it was not built"
            raise UnusableLibraryError(f"The native library {path.name} is not used: {reason}. {_REMEDY}") from None
        except AttributeError:
            raise UnusableLibraryError(f"{path.name} is not the native library. {_REMEDY}") from None
        interface.restype = ctypes.c_int64
        if interface() != INTERFACE:
            raise UnusableLibraryError(f"The native library {path.name} is of another version. {_REMEDY}")
        plan, room, outcome = ctypes.POINTER(Plan), ctypes.POINTER(Room), ctypes.POINTER(Outcome)
        page, lines = loaded.tidegate_page, loaded.tidegate_lines
        page.restype = lines.restype = None
        page.argtypes = [plan, ctypes.c_void_p, *(ctypes.c_int64,) * 3, room, outcome]
        lines.argtypes = [plan, ctypes.c_void_p, ctypes.c_int64, room, outcome]
        columns = loaded.tidegate_columns
        columns.restype = ctypes.c_int64
        columns.argtypes = [
            *(ctypes.c_void_p, *(ctypes.c_int64,) * 4, ctypes.POINTER(TypedColumn), ctypes.c_int64),
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)),
        ]
        self.columns: Callable[..., int] = columns
        self.page: Callable[..., None] = page
        self.lines: Callable[..., None] = lines


_REMEDY: Final = "Build it with 'make native' in the project's folder; until then the slower reference does the same."


@cache
def library() -> Library:
    """The library beside this file. Raises UnusableLibraryError."""
    return Library()
