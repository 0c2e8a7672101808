"""Pages to rows in one pass of native code, with the same bytes as the reference in Python; docs/transcoder.md.

What the library does not find exactly as DynamoDB writes it is refused, page by page, and the caller's Python path
takes that page. Without the library every page goes that way.
"""

from __future__ import annotations

from tidegate.native.library import UnusableLibraryError, library
from tidegate.native.plan import FORMATS, writes_dialect, writes_type
from tidegate.native.spec import ByTable, Constant, Inside, ItemSpec, Origin, RowSpec
from tidegate.native.transcoder import Refusal, Rows, TableLines, Transcoder

__all__ = [
    "FORMATS",
    "ByTable",
    "Constant",
    "Inside",
    "ItemSpec",
    "Origin",
    "Refusal",
    "RowSpec",
    "Rows",
    "TableLines",
    "Transcoder",
    "available",
    "why_not",
    "writes_dialect",
    "writes_type",
]  # fmt: skip


def available() -> bool:
    """Whether the library is there and fits, so that a Transcoder can be made."""
    return not why_not()


def why_not() -> str:
    """Why the library cannot be used, and what to do; "" where it can."""
    try:
        library()
    except UnusableLibraryError as error:
        return str(error)
    return ""
