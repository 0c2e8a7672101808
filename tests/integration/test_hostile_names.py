"""Studies, tables, tags and ids that try to get out of their place: every object stays in its own."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from integration.world import NOON, World
from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.model import State
from tidegate.sweep import sweep_memories, sweep_orphans

END = NOON - timedelta(hours=1)
STUDIES = ["..", "%2e%2e", "..%2F..%2Fwork", "..\\..", "dt=2026-03-10", "a?versionId=1", "\x00", "\u202ea", "study=a"]
TABLES = [
    "..",
    "../../../x",
    "/etc/passwd",
    "%2e%2e%2f",
    "\x00",
    "a/manifest.json",
    "\r\n",
    "x" * 3000,
    "\U0001f980" * 200,
]
TEXTS = ["../../exports/x", "/", "..", "%2e%2e/", "\n"]
DECOYS = ["in/x", "exports/x", "exports/export=tables/x", "exports/export=tables/study=../x", "exportsx", "work"]


def test_whatever_studies_and_tables_are_called_each_object_lies_in_the_folder_of_its_own_study(world: World) -> None:
    world.define("tables", tableBy=["table"])
    for study in STUDIES:
        world.put_study(study)
        for table in TABLES:
            world.put_records(study, [END - timedelta(minutes=5)], table={"S": table})
    for key in DECOYS:
        world.stack.objects.put(key, b"not ours")
    asked = world.export(
        exportType="DAILY", endDateTime=rfc3339(END), export="tables", tag=TEXTS[0], requestId="../../work/x"
    )
    assert {operation.state for operation in asked} == {State.SUCCEEDED}
    folders = [f"exports/export=tables/study={quote(study, safe='')}/dt=2026-03-10/" for study in STUDIES]
    ours = [key for key in world.keys("") if key not in DECOYS]
    for study, folder in zip(STUDIES, folders, strict=True):
        (manifest,) = world.manifests(study)
        assert len({part["key"] for part in manifest["parts"]}) == len(TABLES)
        mine = {part["key"] for part in manifest["parts"]} | {
            f"{folder}20260309T110000.000Z_20260310T110000.000Z/manifest.json"
        }
        assert {key for key in ours if key.startswith(folder)} == mine
        assert all(key.count("/") == (6 if "table=" in key else 5) for key in mine)
    memories = [f"lookback/export=tables/study={quote(study, safe='')}/20260310T110000.000Z_" for study in STUDIES]
    assert [sum(key.startswith(memory) for key in ours) for memory in memories] == [1] * len(STUDIES)
    assert all(key.startswith((*folders, *memories)) for key in ours)
    world.clock.tick(hours=1)
    before = world.keys("")
    assert sweep_orphans(world.stack.ledger, world.stack.objects, END - timedelta(days=2), world.clock()) == 0
    assert sweep_memories(world.stack.ledger, world.stack.objects, world.clock()) == 0
    assert world.keys("") == before


@pytest.mark.parametrize("text", TEXTS)
def test_whatever_ids_and_requests_are_called_the_lists_of_an_override_lie_in_their_own_places(
    world: World, text: str
) -> None:
    world.put_study("a")
    (found,) = world.put_records("a", [END])
    world.stack.objects.put("in/ids.txt", "\n".join([found, json.dumps({"key": [text]})]).encode())
    world.export(recordIdS3Override="in/ids.txt", requestId=text, tag=text)
    for key in world.keys(""):
        assert key.startswith(
            ("in/ids.txt", "work/requests/", "failed/", "exports/export=default/study=a/dt=2026-03-10/override=")
        )
        assert ".." not in key
    assert world.exported_ids("a") == [found]


@pytest.mark.parametrize(
    "export", ["..", "../default", "%2e%2e", "a/b", "default/", "", "DEFAULT", "x" * 65, "default\n"]
)
def test_an_export_that_is_called_otherwise_than_ids_may_be_is_refused_before_anything_is_written(
    world: World, export: str
) -> None:
    world.put_study("a")
    with pytest.raises(RejectedError):
        world.submit(exportType="INSTANT", export=export)
    with pytest.raises(RejectedError):
        world.define(export)
    assert world.keys("") == []


def test_an_override_of_a_name_that_only_looks_like_an_allowed_bucket_never_reaches_s3(world: World) -> None:
    asked: list[str] = []
    world.stack.clients.s3.meta.events.register(
        "provide-client-params.s3", lambda params, **_: asked.append(params["Bucket"])
    )
    for bucket in ("Exports-Test", "exports-test@stranger", "stranger", "arn:aws:s3:::exports-test", "x" * 200_000):
        with pytest.raises(RejectedError) as caught:
            world.submit(recordIdS3Override=f"s3://{bucket}/ids.txt")
        assert len(caught.value.message) < 1000
    assert asked == []
    assert world.states() == {State.REJECTED}
