"""Whether a name can be read in one way only: else `a-b` + `c` and `a` + `b-c` would both be `a-b-c`.

A name is matched against its own template twice: once with each value as long as it can be, the first ones first, and
once as short as it can be. These are the two ends of all readings, so where they agree there is no other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache

from tidegate import dates
from tidegate.destinations.destination import Outgoing
from tidegate.immutable import dataclass
from tidegate.naming import SAMPLE, filled, tokens

MANIFEST = "manifest.json"
LONGEST_READ = 400
"""Characters of a name with several values of any length; a longer one counts as ambiguous, since to read it would take
time in proportion to the product of their lengths."""
_OF_ANY_LENGTH = {"study", "table", "tag"}
_ANY = "[A-Za-z0-9._%-]"
_COMPACT = r"\d{8}T\d{6}\.\d{3}Z"
_SHAPES = {
    "study": f"{_ANY}+@",
    "table": f"{_ANY}*@",
    "tag": f"{_ANY}+@",
    "window": rf"{_COMPACT}_{_COMPACT}|(?:reexport|override|redrive)-[0-9A-Z]{{26}}",
    "start": f"{_COMPACT}|none",
    "end": f"{_COMPACT}|none",
    "date": r"\d{4}-\d\d-\d\d",
    "operationId": "[0-9A-Z]{26}",
    "file": r"part-\d{5,}@\.(?:EXTENSION)|manifest\.json",
    "part": r"\d{5,}@|manifest",
    "sequence": r"\d{5,}@|manifest",
    "extension": "EXTENSION|json",
}
"""What values look like, or a little more; behind an `@` they are as long, or as short, as they can be."""


@dataclass(frozen=True, slots=True)
class Language:
    """All names that a template may give the files of one export. `extension` is an expression for the parts' own."""

    template: str
    export: str
    extension: str
    tabled: bool

    def expression(self, length: str) -> str:
        """What matches them; with `?` as the length each value is as short as it can be, without it as long."""
        seen: dict[str, str] = {}
        made = ""
        for text, is_field in tokens(self.template):
            if not is_field:
                made += re.escape(text)
            elif text == "export":
                made += re.escape(self.export)
            elif text in seen:
                made += f"(?P={seen[text]})"
            else:
                seen[text] = f"v{len(seen)}"
                made += f"(?P<{seen[text]}>{self._shape(text).replace('@', length)})"
        return made

    def _shape(self, inside: str) -> str:
        name, colon, pattern = inside.partition(":")
        if colon:
            return f"{_like(dates.written(SAMPLE, pattern, 'UTC'))}|none"
        if name == "table" and not self.tabled:
            return ""
        return _SHAPES[name].replace("EXTENSION", self.extension)


def mark(template: str, values: Mapping[str, str], file: Outgoing, *, always: bool = False) -> str:
    """What to add to a name that other values could make too: `~` and a hash of what it stands for; else nothing.

    No value holds a `~`, so a name with one more than its template has cannot be one without. With `always` the name
    gets it in any case.
    """
    name = filled(template, values)
    named = {inside for inside, is_field in tokens(template) if is_field}
    readable = len(name) <= LONGEST_READ or len(named & _OF_ANY_LENGTH) < 2
    if not always and readable and _read_one_way(name, _language(template, values["export"], file)):
        return ""
    sent = file.consignment
    of_file = [file.path] if named & {"table", "file", "part", "sequence"} else []
    stands_for = json.dumps([sent.study, sent.window, sent.operation_id, *of_file])
    return f"~{hashlib.sha256(stands_for.encode()).hexdigest()[:16]}"


def _language(template: str, export: str, file: Outgoing) -> Language:
    """The names that this one must not be; a manifest does not tell how the parts are called, so it allows for more."""
    if file.path == MANIFEST:
        return Language(template, export, "[a-z0-9.]+@", tabled=True)
    return Language(template, export, re.escape(file.path.rpartition("/")[2].partition(".")[2]), bool(file.table))


def _read_one_way(name: str, language: Language) -> bool:
    longest, shortest = (expression.fullmatch(name) for expression in _readings(language))
    return bool(longest and shortest and longest.groups() == shortest.groups())


@lru_cache(maxsize=64)
def _readings(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds the reading with the longest values, and what finds that with the shortest."""
    return re.compile(language.expression(""), re.ASCII), re.compile(language.expression("?"), re.ASCII)


def _like(sample: str) -> str:
    """What matches whatever the pattern of a date that gave this sample can give: all of one length."""
    kinds = (r"\d" if one.isdigit() else "[A-Za-z]" if one.isalpha() else re.escape(one) for one in sample)
    return "".join(kinds)
