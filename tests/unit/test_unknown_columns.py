"""What is done about attributes that a definition's list of columns does not name."""

import csv
import io
from typing import Any

import pytest

from tidegate.errors import FatalError
from tidegate.model import AttributeValue, ColumnSpec, Record
from tidegate.transcoding import ItemSpec
from tidegate.write import PartWriter, Written
from unit.part_samples import MemoryStore, definition, plain_record

SOURCE = {"type": "dynamodb", "table": "Records", "partitionKey": "studyId", "filter": {"live": [True]}}
NAMED: dict[str, AttributeValue] = {"studyId": {"S": "a"}, "live": {"BOOL": True}, "answers": {"M": {"q1": {"N": "1"}}}}
COLUMNS = ["id", {"from": "answers.q1", "as": "q1"}, {"value": "x", "as": "by"}]


def writer(store: MemoryStore, policy: str, **more: Any) -> PartWriter:
    document = {"source": SOURCE, "columns": COLUMNS, "unknownColumns": policy, "format": {"compression": "none"}}
    return PartWriter(definition(**document, **more), "exports/x/", "work/1/", store, ("id",), None)


def written(store: MemoryStore, policy: str, records: list[Record], **more: Any) -> Written:
    parts = writer(store, policy, **more)
    parts.add(records)
    return parts.finish()


def rows(store: MemoryStore, result: Written) -> list[list[list[str]]]:
    return [list(csv.reader(io.StringIO(store.plain(part).decode(), newline=""))) for part in result.parts]


def test_unknown_attributes_are_left_out_unless_it_is_said_otherwise() -> None:
    store = MemoryStore()
    result = written(store, "ignore", [plain_record(1, **NAMED, extra={"S": "e"})])
    assert rows(store, result) == [[["id", "q1", "by"], ["r000001", "1", "x"]]]


def test_appended_attributes_stand_behind_the_list_by_name() -> None:
    store = MemoryStore()
    result = written(store, "append", [plain_record(1, **NAMED, z={"S": "last"}), plain_record(2, extra={"N": "5"})])
    assert rows(store, result) == [
        [["id", "q1", "by", "extra", "z"], ["r000001", "1", "x", "", "last"], ["r000002", "", "x", "5", ""]]
    ]
    assert result.columns[""] == [
        {"name": "id", "type": "string"},
        {"name": "q1", "type": "number"},
        {"name": "by", "type": "string"},
        {"name": "extra", "type": "number"},
        {"name": "z", "type": "string"},
    ]


def test_a_later_record_with_a_further_attribute_starts_a_new_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.parts.DISCOVERY_RECORDS", 1)
    store = MemoryStore()
    extras: list[dict[str, AttributeValue]] = [{"b": {"S": "1"}}, {}, {"c": {"S": "2"}, "studyId": {"S": "a"}}]
    result = written(store, "append", [plain_record(number, **more) for number, more in enumerate(extras)])
    assert [part[0] for part in rows(store, result)] == [["id", "q1", "by", "b"], ["id", "q1", "by", "c"]]
    assert [part.records for part in result.parts] == [2, 1]
    assert [column["name"] for column in result.columns[""]] == ["id", "q1", "by", "b", "c"]


def test_an_appended_attribute_is_taken_by_its_name_and_never_as_a_path() -> None:
    store = MemoryStore()
    records = [plain_record(1, **{"x.y": {"S": "named"}}), plain_record(2, x={"M": {"y": {"S": "inside"}}})]
    (part,) = rows(store, written(store, "append", records))
    assert part == [
        ["id", "q1", "by", "x", "x.y"],
        ["r000001", "", "x", "", "named"],
        ["r000002", "", "x", '{"y":"inside"}', ""],
    ]


def test_what_is_called_like_a_column_of_the_list_cannot_be_appended() -> None:
    with pytest.raises(
        FatalError, match='attribute "by" cannot be appended to the columns of export default'
    ) as caught:
        written(MemoryStore(), "append", [plain_record(1, by={"S": "someone"})])
    assert caught.value.code == "COLUMN_NAME_TAKEN"


def test_an_unknown_attribute_fails_the_operation_and_names_itself_and_a_record() -> None:
    records = [plain_record(1, **NAMED), plain_record(2, zeta={"S": "secret"}, beta={"S": "secret"})]
    with pytest.raises(FatalError) as caught:
        written(MemoryStore(), "fail", records)
    error = caught.value
    assert error.code == "UNKNOWN_COLUMN"
    assert error.message == (
        'A record has the attribute "beta", which the columns of export default do not name, and its unknownColumns is'
        " fail."
    )
    assert error.remedy.startswith('It is in the record "r000002", for one.')
    assert "secret" not in f"{error.message}{error.remedy}"


@pytest.mark.parametrize("table_by", [[], ["kind"]])
def test_what_the_definition_names_anywhere_is_not_unknown(table_by: list[str]) -> None:
    store = MemoryStore()
    more = {"kind": {"S": "k"}} if table_by else {}
    assert written(store, "fail", [plain_record(1, **NAMED, **more)], tableBy=table_by).records == 1


@pytest.mark.parametrize("policy", ["append", "fail"])
def test_what_is_named_anywhere_is_passed_over_by_the_native_library(policy: str) -> None:
    plan = writer(MemoryStore(), policy)._plan
    assert plan.items == ItemSpec(("id",), "uploadedOn", "epochMillis", None)
    spec = plan.row_spec((ColumnSpec("id", "id"),), ("id", "extra"))
    assert spec is not None
    assert (spec.columns, spec.others) == ((("id", "id"), ("extra", "extra")), False)
    assert {"studyId", "live", "answers", "uploadedOn"} <= spec.ignored
