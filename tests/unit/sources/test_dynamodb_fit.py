"""Whether a definition fits its table: what is refused, what it says, what `tidegate check` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tidegate.errors import FatalError, RetriableError
from tidegate.sources import Ask

if TYPE_CHECKING:
    from unit.sources.conftest import Bench, FakeTable


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"index": "other"}, "no index other (it has: by-time)"),
        ({"timeKey": "createdOn"}, "has the key (studyId, uploadedOn), not (studyId, createdOn)"),
        ({"timeType": "iso8601"}, "has type N; timeType iso8601 needs S"),
        ({"filter": {"a": {"b": 1}}}, "compares a with a dict"),
    ],
)
def test_what_does_not_fit_is_said_with_the_command_that_shows_more(
    bench: Bench, source: dict[str, Any], said: str
) -> None:
    table = bench.table([])
    with pytest.raises(FatalError) as caught:
        bench.pages(bench.source(table, bench.export(**source)), Ask("s", bench.window(0, 10)))
    assert said in caught.value.message
    assert "tidegate check default" in caught.value.remedy
    assert table.names() == ["describe_table"]


def test_an_index_that_is_being_built_is_waited_for(bench: Bench) -> None:
    with pytest.raises(RetriableError, match="still being built"):
        bench.pages(bench.source(bench.table([], index_status="CREATING")), Ask("s", bench.window(0, 10)))


def failing(table: FakeTable, call: str, code: str, status: int) -> None:
    def fail(name: str, _arguments: dict[str, Any]) -> None:
        if name == call:
            raise ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, name)  # type: ignore[typeddict-item]

    table.before = fail


@pytest.mark.parametrize("call", ["describe_table", "query", "batch_get_item"])
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ProvisionedThroughputExceededException", 400, RetriableError),
        ("InternalServerError", 500, RetriableError),
        ("ResourceNotFoundException", 400, FatalError),
        ("ValidationException", 400, FatalError),
        ("AccessDeniedException", 400, FatalError),
    ],
)
def test_what_aws_says_decides_whether_to_try_again(
    bench: Bench, call: str, code: str, status: int, kind: type[Exception]
) -> None:
    table = bench.table([bench.record("r", 1)], projection={"ProjectionType": "KEYS_ONLY"})
    failing(table, call, code, status)
    with pytest.raises(kind, match=code) as caught:
        bench.pages(bench.source(table), Ask("s", bench.window(0, 10)))
    assert isinstance(caught.value, RetriableError) or "tidegate check" in str(caught.value)


def test_a_broken_connection_is_something_to_try_later(bench: Bench) -> None:
    table = bench.table([])

    def fail(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    table.before = fail
    with pytest.raises(RetriableError, match="EndpointConnectionError"):
        bench.pages(bench.source(table), Ask("s", bench.window(0, 10)))


def findings(bench: Bench, table: FakeTable, **source: Any) -> list[tuple[bool, str]]:
    found = bench.source(table, bench.export(**source)).inspect(["s"], bench.window(0, 1000))
    assert all(one.remedy for one in found if not one.ok), "what is not right comes with what to do"
    return [(one.ok, one.what) for one in found]


def test_a_fitting_table_is_found_fit_and_its_records_are_counted(bench: Bench) -> None:
    table = bench.table([*(bench.record(f"r{n}", n) for n in range(30)), bench.record("at the end", 1000)], page=7)
    found = findings(bench, table)
    assert all(ok for ok, _ in found)
    assert "25 of 25 sample items have a time that reads as epochMillis" in found[2][1]
    assert "Query and BatchGetItem on table Records are allowed" in found[3][1]
    assert found[4][1] == "Study s has 30 records in [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:01.000Z)."


def test_counting_is_bounded(bench: Bench) -> None:
    table = bench.table([bench.record(f"r{n}", n) for n in range(50)], page=1)
    assert findings(bench, table)[-1][1].startswith("Study s has more than 20 records")
    assert len(table.names()) < 30


def test_a_misfit_is_the_only_finding(bench: Bench) -> None:
    ((ok, what),) = findings(bench, bench.table([]), index="other")
    assert (ok, "no index other" in what) == (False, True)


def test_samples_that_cannot_be_read_are_found_and_the_rest_is_still_looked_at(bench: Bench) -> None:
    table = bench.table([bench.record("r1", "yesterday")], types={"id": "S", "studyId": "S", "uploadedOn": "S"})
    found = findings(bench, table, timeType="iso8601")
    assert [ok for ok, _ in found] == [True, True, False, True, True]
    assert '"r1"' in found[2][1]


@pytest.mark.parametrize(
    ("texts", "others"),
    [
        (["2026-01-01T00:00:00.000Z"], 0),
        (["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.1Z"], 2),
    ],
)
def test_another_number_of_fraction_digits_is_said_and_no_fault(bench: Bench, texts: list[str], others: int) -> None:
    items = [bench.record(f"r{n}", text) for n, text in enumerate(texts)]
    table = bench.table(items, types={"id": "S", "studyId": "S", "uploadedOn": "S"})
    ok, what = findings(bench, table, timeType="iso8601")[2]
    assert ok
    assert ("timeFraction's 3" in what, f"{others} of them" in what) == (bool(others), bool(others))


def test_a_right_that_is_missing_is_found(bench: Bench) -> None:
    table = bench.table([bench.record("r1", 1)])
    failing(table, "query", "AccessDeniedException", 400)
    found = findings(bench, table)
    assert [ok for ok, _ in found] == [True, True, True, False, False]


def test_samples_without_study_or_time_are_found(bench: Bench) -> None:
    table = bench.table([{"id": {"S": "r"}}], projection=None)
    found = findings(bench, table, index=None)
    assert [what for ok, what in found if not ok] == [
        "None of 1 sample items has the attribute uploadedOn.",
        "None of 1 sample items has the attribute studyId.",
    ]
    assert "whole table is scanned" in found[1][1]
