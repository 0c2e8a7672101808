"""A small export that is interrupted around its seal, and the chain that must come of it all the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration.faults import Call, Crash, Faults, away
from integration.world import World
from tidegate.engine import Verdict
from tidegate.errors import TidegateError
from tidegate.instants import rfc3339
from tidegate.job import QUEUE_VISIBILITY_SECONDS

END = datetime(2026, 3, 10, 11, tzinfo=UTC)
BODY: dict[str, Any] = {"exportType": "DAILY", "endDateTime": rfc3339(END)}
LATER: dict[str, Any] = {"exportType": "HOURLY", "endDateTime": rfc3339(END + timedelta(minutes=30))}


def put(world: World, study: str = "a") -> list[str]:
    """A study with two records before END and one behind it; their ids."""
    world.put_study(study, usesCustomExportSchedule=study != "a")
    return world.put_records(study, [END - timedelta(hours=2), END - timedelta(hours=1), END + timedelta(minutes=1)])


def recover(world: World) -> None:
    """Let lease and message of a dead worker run out, and work until quiet."""
    world.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
    world.work()


def committed(world: World, study: str) -> Iterator[dict[str, Any]]:
    """The manifests of a study in the chain's order; asserts that the chain holds."""
    before: tuple[str, bytes] | None = None
    end: str | None = None
    for key in (key for key in world.keys("exports/") if f"/study={study}/" in key and key.endswith("/manifest.json")):
        (manifest,) = [m for m in world.manifests(study) if key.startswith(key_of(m))]
        previous = manifest["previousManifest"]
        if before is None:
            assert previous is None
        else:
            assert previous == {"key": before[0], "sha256": hashlib.sha256(before[1]).hexdigest()}
            assert manifest["window"]["start"] == end
        for part in manifest["parts"]:
            data = world.data(part["key"])
            assert (len(data), hashlib.sha256(data).hexdigest()) == (part["bytes"], part["sha256"])
        before, end = (key, world.data(key)), manifest["window"]["end"]
        yield manifest


def key_of(manifest: dict[str, Any]) -> str:
    start, end = (manifest["window"][name].replace("-", "").replace(":", "") for name in ("start", "end"))
    return f"exports/export=default/study={manifest['study']}/dt={manifest['window']['end'][:10]}/{start}_{end}/"


def invoke(world: World) -> Verdict | None:
    """One invocation that may end with an error, as Lambda's may."""
    try:
        return world.work_once()
    except (TidegateError, ClientError, type(away())):
        return None


def sealed_and_dead(world: World, faults: Faults, **body: Any) -> str:
    """An operation whose worker died just after its seal."""
    (operation_id,) = world.submit(**body)
    die_at(faults, lambda call: call.name == "TransactWriteItems")
    with pytest.raises(Crash):
        world.work_once()
    faults.clear()
    return operation_id


def die_at(faults: Faults, wanted: Callable[[Call], bool]) -> None:
    def die(_number: int, call: Call) -> None:
        if wanted(call):
            raise Crash(call.name)

    faults.after = die
