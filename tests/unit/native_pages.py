"""Pages for the tests of the native library, and its answers held against those of the Python path."""

from __future__ import annotations

from fuzz.reference import Result, page_result
from tidegate.model import AttributeValue
from tidegate.native import ByTable, ItemSpec, Refusal, Rows, RowSpec, Transcoder

ITEMS = ItemSpec(("id",), "at", "epochMillis", None)
ALL = (0, 1 << 60)
Item = dict[str, AttributeValue]


def rows_of(format_name: str, *columns: str, others: bool = True, guard: bool = True) -> RowSpec:
    return RowSpec(format_name, formula_guard=guard, columns=tuple((name, name) for name in columns), others=others)


def item(number: int, **more: AttributeValue) -> Item:
    return {"id": {"S": f"r{number}"}, "at": {"N": str(1000 + number)}, **more}


def transcribed(
    body: bytes, rows: RowSpec | ByTable | None, items: ItemSpec = ITEMS, window: tuple[int, int] = ALL
) -> Rows:
    answer = Transcoder(items, rows).page(body, *window)
    assert isinstance(answer, Rows)
    return answer


def agrees(
    body: bytes, rows: RowSpec | ByTable | None, items: ItemSpec = ITEMS, window: tuple[int, int] = ALL
) -> Result:
    found = Result.of(transcribed(body, rows, items, window))
    assert found == page_result(body, items, rows, *window)
    return found


def refused(body: bytes, rows: RowSpec | ByTable | None = None) -> bool:
    return Transcoder(ITEMS, rows).page(body, *ALL) is Refusal.UNEXPECTED
