"""From an item of the table to a record: its identity, its time, whether the definition's filter keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from tidegate.errors import FatalError
from tidegate.model import AttributeValue, Definition, Record
from tidegate.sources.dynamodb.keys import key_text
from tidegate.sources.dynamodb.schema import Plan, remedy_of


class Sieve:
    """Decides about single items, by one plan; holds no state."""

    def __init__(self, plan: Plan, definition: Definition) -> None:
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

    def millis(self, item: Mapping[str, AttributeValue]) -> int:
        """The item's time. Raises FatalError (RECORD_UNEXPORTABLE) with its id where it is none."""
        try:
            return self._time.millis(item.get(self._time_key, {}))
        except ValueError as error:
            raise self._unexportable(item, f"its {self._time_key} {error}") from None

    def keeps(self, item: Mapping[str, AttributeValue]) -> bool:
        """True where each attribute that the filter names has one of the values that it allows."""
        return all(_plain(item.get(name, {})) in allowed for name, allowed in self._wanted)

    def record(self, item: Mapping[str, AttributeValue], millis: int | None) -> Record:
        """The item as a record. Raises FatalError (RECORD_UNEXPORTABLE) where it lacks its own identity."""
        try:
            key = tuple([key_text(item[name]) for name in self._record_key])
        except (KeyError, ValueError):
            wanted = ", ".join(self._record_key)
            raise self._unexportable(item, f"the recordKey ({wanted}) is not all string, number or binary") from None
        if self._shown is None:
            return Record(key, millis, item)
        return Record(key, millis, {name: value for name, value in item.items() if name in self._shown})

    def _unexportable(self, item: Mapping[str, AttributeValue], reason: str) -> FatalError:
        identity = json.dumps([key_text(item[name]) for name in self._table_key if name in item], ensure_ascii=False)
        return FatalError(
            f"Record {identity} cannot be exported: {reason}.",
            code="RECORD_UNEXPORTABLE",
            remedy="Correct the record, or the source's timeType and recordKey, then retry the operation.",
        )


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
