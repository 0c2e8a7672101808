"""What the Python path makes of a page: the specification that the native library is held against."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from fuzz.pages import CONSTANTS
from tidegate.columns import value_at
from tidegate.definition import from_document
from tidegate.formats import MISSING, Column, format_of
from tidegate.formats.parquet import ParquetFormat
from tidegate.formats.wire import base64_text
from tidegate.model import AttributeValue, FormatSpec, Record
from tidegate.native import ByTable, Constant, Inside, ItemSpec, Origin, Rows, RowSpec
from tidegate.packing import packed, unpacked
from tidegate.parquet.columntypes import column_type
from tidegate.sources.dynamodb.answers import answer_of
from tidegate.sources.dynamodb.schema import Plan, Schema
from tidegate.sources.dynamodb.sieve import Sieve
from tidegate.sources.times import time_type_of
from tidegate.tables import table_of


@dataclass(frozen=True, slots=True)
class Result:
    """All that can be asked of Rows, in plain objects."""

    data: bytes
    ends: list[int]
    times: list[int]
    kinds: list[frozenset[str]]
    seen: frozenset[str]
    first_millis: int | None
    last_key: Mapping[str, Any] | None
    items: int
    identities: list[tuple[str, ...]]
    tables: list[int]
    by_table: list[tuple[str, bytes, list[int]]]
    capacity: Mapping[str, Any] | None

    @classmethod
    def of(cls, rows: Rows) -> Result:
        assert rows.count == len(rows.ends)
        return cls(
            bytes(rows.data),
            list(rows.ends),
            list(rows.times),
            rows.kinds,
            rows.seen,
            rows.first_millis,
            rows.last_key,
            rows.items,
            rows.identities(0),
            list(rows.tables),
            [(one.table, bytes(one.data), list(one.ends)) for one in rows.by_table],
            rows.capacity,
        )


_RAISED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError)
"""By the Python path for bodies that are no answer of DynamoDB's."""
_HUGE = re.compile(r"[eE]\+?\d{4}")
"""In a time: a number that DynamoDB cannot hold, and that Python would write out with all its digits."""


class NotPlainError(Exception):
    """The Python path does something special with the page: it raises, or lists a record as failed."""


def page_result(body: bytes, items: ItemSpec, target: RowSpec | ByTable | None, low: int, high: int) -> Result:
    """What `Transcoder.page` has to return. Raises NotPlainError where it has to refuse."""
    sieve = _sieve(items)
    try:
        answer = answer_of(body)
        listed: Sequence[Mapping[str, AttributeValue]] = answer["Items"]
        count = len(listed)
        listed = [item for item in listed if _is_wanted(sieve, item, items)]
        if any(_HUGE.search(str(item.get(items.time))) for item in listed):
            raise NotPlainError
        timed = [(sieve.millis(item), item) for item in listed]
        outcomes = [sieve.of_window(i, millis) for millis, i in timed if sieve.within(i, millis, low, high)]
    except _RAISED as error:
        raise NotPlainError from error
    records = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    if len(records) < len(outcomes) or any(millis is None for millis, _ in timed):
        raise NotPlainError
    first = timed[0][0] if timed else None
    times = [record.time_millis for record in records if record.time_millis is not None]
    result = _result(records, target, times, first, answer.get("LastEvaluatedKey"), count)
    return replace(result, capacity=answer.get("ConsumedCapacity"))


def _is_wanted(sieve: Sieve, item: Mapping[str, AttributeValue], items: ItemSpec) -> bool:
    return items.owner is None or (items.time in item and sieve.study(item) == items.owner[1])


def lines_result(lines: bytes, rows: RowSpec | None) -> Result:
    """What `Transcoder.lines` has to return. Raises NotPlainError where it has to refuse."""
    try:
        records = unpacked(lines)
    except _RAISED as error:
        raise NotPlainError from error
    if rows is not None:
        return _result(records, rows, [], None, None, len(records))
    try:
        seen, identities = frozenset(n for record in records for n in record.values), [r.key for r in records]
    except _RAISED as error:
        raise NotPlainError from error
    ends = [0] * len(records)
    return Result(b"", ends, [], [], seen, None, None, len(records), identities, [], [], None)


