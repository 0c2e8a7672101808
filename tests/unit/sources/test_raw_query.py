"""A query whose pages stay bytes gives the records that it gives as objects, from every cursor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.sources import Ask
from tidegate.transcoding import PageCounts, RawPage, Transcoding

if TYPE_CHECKING:
    from unit.sources.conftest import Bench

END = 4000
NOTATIONS = {
    "epochMillis": lambda millis, odd: {"N": f"{millis}.5" if odd else str(millis)},
    "epochSeconds": lambda millis, odd: {"N": f"{millis // 1000}.{millis % 1000:03d}{'7' if odd else ''}"},
    "iso8601": lambda millis, odd: {
        "S": f"1970-01-01T00:00:{millis // 1000:02d}.{millis % 1000:03d}{'5' if odd else ''}Z"
    },
}


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    times=st.lists(
        st.tuples(st.sampled_from([0, 999, 1000, 1001, 1500, 2000, 3999, END]), st.booleans(), st.booleans()),
        max_size=30,
    ),
    page=st.integers(1, 7),
    start=st.sampled_from([0, 1000, 1001]),
)
def test_pages_of_bytes_are_the_pages_of_records_from_every_cursor(
    bench: Bench, notation: str, times: list[tuple[int, bool, bool]], page: int, start: int
) -> None:
    items: list[Any] = [
        {
            "id": {"S": f"r{number:02d}"},
            "studyId": {"S": "s"},
            "uploadedOn": NOTATIONS[notation](millis, odd),
            **({"raw": {"B": b"\0\1"}} if strange else {}),
        }
        for number, (millis, odd, strange) in enumerate(times)
    ]
    kind = "S" if notation == "iso8601" else "N"
    table = bench.table(items, types={"id": "S", "studyId": "S", "uploadedOn": kind}, page=page)
    source = bench.source(table, bench.export(timeType=notation), readers=2)
    window, counts = bench.window(start, END), PageCounts()
    expected = bench.pages(source, Ask("s", window))
    found = bench.pages(source, Ask("s", window, transcoding=Transcoding(counts)))
    told = [record for one in found for record in one.records]
    assert told == [record for one in expected for record in one.records]
    assert counts.by_reference == 0
    assert all(isinstance(one.records, RawPage) for one in found if one.records)
    for at, one in enumerate(found[:-1]):
        rest = Ask("s", window, transcoding=Transcoding(PageCounts()))
        again = bench.pages(source, rest, json.loads(json.dumps(one.cursor)))
        later = [record for each in found[at + 1 :] for record in each.records]
        assert [record for each in again for record in each.records] == later
