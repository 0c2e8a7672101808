"""Sets are written in SPEC's order, whichever order their members come in."""

from itertools import permutations

import pytest

from fuzz.reference import body_of
from tidegate.model import AttributeValue
from unit.native_pages import agrees, item, refused, rows_of

SETS: dict[str, list[AttributeValue]] = {
    "texts": [{"SS": ["", "a", "ab", "b"]}, {"SS": ["é", "潮", "🌊", "z"]}, {"SS": ['"', ",", "\n", "\\"]}],
    "numbers": [{"NS": ["0", "9", "10", "2000"]}, {"NS": ["-1", "0", "1.5", "10"]}, {"NS": ["1", "1E+2", "20", "3"]}],
    "binary": [{"BS": [b"", b"\x00", b"\x00\x01", b"\xff\xfe"]}],
}


@pytest.mark.parametrize("format_name", ["CSV", "JSONL"])
@pytest.mark.parametrize("kind", SETS)
def test_members_in_each_order_give_one_order(kind: str, format_name: str) -> None:
    for given in SETS[kind]:
        [(name, members)] = given.items()
        orders = [{name: list(order)} for order in permutations(members)]
        found = agrees(body_of([item(n, a=order) for n, order in enumerate(orders)]), rows_of(format_name, "a"))
        assert len(set(found.data.splitlines())) == 1


def test_sets_of_many_members_of_which_only_the_last_are_in_disorder_are_put_in_order() -> None:
    texts = [f"{number:03}" for number in range(100)]
    for members in (texts, [*texts[:-2], texts[-1], texts[-2]], [texts[-1], *texts[:-1]]):
        body = body_of([item(0, a={"SS": members}, b={"L": [{"SS": members}, {"SS": [texts[0]]}]})])
        agrees(body, rows_of("JSONL", "a", "b"))
        agrees(body, rows_of("CSV", "b", "a"))


def test_an_odd_number_refuses_the_page_wherever_in_its_set_it_stands() -> None:
    for members in (["1E1000000000"], ["1", "1E1000000000"], ["1E1000000000", "1"]):
        assert refused(body_of([item(0, a={"NS": members})]), rows_of("JSONL", "a"))
    whole = body_of([item(0, a={"NS": ["1", "2"]})])
    for broken in (b'["1","2"', b'["1",]', b'["1","2",]', b'["1",2]', b'[,"1"]', b'["1""2"]'):
        assert refused(whole.replace(b'["1","2"]', broken), rows_of("JSONL", "a"))
