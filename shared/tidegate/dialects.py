"""How rows of text are laid out: what stands between cells and rows, what is in quotes, what stands for no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.immutable import dataclass

LINE_ENDS: Mapping[str, str] = {"CRLF": "\r\n", "LF": "\n"}
QUOTINGS = ("minimal", "all", "nonnumeric")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to write CSV; as it stands here that of RFC 4180.

    `quoting` is minimal (where needed), all, or nonnumeric (all but numbers). `null_text` and `missing_text` stand for
    null and for an attribute that a record does not have; None is an empty cell.
    """

    delimiter: str = ","
    quoting: str = "minimal"
    line_end: str = "\r\n"
    bom: bool = False
    header: bool = True
    null_text: str | None = None
    missing_text: str | None = None

    def document(self) -> dict[str, Any]:
        """The same as JSON, under the names that `format` has in a definition."""
        return {
            "delimiter": self.delimiter,
            "quoting": self.quoting,
            "lineEnd": next(name for name, text in LINE_ENDS.items() if text == self.line_end),
            "bom": self.bom,
            "header": self.header,
            "nullText": self.null_text,
            "missingText": self.missing_text,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Dialect:
        """What `document` wrote; what it leaves out is as RFC 4180 has it. Other members are not looked at."""
        return cls(
            delimiter=document.get("delimiter", ","),
            quoting=document.get("quoting", "minimal"),
            line_end=LINE_ENDS[document.get("lineEnd", "CRLF")],
            bom=document.get("bom", False),
            header=document.get("header", True),
            null_text=document.get("nullText"),
            missing_text=document.get("missingText"),
        )


RFC_4180 = Dialect()
