"""Parquet through whole operations: the same column types in every window of a chain, and what becomes of misfits."""

from __future__ import annotations

import io
import json
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyarrow import parquet

from integration.world import DEFAULT, NOON, World
from tidegate.instants import rfc3339
from tidegate.model import State


@pytest.fixture
def chain(world: World) -> World:
    world.put_study("a")
    define(world)
    return world


def define(world: World, **form: Any) -> None:
    source = {"type": "dynamodb", **DEFAULT["source"], "table": "Record"}
    document = {**DEFAULT, "exportId": "default", "source": source, "format": {"type": "Parquet", **form}}
    world.stack.service().put_export(document, None, world.clock())


def window(world: World, hour: int, **attributes: Any) -> dict[str, Any]:
    """Export the hour before so many hours before noon, with one record if it has attributes; its manifest."""
    if attributes:
        world.put_records("a", [NOON - timedelta(hours=hour, minutes=30)], **attributes)
    (operation,) = world.export(exportType="HOURLY", endDateTime=rfc3339(NOON - timedelta(hours=hour)))
    assert operation.state is State.SUCCEEDED, operation.error
    assert operation.result is not None
    found: dict[str, Any] = json.loads(world.text(operation.result["manifest"]["key"]))
    return found


def schema_of(world: World, manifest: dict[str, Any]) -> dict[str, str]:
    """The types that a reader sees, by column."""
    (part,) = manifest["parts"]
    schema = parquet.read_schema(io.BytesIO(world.data(part["key"])))
    return {name: str(schema.field(name).type) for name in schema.names}


def test_the_types_of_the_first_window_are_those_of_every_later_one(chain: World) -> None:
    first = window(chain, 5, amount={"N": "1.50"}, flag={"BOOL": True}, note={"NULL": True})
    window(chain, 4)
    third = window(chain, 3, amount={"NULL": True}, flag={"BOOL": False}, note={"N": "12"})
    fourth = window(chain, 2, amount={"N": "7"}, note={"S": "x"}, more={"BOOL": True})
    expected = {
        "id": "string", "uploadedOn": "timestamp[us, tz=UTC]", "amount": "decimal128(38, 18)", "flag": "bool",
        "note": "string", "studyId": "string",
    }  # fmt: skip
    assert schema_of(chain, first) == schema_of(chain, third) == expected
    assert schema_of(chain, fourth) == {**{k: v for k, v in expected.items() if k != "flag"}, "more": "bool"}
    assert fourth["schema"][""] == {
        "id": "text", "uploadedOn": "timestamp(epochMillis)", "amount": "decimal(38,18)", "flag": "boolean",
        "note": "text", "studyId": "text", "more": "boolean",
    }  # fmt: skip
    (row,) = chain.rows(fourth)
    assert (row["amount"], row["uploadedOn"]) == (Decimal(7), (NOON - timedelta(hours=2, minutes=30)).astimezone(UTC))


def test_a_re_export_has_the_types_of_the_chain_too(chain: World) -> None:
    window(chain, 5, amount={"N": "1.5"})
    window(chain, 4, amount={"N": "2"})
    (operation,) = chain.export(
        exportType="HOURLY", endDateTime=rfc3339(NOON - timedelta(hours=4)), ignoreLastExportTime=True
    )
    assert operation.result is not None
    again = json.loads(chain.text(operation.result["manifest"]["key"]))
    assert schema_of(chain, again)["amount"] == "decimal128(38, 18)"


def test_a_value_that_does_not_fit_is_listed_with_its_column_and_the_others_are_exported(chain: World) -> None:
    window(chain, 5, amount={"N": "1.5"})
    chain.put_records("a", [NOON - timedelta(hours=4, minutes=40)], amount={"S": "lots"})
    second = window(chain, 4, amount={"N": "2"})
    assert (second["records"], second["failedRecords"]["count"]) == (1, 1)
    (line,) = chain.text(second["failedRecords"]["key"]).splitlines()
    listed = json.loads(line)
    assert listed["errorCode"] == "UNWRITABLE_VALUE"
    assert listed["reason"] == (
        'cannot be written as Parquet: column "amount" holds a value that does not fit its type decimal(38,18)'
    )
    assert "lots" not in line


def test_a_type_that_is_declared_later_counts_from_the_next_window_on(chain: World) -> None:
    window(chain, 5, amount={"N": "1.5"})
    define(chain, schema={"amount": "text"})
    second = window(chain, 4, amount={"S": "lots"})
    define(chain)
    third = window(chain, 3, amount={"N": "3"})
    assert [schema_of(chain, one)["amount"] for one in (second, third)] == ["string", "string"]


def test_without_the_last_manifest_types_are_found_out_anew_and_that_is_logged(
    chain: World, caplog: pytest.LogCaptureFixture
) -> None:
    window(chain, 5, amount={"N": "1.5"})
    (key,) = [key for key in chain.keys() if key.endswith("manifest.json")]  # noqa: SIM118 - a method, no mapping
    chain.stack.objects.remove([key])
    second = window(chain, 4, amount={"S": "lots"})
    assert schema_of(chain, second)["amount"] == "string"
    assert "column types are found out anew: the last manifest is gone" in caplog.text
