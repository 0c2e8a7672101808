from datetime import timedelta
from integration.world import NOON, World

def test_try(world: World) -> None:
    world.put_study("a")
    world.put_records("a", [NOON - timedelta(hours=2)], note={"S": "x \ud800"})
    world.put_records("a", [NOON - timedelta(hours=2)], note={"S": "fine"})
    (op,) = world.export(exportType="DAILY", endDateTime="2026-03-10T11:00:00Z")
    print(op)
    for k in world.keys(): print(k, world.text(k))
    assert 0
