"""The canned pages are what DynamoDB would send for these records."""

import json
import zlib
from typing import Any

import pytest

from benchmarks import records
from benchmarks.pages import PAGE_RECORDS, Pages

COUNT = 2 * PAGE_RECORDS + 100


def query(first: int, last: int, **more: Any) -> dict[str, Any]:
    values = {
        ":s": {"S": records.study(COUNT)},
        ":low": {"N": str(records.millis(first))},
        ":high": {"N": str(records.millis(last))},
    }
    return {"ExpressionAttributeValues": values, **more}


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(COUNT)


def test_every_record_has_800_bytes_and_differs_from_the_others() -> None:
    texts = {records.wire(records.record(number, COUNT)) for number in range(COUNT)}
    assert {len(text.encode()) for text in texts} == {records.RECORD_BYTES}
    assert len(texts) == COUNT


def test_a_page_is_compact_utf_8_of_1_mebibyte_with_its_keys_in_dynamodbs_order(pages: Pages) -> None:
    page = pages.answer(query(0, COUNT))
    assert 1_000_000 < len(page.body) < 1_100_000
    document = json.loads(page.body)
    assert list(document) == ["Count", "Items", "LastEvaluatedKey", "ScannedCount"]
    assert records.wire(document).encode() == page.body
    assert "\u6f6e".encode() in page.body


def test_a_pages_checksum_is_that_of_its_bytes(pages: Pages) -> None:
    page = pages.answer(query(0, COUNT))
    assert page.crc32 == zlib.crc32(page.body)


def test_pages_followed_by_their_keys_have_every_record_once_and_in_order(pages: Pages) -> None:
    found: list[records.Item] = []
    more: dict[str, Any] = {}
    while True:
        page = json.loads(pages.answer(query(0, COUNT, **more)).body)
        assert page["Count"] == page["ScannedCount"] == len(page["Items"])
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == [records.record(number, COUNT) for number in range(COUNT)]


@pytest.mark.parametrize(("first", "last"), [(5, 5), (1000, 1010), (COUNT - 1, COUNT + 50)])
def test_the_bounds_of_a_query_are_inclusive(pages: Pages, first: int, last: int) -> None:
    items = json.loads(pages.answer(query(first, last)).body)["Items"]
    assert items == [records.record(number, COUNT) for number in range(first, min(last, COUNT - 1) + 1)]


def test_a_query_behind_the_last_record_has_an_empty_page(pages: Pages) -> None:
    assert json.loads(pages.answer(query(COUNT, COUNT + 5)).body) == {"Count": 0, "Items": [], "ScannedCount": 0}


def test_a_page_from_the_store_is_the_page_that_was_made(pages: Pages) -> None:
    assert (
        pages.answer(query(3, 900)).body == pages.answer(query(3, 900)).body == Pages(COUNT).answer(query(3, 900)).body
    )
