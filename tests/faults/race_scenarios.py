"""The races: who meets whom, and what must hold beyond what always holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

from faults import invariants, picture
from faults.crash_account import Account, skewed
from faults.crash_handlers import handler
from faults.crash_material import END, daily, records
from faults.picture import Picture
from faults.race import Actors, Race, Write
from integration.handlers import Context
from tidegate.instants import to_millis
from tidegate.model import Pair, State

A = Pair("default", "a")
LATER = 30


def _accepted(account: Account, *bodies: Mapping[str, Any]) -> None:
    account.world.put_study("a")
    records(account, "a", range(80, 0, -20))
    records(account, "a", range(-5, -6, -1))
    account.pass_time(minutes=LATER + 1)
    for body in bodies:
        account.request(**body)
    while account.accept():
        pass


def _first_message(account: Account) -> Mapping[str, Any]:
    url = account.world.stack.settings.work_queue_url
    (message,) = account.world.stack.clients.sqs.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["MessageDeduplicationId"]
    )["Messages"]
    return message


def _redelivered(account: Account) -> None:
    """The message comes back to another worker when it has been invisible for long enough."""
    account.pass_time(seconds=100)
    if not account.work():
        account.pass_time(seconds=1800)
    account.drain()


def _expired_lease(account: Account) -> Actors:
    _accepted(account, daily())
    message = _first_message(account)
    return {"old worker": lambda: account.work_on(message), "new worker": lambda: _redelivered(account)}


def _older_last(account: Account) -> Actors:
    """The old worker has the first request; the new one does it again and then the next, which ends later."""
    _accepted(account, daily(), daily("later", LATER))
    message = _first_message(account)
    return {"old worker": lambda: account.work_on(message), "new worker": lambda: _redelivered(account)}


def _retried(account: Account) -> Actors:
    """A failed operation is retried by a person while a later request of the same study is being worked on."""
    _accepted(account, daily())
    message = _first_message(account)
    account.world.stack.clients.sqs.delete_message(
        QueueUrl=account.world.stack.settings.work_queue_url, ReceiptHandle=message["ReceiptHandle"]
    )
    operation = account.world.operation(json.loads(message["Body"])["operationId"])
    account.world.stack.ledger.close(operation, State.FAILED, account.world.clock(), "failed by the test")
    account.request(**daily("later", LATER))
    order = {"retry": {"operationId": operation.operation_id, "dispatch": operation.dispatch}}

    def retry() -> None:
        account.invoke("intake", lambda _process: handler("intake")(order, Context("intake")))
        account.work()

    return {"person": retry, "worker": account.drain}


def _identical(account: Account) -> Actors:
    """One request, delivered twice at once, to two intakes and two workers."""
    _accepted(account)
    for _ in range(2):
        account.request(**daily())

    def intake_and_worker() -> None:
        account.accept(most=1)
        account.work()

    return {"first": intake_and_worker, "second": intake_and_worker}


def _forced(account: Account) -> Actors:
    """Somebody moves the watermark back by force while it is being moved on."""
    account.world.set_watermark("a", END - timedelta(minutes=50))
    _accepted(account, daily())
    message = _first_message(account)
    watermarking, clock = account.world.stack.watermarking(), account.world.clock

    def move(_process: object) -> None:
        change = watermarking.plan(A, END - timedelta(minutes=70), clock())
        watermarking.apply(change, reason="a test", actor="operator", force=True, now=clock())

    return {"worker": lambda: account.work_on(message), "operator": lambda: account.invoke("operator", move)}


def _moved_from_where_it_stood(account: Account, picture: Picture, writes: list[Write]) -> list[str]:
    """Each move by a worker began where the watermark stood just before, and the last value is the last mover's."""
    moves = {(_before(manifest), manifest.end) for manifest in invariants.committed(picture)}
    problems = []
    for was, now in pairwise(writes):
        if now.actor != "operator" and (was.value, now.value) not in moves:
            problems.append(f"{now.actor} moved the watermark from {was.value} to {now.value}, and no manifest says so")
    key = {"studyId": {"S": "a"}}
    item = account.world.stack.clients.dynamodb.get_item(TableName="ExportTime", Key=key)["Item"]
    ends = {move[1] for move in moves} | {to_millis(END - timedelta(minutes=70))}
    if int(item["lastExportDateTime"]["N"]) not in ends:
        problems.append(f"the watermark is {item}, which nobody set")
    return problems


def _before(manifest: picture.Manifest) -> int | None:
    before = manifest.content["watermark"]["before"]
    return None if before is None else picture.millis(before)


def _deleted(account: Account) -> Actors:
    """The study is deleted, the tick forgets it, and it is made anew, all while its export runs."""
    _accepted(account, daily())
    message = _first_message(account)

    def delete() -> None:
        account.world.delete_study("a")
        account.pass_time(minutes=account.world.clock().minute % 2)
        account.tick()
        account.world.put_study("a")

    return {"worker": lambda: account.work_on(message), "deleter": delete}


def _no_watermark_of_before(account: Account, picture: Picture, writes: list[Write]) -> list[str]:
    """Once the study was forgotten, nobody brings its watermark back."""
    gone = [n for n, write in enumerate(writes) if write.value is None and n]
    back = [write for n, write in enumerate(writes) if gone and n > gone[0] and write.value is not None]
    left = [row for row in picture.tables["ExportTime"] if row["studyId"] == "a"]
    committed = {manifest.end for manifest in invariants.committed(picture)}
    problems = [f"{write.actor} brought the watermark of a deleted study back" for write in back]
    if left and account.world.operation(_only_operation(picture)).state is not State.SUCCEEDED:
        problems.append(f"the watermark {left} is of no export: {committed}")
    return problems


def _only_operation(picture: Picture) -> str:
    (operation_id,) = picture.operations
    return operation_id


def _clocks_apart(account: Account) -> Actors:
    """The message is delivered twice, and the second worker's clock is ahead: it takes a lease that has not run out."""
    _accepted(account, daily())
    message = _first_message(account)

    def ahead() -> None:
        account.pass_time(seconds=65)
        account.work_on(message, skewed(account, timedelta(seconds=30)))

    return {"on time": lambda: account.work_on(message), "ahead": ahead}


def _sent_again(account: Account) -> Actors:
    """The tick takes a living worker for silent and sends its message again."""
    _accepted(account, daily())
    message = _first_message(account)

    def tick_and_work() -> None:
        account.pass_time(minutes=61)
        account.tick()
        account.drain()

    return {"worker": lambda: account.work_on(message), "tick": tick_and_work}


EXPIRED = Race("an expired lease, the old worker alive", _expired_lease)
FORCED = Race("watermark set --force meanwhile", _forced, _moved_from_where_it_stood, by_hand=True)
RACES = (
    EXPIRED,
    Race("an older request finishing last", _older_last),
    Race("a failed one retried meanwhile", _retried),
    Race("two identical requests at once", _identical),
    FORCED,
    Race("the study deleted meanwhile", _deleted, _no_watermark_of_before, by_hand=True),
    Race("clocks 30 s apart", _clocks_apart),
    Race("sent again while its worker lives", _sent_again),
)
