"""Packed lines, each table's together: the library names tables as the Python path does."""

from fuzz.reference import body_of
from tidegate.native import ByTable, ItemSpec, Refusal, Rows, Transcoder
from tidegate.native.library import MOST_TABLES
from unit.native_pages import ITEMS, agrees, item, refused


def test_lines_of_each_table_stand_together_by_their_first_records() -> None:
    kinds = ("b", "a", "b", "", "a~c", "b")
    found = agrees(body_of([item(n, kind={"S": kind}) for n, kind in enumerate(kinds)]), ByTable(("kind",)))
    assert [(table, len(ends)) for table, _, ends in found.by_table] == [("b", 3), ("a", 1), ("_none", 1), ("a~c", 1)]
    assert (found.tables, found.times) == ([0, 1, 0, 2, 3, 0], [1000, 1001, 1002, 1003, 1004, 1005])
    assert found.identities == [(f"r{number}",) for number in range(6)]


def test_tables_are_one_where_their_names_are_one_whatever_they_come_from() -> None:
    records = [
        item(0, a={"S": "x~y"}, b={"S": "1"}),
        item(1, a={"S": "x"}, b={"S": "y~1"}),
        item(2, a={"S": "x~y"}, b={"N": "1"}),
        item(3, a={"S": "_none"}),
        item(4, a={"S": "x"}, b={"BOOL": True}),
    ]
    found = agrees(body_of(records), ByTable(("a", "b")))
    assert [table for table, _, _ in found.by_table] == ["x~y~1", "_none"]
    hidden = agrees(
        body_of(records), ByTable(("a", "b")), ItemSpec(("id",), "at", "epochMillis", frozenset({"id", "b"}))
    )
    assert [table for table, _, _ in hidden.by_table] == ["_none"]


def test_the_name_of_a_table_is_the_text_that_is_meant_and_half_a_pair_is_none() -> None:
    body = body_of([item(0, a={"S": "x"}), item(1, a={"S": "y"})])
    escaped = body.replace(b'"x"', b'"\\u00e9\\n\\ud83d\\ude00"')
    assert agrees(escaped, ByTable(("a",))).by_table[0][0] == "\u00e9\n\N{GRINNING FACE}"
    assert refused(body.replace(b'"x"', b'"\\ud83d"'), ByTable(("a",)))


def test_a_page_of_more_tables_than_fit_is_refused() -> None:
    found = [item(number, kind={"N": str(number)}) for number in range(MOST_TABLES + 1)]
    assert len(agrees(body_of(found[:-1]), ByTable(("kind",))).by_table) == MOST_TABLES
    assert refused(body_of(found), ByTable(("kind",)))
    assert agrees(body_of([]), ByTable(("kind",))).by_table == []


def test_lines_without_columns_tell_which_attributes_occur_in_them() -> None:
    packed = agrees(body_of([item(0, a={"S": "x"}), item(1, bee={"N": "1"})]), None)
    answer = Transcoder(ITEMS, None).lines(packed.data)
    assert isinstance(answer, Rows)
    assert (sorted(answer.seen), answer.count) == (["a", "at", "bee", "id"], 2)
    assert Transcoder(ITEMS, None).lines(packed.data[1:]) is Refusal.UNEXPECTED
