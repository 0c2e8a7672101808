"""Acceptance can crash at every AWS call and be repeated with the same operations (SPEC 2, "Once")."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from integration.faults import Faults, away
from integration.world import NOON, World
from tidegate.errors import RejectedError, RetriableError
from tidegate.model import State

BODY: dict[str, Any] = {"exportType": "INSTANT", "requestId": "once"}


def put_two(world: World) -> dict[str, list[str]]:
    """Two studies with a record each; the records' ids by study."""
    for study in "ab":
        world.put_study(study)
    return {study: world.put_records(study, [NOON - timedelta(hours=1)]) for study in "ab"}


def test_acceptance_that_crashes_at_any_call_is_repeated_with_the_same_operations(world: World, faults: Faults) -> None:
    records = put_two(world)
    accepted: list[str] = []
    number, crashes = 0, 0
    while True:
        number += 1
        body = {**BODY, "requestId": f"r{number}"}
        with faults.crash_after(number) as died:
            world.submit(**body)
        if not died:
            break
        crashes += 1
        world.clock.tick(seconds=720)
        world.put_study(f"late-{number}", usesCustomExportSchedule=True)
        ids = world.submit(**body)
        assert world.submit(**body) == ids, f"crashed at {died[0].name}"
        found = [world.operation(i) for i in ids]
        assert [operation.study for operation in found] == ["a", "b"]
        assert len({operation.params["end"] for operation in found}) == 1
        accepted += ids
    assert crashes >= 8
    made = [o.operation_id for o in world.stack.service().operations(limit=None) if o.request_id != f"r{number}"]
    assert sorted(made) == sorted(accepted)
    world.work()
    assert world.states() == {State.SUCCEEDED}
    for study in "ab":
        assert Counter(world.exported_ids(study)) == Counter(records[study])


def test_an_override_that_crashes_at_any_call_is_repeated_with_its_operations(world: World, faults: Faults) -> None:
    put_two(world)
    key = "ids.txt"
    world.stack.objects.put(key, "\n".join(["a-000001", "b-000002", "gone"]).encode())
    number = 0
    while True:
        number += 1
        body: dict[str, Any] = {"recordIdS3Override": key, "requestId": f"o{number}"}
        with faults.crash_after(number) as died:
            world.submit(**body)
        if not died:
            break
        world.clock.tick(seconds=720)
        ids = world.submit(**body)
        assert [world.operation(i).study for i in ids] == ["a", "b", None], f"crashed at {died[0].name}"
    assert number > 8


def test_a_refusal_that_crashes_at_any_call_is_repeated_without_losing_the_body(world: World, faults: Faults) -> None:
    number = 0
    while True:
        number += 1
        body: dict[str, Any] = {"exportType": "INSTANT", "export": "none", "tag": f"t{number}"}
        with faults.crash_after(number) as died, pytest.raises(RejectedError):
            world.submit(message_id=f"m{number}", **body)
        with pytest.raises(RejectedError):
            world.submit(message_id=f"m{number}", **body)
        rejected = [o for o in world.stack.service().operations(limit=None) if o.request_id == f"m{number}"]
        assert [o.state for o in rejected] == [State.REJECTED]
        assert any(f't{number}"' in letter["Body"] for letter in world.dead_requests())
        world.clock.tick(minutes=2)
        world.stack.clients.sqs.purge_queue(QueueUrl=world.stack.settings.request_dlq_url)
        if not died:
            break
    assert number > 2


def test_the_same_request_accepted_twice_at_the_same_time_makes_one_set_of_operations(world: World) -> None:
    put_two(world)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: world.submit(**BODY), range(4)))
    assert len({tuple(ids) for ids in answers}) == 1
    assert len(world.stack.service().operations(limit=None)) == 2
    assert len(world.work()) == 2


def test_a_queue_that_takes_no_message_leaves_the_request_to_be_repeated(world: World, faults: Faults) -> None:
    put_two(world)
    faults.fail(lambda call: call.name == "SendMessageBatch", away())
    with pytest.raises(RetriableError):
        world.submit(**BODY)
    ids = world.submit(**BODY)
    world.work()
    assert {world.operation(i).state for i in ids} == {State.SUCCEEDED}


def test_a_request_that_crashed_before_it_was_sent_is_rescued_by_the_tick(world: World, faults: Faults) -> None:
    put_two(world)
    faults.fail(lambda call: call.name == "SendMessageBatch", away())
    with pytest.raises(RetriableError):
        world.submit(**BODY)
    world.clock.tick(hours=1)
    assert world.stack.upkeep().run(world.clock()).sent_again == 2
    world.work()
    assert world.states() == {State.SUCCEEDED}
