"""Whatever the order and kind of requests, and whatever fails among them: no gap, no overlap, every record once."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import pytest

from integration.faults import Call, Faults, away, refused
from integration.world import NOON, World
from tidegate.instants import rfc3339


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_committed_windows_tile_time_and_hold_every_record_once(world: World, faults: Faults, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  a test that can be repeated, no secret
    world.put_study("a")
    first = NOON - timedelta(days=2)
    minutes = sorted(chance.sample(range(2 * 24 * 60 - 120), 30))
    ids = world.put_records("a", [first + timedelta(minutes=minute) for minute in minutes])
    world.set_watermark("a", first)
    for _ in range(14):
        end = first + timedelta(minutes=chance.randrange(2 * 24 * 60))
        export_type = chance.choice(["DAILY", "HOURLY", "INSTANT"])
        ignore = chance.random() < 0.2
        break_one(faults, chance)
        world.submit(exportType=export_type, endDateTime=rfc3339(end), ignoreLastExportTime=ignore)
        if chance.random() < 0.7:
            world.work()
            world.clock.tick(seconds=100)
    faults.clear()
    world.clock.tick(minutes=10)
    world.export(exportType="INSTANT", endDateTime=rfc3339(NOON))
    world.clock.tick(seconds=2)
    world.work()
    chain = [manifest for manifest in world.manifests("a") if manifest["watermark"]["after"] is not None]
    windows = [(manifest["window"]["start"], manifest["window"]["end"]) for manifest in chain]
    assert windows[0][0] == rfc3339(first)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(windows))
    assert windows[-1][1] == rfc3339(NOON)
    assert [row["id"] for manifest in chain for row in world.rows(manifest)] == ids
    assert world.watermark("a") == NOON


def break_one(faults: Faults, chance: random.Random) -> None:
    """Let one call of the export fail, for a while or for good, before its effect; or let none fail."""
    name = chance.choice(["Query", "CopyObject", "PutObject", "none", "none"])

    def wanted(call: Call) -> bool:
        mine = "work/" in str(call.params) or "exports/" in str(call.params) or call.names("Record")
        return call.name == name and mine

    error = away() if chance.random() < 0.5 else refused("AccessDenied", name, status=403)
    faults.clear()
    faults.fail(wanted, error)
