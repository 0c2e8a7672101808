"""From an item of the table to a record: its identity, its time, whether the definition's filter keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter

from tidegate.errors import FatalError
from tidegate.model import AttributeValue, Definition, FailedRecord, Record
from tidegate.rereadable import Rereadable
from tidegate.sources.dynamodb.answers import Piece, items_of
from tidegate.sources.dynamodb.keys import key_text, key_texts
from tidegate.sources.dynamodb.schema import Plan, remedy_of
from tidegate.tables import table_of_values

BAD_TIME = "BAD_TIME"
NO_IDENTITY = "NO_IDENTITY"


class Sieve:
    """Decides about single items, by one plan; holds no state."""

    def __init__(self, plan: Plan, definition: Definition) -> None:
        self._definition = definition
        self._table_key = plan.schema.key
        self._record_key = plan.record_key
        self._partition_key = plan.spec.partition_key
        self._time_key = plan.spec.time_key
        self._time = plan.time
        self._shown = plan.shown
        self._wanted = [_allowed(definition, name, values) for name, values in (plan.spec.filter or {}).items()]

    def study(self, item: Mapping[str, AttributeValue]) -> str | None:
        """The study an item belongs to; None where it has none."""
        try:
            return key_text(item.get(self._partition_key, {}))
        except ValueError:
            return None

    def millis(self, item: Mapping[str, AttributeValue]) -> int | None:
        """The item's time, None where it has none that can be read (`bad_time` then says why)."""
        try:
            return self._time.millis(item.get(self._time_key, {}))
        except ValueError:
            return None

    def bad_time(self, item: Mapping[str, AttributeValue]) -> FailedRecord:
        """What to tell of an item whose `millis` are None."""
        try:
            self._time.millis(item.get(self._time_key, {}))
        except ValueError as error:
            return self._failed(item, BAD_TIME, f"has no time that can be read: its {self._time_key} {error}")
        raise ValueError("the time of this item can be read")

    def keeps(self, item: Mapping[str, AttributeValue]) -> bool:
        """True where each attribute that the filter names has one of the values that it allows."""
        return all(_plain(item.get(name, {})) in allowed for name, allowed in self._wanted)

    def sifted(
        self, items: Sequence[Mapping[str, AttributeValue]], start: int, end: int
    ) -> tuple[list[Record], list[FailedRecord], int]:
        """What becomes of items, in their order: records of [start, end), failed ones, how many are filtered out."""
        if (records := self._all_as_records(items, start, end)) is not None:
            return records, [], 0
        records, failed, filtered = [], [], 0
        time, time_key = self._time, self._time_key
        for item in items:
            millis: int | None = None
            try:
                at = time.millis(item[time_key])
            except (KeyError, ValueError):
                is_within = self.within(item, None, start, end)
            else:
                millis, is_within = at, start <= at < end
            if not is_within:
                continue
            if self._wanted and not self.keeps(item):
                filtered += 1
                continue
            found = self.of_window(item, millis)
            if isinstance(found, Record):
                records.append(found)
            else:
                failed.append(found)
        return records, failed, filtered

    def _all_as_records(
        self, items: Sequence[Mapping[str, AttributeValue]], start: int, end: int
    ) -> list[Record] | None:
        """All of these items, as nearly always, at once; None where one has to be looked at by itself."""
        if self._wanted:
            return None
        try:
            times = self._time.all_millis(list(map(itemgetter(self._time_key), items)))
            keys = [key_texts(list(map(itemgetter(name), items))) for name in self._record_key]
        except (KeyError, ValueError):
            return None
        if times and not (start <= min(times) and max(times) < end):
            return None
        if self._shown is not None:
            return list(map(Record, zip(*keys, strict=True), times, map(self._values, items)))
        records = map(Record, zip(*keys, strict=True), times, items)
        if not isinstance(items, Piece):
            return list(records)
        return Rereadable(records, items.text, lambda text: self.sifted(items_of(text), start, end)[0])

    def _values(self, item: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
        shown = self._shown
        return item if shown is None else {name: value for name, value in item.items() if name in shown}

    def within(self, item: Mapping[str, AttributeValue], millis: int | None, start: int, end: int) -> bool:
        """Whether [start, end) has the item; one whose time cannot be read is where the index's order puts it."""
        if millis is None:
            return self._time.holds(item.get(self._time_key, {}), start, end)
        return start <= millis < end

    def of_window(self, item: Mapping[str, AttributeValue], millis: int | None) -> Record | FailedRecord:
        """What becomes of an item that a window has; `millis` are its own."""
        return self.bad_time(item) if millis is None else self.record(item, millis)

    def by_key(self, item: Mapping[str, AttributeValue]) -> Record | FailedRecord:
        """What becomes of an item that was asked for by its key: it needs no time, but not a wrong one either."""
        if self._time_key in item and self.millis(item) is None:
            return self.bad_time(item)
        return self.record(item, None)

    def record(self, item: Mapping[str, AttributeValue], millis: int | None) -> Record | FailedRecord:
        """The item as a record, or what to tell of it where it lacks its own identity."""
        try:
            key = tuple(map(key_text, map(item.__getitem__, self._record_key)))
        except (KeyError, ValueError):
            wanted = ", ".join(self._record_key)
            reason = f"has no identity: its recordKey ({wanted}) is not all string, number or binary"
            return self._failed(item, NO_IDENTITY, reason)
        return Record(key, millis, self._values(item))

    def _failed(self, item: Mapping[str, AttributeValue], code: str, reason: str) -> FailedRecord:
        """The item by its recordKey, or by the table's own key where it has not got that."""
        for names in (self._record_key, self._table_key):
            try:
                key = tuple([key_text(item[name]) for name in names])
            except (KeyError, ValueError):
                continue
            break
        else:
            key = ()
        return FailedRecord(key, code, reason, table_of_values(item, self._definition))


def _allowed(definition: Definition, name: str, values: object) -> tuple[str, frozenset[object]]:
    """The values that the filter lets an attribute have; a single one may stand by itself."""
    given = values if isinstance(values, list | tuple) else (values,)
    return name, frozenset(_comparable(definition, name, value) for value in given)


def _comparable(definition: Definition, name: str, value: object) -> object:
    if value is None or isinstance(value, bool | str):
        return type(value), value
    if isinstance(value, int | float | Decimal):
        return Decimal, Decimal(str(value))
    raise FatalError(
        f"The source's filter compares {name} with a {type(value).__name__}.",
        code="SOURCE_MISCONFIGURED",
        remedy=f"Compare with a string, number, boolean or null. {remedy_of(definition.export)}",
    )


def _plain(value: AttributeValue) -> object:
    if "S" in value:
        return str, value["S"]
    if "N" in value:
        return Decimal, Decimal(value["N"])
    if "BOOL" in value:
        return bool, value["BOOL"]
    return (type(None), None) if "NULL" in value else None
