"""The comparison lets the same values through in every notation, and nothing else."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import notations, records
from benchmarks.equality import compare

COUNT = 120
Row = dict[str, Any]


def plain(value: dict[str, Any]) -> Any:
    """A value as boto3's resource gives it."""
    ((kind, raw),) = value.items()
    if kind == "N":
        return Decimal(raw)
    if kind in {"SS", "NS"}:
        return set(raw) if kind == "SS" else set(map(Decimal, raw))
    if kind == "L":
        return [plain(one) for one in raw]
    if kind == "M":
        return {name: plain(one) for name, one in raw.items()}
    return None if kind == "NULL" else raw


def rows() -> list[Row]:
    return [{name: plain(value) for name, value in records.record(n, COUNT).items()} for n in range(COUNT)]


def written(path: Path, these: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, records.columns())
        writer.writeheader()
        writer.writerows(these)
    return path


def test_what_the_csv_module_writes_of_boto3s_values_is_the_same(tmp_path: Path) -> None:
    assert not compare(written(tmp_path / "rows", rows()), COUNT).faults()


def test_rows_may_come_in_any_order_in_several_files_and_compressed(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    first, second = written(tmp_path / "a", rows()[20:]), written(tmp_path / "b", rows()[:20])
    (folder / "a.gz").write_bytes(gzip.compress(first.read_bytes()))
    second.rename(folder / "b")
    assert not compare(folder, COUNT).faults()


def test_lines_of_json_are_the_same_with_sets_as_lists_and_missing_attributes_left_out(tmp_path: Path) -> None:
    def shown(value: Any) -> Any:
        return sorted(value) if isinstance(value, set) else int(value) if value == int(value) else float(value)

    lines = []
    for row in rows():
        exact = str(row.pop("exact"))
        lines.append(json.dumps(row, default=shown)[:-1] + f', "exact": {exact}}}\n')
    path = tmp_path / "rows"
    path.write_text("".join(lines))
    assert not compare(path, COUNT).faults()


CHANGES: dict[str, Callable[[list[Row]], Any]] = {
    "a letter": lambda found: found[7].update(notes=found[7]["notes"].replace("t", "T", 1)),
    "a digit at the end": lambda found: found[7].update(exact=found[7]["exact"].next_plus()),
    "a flag": lambda found: found[7].update(complete=not found[7]["complete"]),
    "a member of a set": lambda found: found[7]["levels"].pop(),
    "the order of a list": lambda found: [row["answers"]["q4"].reverse() for row in found],
    "a member of a map": lambda found: found[7]["answers"].pop("q2"),
    "text for null": lambda found: found[7].update(withdrawnOn="None"),
    "an attribute too many": lambda found: found[7].update(remark="not there"),
    "an attribute too few": lambda found: found[7].pop("device"),
    "a record too few": lambda found: found.pop(),
    "a record twice": lambda found: found.append(found[3]),
    "a record of another study": lambda found: found[7].update(id="9999999999"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(tmp_path: Path, change: str) -> None:
    changed = rows()
    changed[7].pop("remark", None)
    same = compare(written(tmp_path / "before", rows()), COUNT)
    CHANGES[change](changed)
    assert not same.faults()
    assert compare(written(tmp_path / "after", changed), COUNT).faults()


def test_a_known_difference_is_counted_and_lets_no_other_through(tmp_path: Path) -> None:
    changed = [{**row, "exact": float(row["exact"])} for row in rows()]
    found = compare(written(tmp_path / "rows", changed), COUNT)
    assert found.wrong == {"exact": COUNT}
    assert found.faults()
    assert not found.faults(frozenset({"exact"}))
    changed[0]["score"] += 1
    assert compare(written(tmp_path / "rows", changed), COUNT).faults(frozenset({"exact"}))


def test_the_guard_against_formulas_is_no_difference_where_it_belongs_and_one_elsewhere(tmp_path: Path) -> None:
    guarded, wrong = rows(), rows()
    at = next(n for n, row in enumerate(guarded) if str(row.get("remark")).startswith("="))
    guarded[at]["remark"] = f"'{guarded[at]['remark']}"
    wrong[at]["device"] = f"'{wrong[at]['device']}"
    assert not compare(written(tmp_path / "guarded", guarded), COUNT).faults()
    assert compare(written(tmp_path / "wrong", wrong), COUNT).faults()


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('["a","b"]', ["a", "b"]),
        ("{'a', 'b'}", ["a", "b"]),
        ("['a' 'b']", ["a", "b"]),
        ("[Decimal('1') Decimal('2')]", [Decimal(1), Decimal(2)]),
        ("array([Decimal('1')], dtype=object)", [Decimal(1)]),
        ("{'q': None, 'r': True, 's': -1.5}", {"q": None, "r": True, "s": Decimal("-1.5")}),
        ('{"q":{"r":[]}}', {"q": {"r": []}}),
        ("{}", {}),
        ("['it\\'s', \"it's\"]", ["it's", "it's"]),
    ],
)
def test_a_nested_value_is_read_from_the_notation_of_any_tool(cell: str, value: Any) -> None:
    assert notations.read(cell) == value


@pytest.mark.parametrize("cell", ["", "[", "[1] 2", "open('file')", "[1", "{'a':", "nothing"])
def test_what_is_no_value_cannot_be_read(cell: str) -> None:
    with pytest.raises(ValueError, match=r"value|read"):
        notations.read(cell)
