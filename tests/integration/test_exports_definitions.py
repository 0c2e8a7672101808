"""Stored definitions: versions, what is frozen at acceptance, and what a definition's fields do to files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integration.world import DEFAULT, NOON, World
from tidegate.errors import RejectedError
from tidegate.model import State

BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": "2026-03-10T11:00:00Z"}
TIMES = [NOON - timedelta(hours=h) for h in (5, 4, 3)]


def test_each_put_makes_a_version_and_the_same_document_again_makes_none(world: World) -> None:
    world.define("e")
    world.define("e")
    world.define("e", settleSeconds=5)
    world.define("e")
    service = world.stack.service()
    newest = service.export("e")
    assert newest is not None
    assert newest.version == 3
    events = list(world.stack.ledger.history.query("config/e"))
    assert [(event.event, event.details["version"]) for event in events] == [
        ("EXPORT_PUT", version) for version in (1, 2, 3)
    ]
    assert [definition.export for definition in service.exports()] == ["default", "e"]


def test_a_bad_definition_is_refused_and_nothing_is_stored(world: World) -> None:
    with pytest.raises(RejectedError, match="settleSecond"):
        world.define("e", settleSecond=5)
    assert world.stack.service().export("e") is None


def test_an_operation_uses_the_version_that_was_current_when_it_was_accepted(world: World) -> None:
    world.put_study("a")
    world.put_records("a", TIMES)
    world.define("e", columns=["id"])
    first = world.submit(**BODY, export="e")
    world.define("e", columns=["uploadedOn"])
    world.work()
    (manifest,) = world.manifests("a")
    assert [column["name"] for column in manifest["columns"][""]] == ["id"]
    assert world.operation(first[0]).params["definitionVersion"] == 1


def test_a_repeat_of_acceptance_keeps_the_version_of_the_first(world: World) -> None:
    world.put_study("a")
    world.define("e")
    first = world.submit(**BODY, export="e", requestId="r")
    world.define("e", studies=["b"])
    assert world.submit(**BODY, export="e", requestId="r") == first


def test_an_item_named_default_takes_the_place_of_the_templates_parameters(world: World) -> None:
    world.put_study("a")
    world.put_records("a", TIMES)
    world.define("default", format={"type": "CSV", "compression": "gzip"})
    world.export(**BODY)
    (manifest,) = world.manifests("a")
    assert manifest["parts"][0]["key"].endswith("/part-00001.csv.gz")


def test_only_the_studies_of_a_definition_take_part(world: World) -> None:
    for study in "abc":
        world.put_study(study)
    world.define("e", studies=["a", "c", "unknown"])
    assert [o.study for o in world.export(**BODY, export="e")] == ["a", "c"]
    with pytest.raises(RejectedError, match="UNKNOWN_STUDY"):
        world.submit(**BODY, export="e", studyWhitelist=["b"])


def test_records_are_split_by_table_and_those_without_one_are_in_none(world: World) -> None:
    world.put_study("a")
    world.define("e", tableBy=["schemaId"])
    world.put_records("a", TIMES[:1], schemaId={"S": "steps/1"})
    world.put_records("a", TIMES[1:2])
    world.export(**BODY, export="e")
    (manifest,) = world.manifests("a")
    names = {part["table"]: part["key"].split("/")[-2] for part in manifest["parts"]}
    assert names == {"_none": "table=_none", "steps/1": "table=steps%2F1"}


def test_parts_are_cut_by_records_and_stay_in_the_order_of_time(world: World) -> None:
    world.put_study("a")
    ids = world.put_records("a", reversed(TIMES))
    world.define("e", maxRecordsPerPart=2)
    world.export(**BODY, export="e")
    (manifest,) = world.manifests("a")
    assert [part["records"] for part in manifest["parts"]] == [2, 1]
    assert world.exported_ids("a") == ids[::-1]


def test_a_strict_row_limit_fails_before_anything_is_delivered(world: World) -> None:
    world.put_study("a")
    world.put_records("a", TIMES)
    world.define("e", rowLimit=2)
    (operation,) = world.export(**BODY, export="e")
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "ROW_LIMIT")
    assert world.keys("") == []
    assert world.watermark("a", "e") is None


@pytest.mark.parametrize(("policy", "parts"), [("none", 0), ("header", 1)])
def test_an_empty_window_has_a_manifest_and_a_part_only_where_the_policy_wants_one(
    world: World, policy: str, parts: int
) -> None:
    world.put_study("a")
    world.define("e", emptyPolicy=policy, format={"type": "CSV", "compression": "none"}, columns=["id", "score"])
    world.export(**BODY, export="e")
    (manifest,) = world.manifests("a")
    assert (manifest["records"], len(manifest["parts"])) == (0, parts)
    assert [world.text(part["key"]) for part in manifest["parts"]] == ["id,score\r\n"] * parts


def test_study_and_table_are_percent_encoded_in_keys_and_whole_in_the_manifest(world: World) -> None:
    study = "å b~1=%"
    world.put_study(study)
    world.put_records(study, TIMES[:1])
    world.export(**BODY)
    (manifest,) = world.manifests()
    assert manifest["study"] == study
    assert "/study=%C3%A5%20b%7E1%3D%25/" in manifest["parts"][0]["key"]
    assert world.watermark(study) is not None


def test_the_settle_time_of_a_definition_counts(world: World) -> None:
    world.put_study("a")
    world.define("e", settleSeconds=3600)
    (operation_id,) = world.submit(exportType="DAILY", endDateTime="2026-03-10T11:30:00Z", export="e")
    operation = world.operation(operation_id)
    assert (operation.state, operation.start_after) == (State.SLEEPING, NOON + timedelta(minutes=30))
    assert DEFAULT["settleSeconds"] == 60
