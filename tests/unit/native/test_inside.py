"""Columns whose paths lead into maps and lists: the library finds what the Python path finds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.reference import body_of
from tidegate.native import FORMATS, Inside, ItemSpec, RowSpec
from tidegate.paths import steps_of
from unit.native_pages import Item, agrees, item
from unit.part_samples import wire_records

DEEP: Item = {
    "m": {"M": {"a": {"M": {"b": {"S": "inside, 1"}}}, "a.b": {"S": "named"}, "l[0]": {"N": "7"}, "n": {"NULL": True}}},
    "l": {"L": [{"L": [{"N": "0"}, {"M": {"x": {"B": b"\0"}}}]}, {"SS": ["b", "a"]}, {"S": "=1"}]},
    "m.n": {"S": "attribute"},
    "l[2]": {"S": "not the third"},
    "\u00e9": {"M": {'q"uo\n': {"M": {"z": {"N": "1"}, "y": {"L": []}}}}},
}
PATHS = [
    "m.a", "m.a.b", "m.a.b.c", "m.l[0]", "m.n", "m.x", "m.a[0]", "l[0]", "l[0][1]", "l[0][1].x", "l[0][2]", "l[1]",
    "l[1][0]", "l[2]", "l[3]", "l[999999]", '\u00e9.q"uo\n', '\u00e9.q"uo\n.z', '\u00e9.q"uo\n.y', "none.a", "none[0]",
    "m..b", "id.a",
]  # fmt: skip


def inside(path: str) -> Inside:
    return Inside(path, steps_of(path))


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_path_leads_where_it_leads_in_the_python_path(format_name: str) -> None:
    body = body_of([item(0, **DEEP), item(1), item(2, m={"L": []}, l={"M": {}}), item(3, m={"M": {}}, l={"L": []})])
    assert (body.count(b'"a.b"'), body.count(b'"x"')) == (1, 1)
    for path in PATHS:
        columns = (("c", inside(path)), ("whole", "m"), ("again", inside(path)))
        rows = RowSpec(format_name, formula_guard=True, columns=columns, others=True)
        agrees(body, replace(rows, types=("text",) * 3) if format_name == "Parquet" else rows)
        agrees(body.replace(b'"a.b"', b'"a\\u002eb"').replace(b'"x"', b'"\\u0078"'), rows)


def test_a_path_leads_into_nothing_that_is_not_shown() -> None:
    rows = RowSpec("CSV", formula_guard=True, columns=(("id", "id"), ("c", inside("m.a"))), others=True)
    items = ItemSpec(("id",), "at", "epochMillis", frozenset({"id", "l"}))
    assert agrees(body_of([item(0, **DEEP)]), rows, items).data == b"r0,\r\n"
    strict = replace(rows, others=False, ignored=frozenset({"l"}))
    assert agrees(body_of([item(0, **DEEP)]), strict, items).kinds == [{"S"}, set()]


def test_many_paths_into_one_large_value_are_written_all_the_same() -> None:
    large = {"M": {"a": {"L": [{"S": '"' * 50_000}, {"S": "\x01" * 20_000}]}, "b": {"S": "x"}}}
    columns = tuple(
        (f"c{number}", inside(path)) for number, path in enumerate(["m.a", "m.a[0]", "m.a", "m.b", "m.a[1]"] * 3)
    )
    for format_name in ("CSV", "JSONL"):
        agrees(body_of([item(0, m=large)]), RowSpec(format_name, formula_guard=True, columns=columns, others=True))


@given(wire_records(), st.lists(st.sampled_from(["a", "b", "B", "M", "x", "[0]", "[1]", "."]), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_path_into_any_record_leads_where_it_leads_in_the_python_path(record: Item, pieces: list[str]) -> None:
    plain = {n: v for n, v in record.items() if n.isprintable() and not {'"', "\\"} & set(n)}
    rows = RowSpec("JSONL", formula_guard=True, columns=(("c", inside("".join(pieces))),), others=True)
    agrees(body_of([{"a": {"M": plain}, **plain, **item(0)}]), rows)
