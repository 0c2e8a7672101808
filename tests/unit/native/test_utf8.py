"""Strings of a page are UTF-8, wherever they stand, or the page is refused."""

from itertools import product

import pytest

from fuzz.reference import body_of
from tidegate.native import ItemSpec, Refusal, Rows, RowSpec, Transcoder
from unit.native_pages import ALL, ITEMS, agrees, item, rows_of

FIRST = b"\x80\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xf7\xf8\xff"
SECOND = b"x\x80\x8f\x90\x9f\xa0\xbf\xc0\xff"
OTHERS = b"\x7f\x80\xbf\xc0"


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_each_kind_of_character_is_read_and_whatever_is_none_is_refused() -> None:
    texts = {bytes(part) for size in range(4) for part in product(FIRST, *(SECOND, OTHERS, OTHERS)[:size])}
    rows = Transcoder(ITEMS, rows_of("CSV", "a"))
    for number, text in enumerate(sorted(texts)):
        padded = b"." * (number % 9) + text
        page = b'{"Count":1,"Items":[{"id":{"S":"x"},"at":{"N":"1"},"a":{"S":"%b"}}]}' % padded
        answer = rows.page(page, *ALL)
        found = bytes(answer.data) if isinstance(answer, Rows) else None
        assert found == (padded + b"\r\n" if is_utf8(padded) else None), padded


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("character", ["é", "潮", "🌊"])  # of two, three and four bytes
def test_a_character_may_stand_anywhere_among_others_commas_and_escapes(before: int, character: str) -> None:
    texts = [
        "." * before + character + behind for behind in ("", ",", '"', "\n" + character, "....,....", character * 9)
    ]
    body = body_of([item(number, a={"S": text}) for number, text in enumerate(texts)])
    for format_name in ("CSV", "JSONL"):
        agrees(body, rows_of(format_name, "a"))


EVERYWHERE = (
    b'{"LastEvaluatedKey":{"id1":{"S":"key1"}},"ConsumedCapacity":{"TableName":"table1"},"Count":1,"Items":[{"id":{"S":"id1"},'
    b'"at":{"N":"1"},"name1":{"S":"text1"},"m":{"M":{"name2":{"S":"text2"}}},"l":{"L":[{"S":"text3"}]},"s":{"SS":["text4"]},'
    b'"n":{"N":"2"},"b":{"B":"AAAA"},"o":{"BOOL":true},"u":{"NULL":true},"other":{"S":"text5"}}]}'
)


@pytest.mark.parametrize(
    "target", [rows_of("CSV", "id", "name1", "m"), rows_of("JSONL", "id", "s"), None], ids=["CSV", "JSONL", "packed"]
)
def test_a_byte_that_belongs_to_no_character_refuses_the_page_wherever_it_stands(target: RowSpec | None) -> None:
    items = ItemSpec(("id",), "at", "epochMillis", frozenset({"id", "name1", "m", "l", "s"}))
    transcoder = Transcoder(items, target)
    assert transcoder.page(EVERYWHERE, *ALL) is not Refusal.UNEXPECTED
    for at in range(len(EVERYWHERE)):
        assert transcoder.page(EVERYWHERE[:at] + b"\xff" + EVERYWHERE[at + 1 :], *ALL) is Refusal.UNEXPECTED
        assert transcoder.page(EVERYWHERE[:at] + b"\xff" + EVERYWHERE[at:], *ALL) is Refusal.UNEXPECTED
    assert transcoder.page(EVERYWHERE + b"\xff", *ALL) is Refusal.UNEXPECTED


def test_records_that_are_not_kept_have_to_be_utf8_as_well() -> None:
    body = body_of([item(0, a={"S": "text"}), item(1)])
    rows = Transcoder(ITEMS, rows_of("CSV", "id"))
    assert rows.page(body, 1001, 1002) is not Refusal.UNEXPECTED
    assert rows.page(body.replace(b"text", b"te\xff\xff"), 1001, 1002) is Refusal.UNEXPECTED
