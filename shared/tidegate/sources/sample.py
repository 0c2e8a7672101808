"""A source that needs no table: the same made-up records for the same study and window, for trying an export out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.errors import FatalError
from tidegate.instants import to_millis
from tidegate.model import JSON, AttributeValue, Definition, Page, Record
from tidegate.sources.source import Ask, Key, Names

_PAGE = 1_000
_SCHEMAS = ("answers", "steps", "sleep")


@dataclass(frozen=True)
class Parameters:
    """The options: whole seconds between two records."""

    everySeconds: int = 60  # noqa: N815  the name that definitions use

    def __post_init__(self) -> None:
        every: object = self.everySeconds
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError("everySeconds must be a whole number above 0")


class SampleSource:
    """One record every `everySeconds` (an option of the source, default 60), at whole multiples of it since 1970."""

    def __init__(self, definition: Definition) -> None:
        options = definition.source.options
        try:
            every = Parameters(options["everySeconds"]) if "everySeconds" in options else Parameters()
        except ValueError as error:
            raise FatalError(
                f"The options of the source of export {definition.export} are not usable: {error}.",
                code="SOURCE_MISCONFIGURED",
                remedy="Give the seconds between two records.",
            ) from None
        self._step = every.everySeconds * 1000

    def names(self) -> Names:
        """See KeyLookup."""
        return Names(("id",), "uploadedOn")

    def owners(self, keys: Sequence[Key]) -> Mapping[Key, str]:
        """See KeyLookup."""
        found = {key: self._parse(key) for key in keys}
        return {key: place[0] for key, place in found.items() if place is not None}

    def time_unit(self) -> int:
        """See TimeOrdered."""
        return 1

    def pages(self, ask: Ask, cursor: JSON | None) -> Iterator[Page]:
        """See Source.pages."""
        if ask.window is not None:
            start, end = to_millis(ask.window.start), to_millis(ask.window.end)
            return self._of_window(ask.study, start if cursor is None else cursor["at"], end)
        return self._by_key(ask.study, (ask.keys or ())[0 if cursor is None else cursor["at"] :], cursor)

    def _of_window(self, study: str, start: int, end: int) -> Iterator[Page]:
        if start >= end:
            return
        times = range(-(-start // self._step) * self._step, end, self._step)
        for at in range(0, len(times) or 1, _PAGE):
            here, rest = times[at : at + _PAGE], times[at + _PAGE :]
            yield Page([_record(study, millis, millis) for millis in here], {"at": rest[0]} if rest else None)

    def _by_key(self, study: str, keys: Sequence[Key], cursor: JSON | None) -> Iterator[Page]:
        done = 0 if cursor is None else cursor["at"]
        for at in range(0, len(keys), _PAGE):
            asked = keys[at : at + _PAGE]
            places = [(key, self._parse(key)) for key in asked]
            found = [place for _, place in places if place is not None]
            ours = [millis for owner, millis in found if owner == study]
            yield Page(
                records=[_record(study, millis, None) for millis in ours],
                cursor={"at": done + at + _PAGE} if at + _PAGE < len(keys) else None,
                filtered=len(found) - len(ours),
                missing=[key for key, place in places if place is None],
            )

    def _parse(self, key: Key) -> tuple[str, int] | None:
        match = re.fullmatch(r"(.+)-(\d{1,15})", key[0], re.ASCII | re.DOTALL) if len(key) == 1 else None
        if match is None or int(match[2]) % self._step or str(int(match[2])) != match[2]:
            return None
        return match[1], int(match[2])


def _record(study: str, millis: int, time_millis: int | None) -> Record:
    record_id = f"{study}-{millis}"
    digest = hashlib.sha256(record_id.encode()).digest()
    values: dict[str, AttributeValue] = {
        "id": {"S": record_id},
        "studyId": {"S": study},
        "uploadedOn": {"N": str(millis)},
        "schemaId": {"S": _SCHEMAS[digest[0] % len(_SCHEMAS)]},
        "value": {"N": f"{int.from_bytes(digest[1:3])}.{digest[3]}"},
        "note": {"S": f"sample {digest[4:8].hex()}"},
    }
    return Record((record_id,), time_millis, values)
