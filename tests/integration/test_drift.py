"""Columns that change from window to window: told by manifest, operation and log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration.world import NOON, World
from tidegate.instants import rfc3339
from tidegate.model import Operation, Pair, State
from tidegate.store.pairs import LARGEST_COLUMNS


def hour(world: World, number: int, **attributes: Any) -> Operation:
    """Export the hour of that number; with attributes it has a record that has them."""
    end = NOON + timedelta(hours=number)
    world.clock.now = end + timedelta(minutes=10)
    if attributes:
        world.put_records("a", [end - timedelta(minutes=30)], **attributes)
    (done,) = world.export(exportType="HOURLY", endDateTime=rfc3339(end))
    assert done.state is State.SUCCEEDED
    return done


def told(world: World) -> list[Any]:
    return [manifest.get("drift") for manifest in world.manifests("a")]


@pytest.fixture
def study(world: World) -> World:
    world.put_study("a")
    return world


def test_a_change_is_told_against_the_last_window_that_had_records(study: World) -> None:
    hour(study, 0, age={"S": "41"}, left={"BOOL": True})
    hour(study, 1)
    hour(study, 2, age={"NULL": True}, left={"BOOL": True})
    done = hour(study, 3, age={"N": "41"}, dose={"N": "5"})
    hour(study, 4, age={"N": "41"}, dose={"N": "6"})
    changed = {
        "new": ["dose"],
        "gone": ["left"],
        "retyped": [{"name": "age", "before": "string", "after": "number"}],
    }
    assert told(study) == [None, None, None, {"": changed}, None]
    assert done.result is not None
    assert done.result["drift"] == {"new": 1, "gone": 1, "retyped": 1}
    assert done.log[-1][1].endswith("; columns changed: 1 new (dose), 1 gone (left), 1 of another type (age)")


def test_a_reexport_is_compared_with_nothing_and_changes_nothing_that_is_known(study: World) -> None:
    hour(study, 0, age={"S": "41"})
    study.put_records("a", [NOON - timedelta(minutes=40)], other={"S": "x"})
    study.export(exportType="HOURLY", endDateTime=rfc3339(NOON), ignoreLastExportTime=True)
    hour(study, 1, age={"S": "41"})
    assert told(study) == [None] * 3


def test_a_new_chain_begins_with_nothing_known(study: World) -> None:
    hour(study, 0, age={"S": "41"})
    study.set_watermark("a", NOON + timedelta(minutes=1))
    hour(study, 1, dose={"S": "41"})
    assert told(study) == [None, None]


@pytest.mark.parametrize("count", [0, 1000])
def test_what_the_chain_head_does_not_carry_is_read_from_the_manifest_before(study: World, count: int) -> None:
    many = {f"{number:04x}{hash_of(number)}": {"S": "x"} for number in range(count)}
    hour(study, 0, age={"S": "41"}, **many)
    head = study.stack.ledger.pairs.standing(Pair("default", "a")).head
    assert head is not None
    assert (head.columns is None) == (count > 0)
    if not count:
        forget_columns(study)
    hour(study, 1, age={"N": "41"}, **many)
    assert told(study)[1] == {
        "": {"new": [], "gone": [], "retyped": [{"name": "age", "before": "string", "after": "number"}]}
    }


def test_a_manifest_that_is_gone_is_no_reason_to_fail(study: World) -> None:
    hour(study, 0, age={"S": "41"})
    forget_columns(study)
    (key,) = (manifest for manifest in study.keys("exports/") if manifest.endswith("manifest.json"))
    study.stack.objects.remove([key])
    hour(study, 1, age={"N": "41"})
    assert told(study) == [None]


def hash_of(number: int) -> str:
    """Text that does not compress."""
    return f"{number * 2654435761 % 2**64:016x}{number * 40503 % 65521:04x}"


def forget_columns(world: World) -> None:
    """As a head that an earlier version has written."""
    world.stack.clients.dynamodb.update_item(
        TableName=world.stack.settings.pair_table,
        Key={"pair": {"S": "default/a"}},
        UpdateExpression="REMOVE headColumns",
    )


def test_a_head_carries_no_more_than_its_row_should(study: World) -> None:
    hour(study, 0, **{f"{number:04x}{hash_of(number)}": {"S": "x"} for number in range(1000)})
    row = study.stack.clients.dynamodb.get_item(
        TableName=study.stack.settings.pair_table, Key={"pair": {"S": "default/a"}}
    )["Item"]
    assert len(str(row)) < LARGEST_COLUMNS