def _result(
    records: list[Record],
    target: RowSpec | ByTable | None,
    times: list[int],
    first: int | None,
    last_key: Mapping[str, Any] | None,
    items: int,
) -> Result:
    rows = target if isinstance(target, RowSpec) else None
    try:
        written, separator, kinds = _written(records, rows)
    except _RAISED as error:
        raise NotPlainError from error
    data, ends = separator.join(written), _ends(written, len(separator))
    seen = frozenset(name for record in records for name in record.values) if rows is None else frozenset()
    identities = [record.key for record in records]
    tables, by_table = _by_table(records, written, target) if isinstance(target, ByTable) else ([], [])
    if by_table:
        data = b"".join(lines for _, lines, _ in by_table)
        ends = [end for _, _, each in by_table for end in each]
    return Result(data, ends, times, kinds, seen, first, last_key, items, identities, tables, by_table, None)


def _by_table(
    records: list[Record], written: list[bytes], target: ByTable
) -> tuple[list[int], list[tuple[str, bytes, list[int]]]]:
    definition = from_document({"source": {"type": "dynamodb", "table": "Records"}, "tableBy": target.attributes}, 1)
    lines: dict[str, list[bytes]] = {}
    for record, line in zip(records, written, strict=True):
        lines.setdefault(table_of(record, definition), []).append(line)
    numbers = {table: number for number, table in enumerate(lines)}
    tables = [numbers[table_of(record, definition)] for record in records]
    return tables, [(table, b"".join(each), _ends(each, 0)) for table, each in lines.items()]


def _ends(written: list[bytes], separator: int) -> list[int]:
    """Where each ends."""
    return [end + number * separator for number, end in enumerate(accumulate(map(len, written)))]


def _written(records: list[Record], rows: RowSpec | None) -> tuple[list[bytes], bytes, list[frozenset[str]]]:
    if rows is None:
        return [packed(record) for record in records], b"", []
    attributes = {origin for _, origin in rows.columns if isinstance(origin, str)}
    if not rows.others and any(not record.values.keys() <= attributes | rows.ignored for record in records):
        raise NotPlainError
    made = format_of(FormatSpec(type=rows.format, formula_guard=rows.formula_guard, dialect=rows.dialect))
    if rows.format == "Parquet":
        made = ParquetFormat([column_type(text) for text in rows.types or ["text"] * len(rows.columns)])
    columns = [Column.of(name, _values(records, name, attribute)) for name, attribute in rows.columns]
    written = made.records(columns) if records else []
    return written, made.separator, [column.kinds for column in columns]


def _values(records: list[Record], name: str, origin: Origin) -> list[AttributeValue]:
    if isinstance(origin, Constant):
        return [CONSTANTS[name]] * len(records)
    if isinstance(origin, Inside):
        return [value_at(record.values, origin.whole) for record in records]
    return [record.values.get(origin, MISSING) for record in records]


def _sieve(items: ItemSpec) -> Sieve:
    source = {"type": "dynamodb", "table": "Records", "timeKey": items.time}
    owner = {"partitionKey": items.owner[0]} if items.owner else {}
    definition = from_document({"source": {**source, **owner}}, 1)
    schema = Schema("Records", items.key, dict.fromkeys(items.key, "S"), {}, 0)
    plan = Plan(
        schema=schema,
        spec=definition.source,
        time=time_type_of(items.time_type),
        record_key=items.key,
        index=None,
        scan=False,
        second_read=False,
        fetched=None,
        shown=items.shown,
    )
    return Sieve(plan, definition)


def body_of(items: Sequence[Mapping[str, Any]], last_key: Mapping[str, Any] | None = None) -> bytes:
    """A page as DynamoDB writes it; values in wire form, binary as bytes."""
    document: dict[str, Any] = {"Count": len(items), "Items": items}
    if last_key is not None:
        document["LastEvaluatedKey"] = last_key
    document["ScannedCount"] = len(items)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=base64_text).encode()
