"""The scenarios whose every AWS call is struck. What must hold afterwards is the same for all (invariants.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from destinations.post import SENDER, SETTINGS, entry, people
from faults.crash_account import Account
from faults.crash_calls import Call, Way
from faults.crash_material import daily, records
from integration.spoiled import SPOILED

EVERYTHING = frozenset({"intake", "worker", "tick"})
RECORDS = frozenset({"watermarks", "exported"})
DEADLY = (Way.BEFORE, Way.AFTER)


@dataclass(frozen=True)
class Scenario:
    """`play` is what happens; the calls of the functions `counted` are those that are struck.

    `same`: what must end as it does undisturbed, whatever is struck. `refused` counts the requests that are refused in
    it, `letters` the messages that it puts into the dead-letter queue.
    """

    name: str
    prepare: Callable[[Account], None]
    play: Callable[[Account], None]
    counted: frozenset[str] = EVERYTHING
    ways: tuple[Way, ...] = tuple(Way)
    page_records: int = 0
    pages_a_pass: int = 0
    seconds_left: int = 300
    message_dies: bool = False
    same: frozenset[str] = frozenset({"watermarks", "exported", "operations", "outcomes", "parts"})
    by_hand: bool = False
    refused: int = 0
    letters: int = 0
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def _three_records_and_one_later(account: Account) -> None:
    account.world.put_study("a")
    records(account, "a", range(30, 0, -10))
    records(account, "a", range(-5, -6, -1))


def _daily_and_later(account: Account) -> None:
    account.request(**daily())
    account.drain()
    account.pass_time(minutes=31)
    account.request(**daily("later", 30))
    account.drain()


def _daily_later_and_last(account: Account) -> None:
    """The last request is not struck: it shows that what came before stands in nobody's way."""
    _daily_and_later(account)
    account.counted = frozenset()
    account.pass_time(minutes=30)
    account.tick()
    account.request(**daily("last", 45))
    account.drain()


def _five_records(account: Account) -> None:
    account.world.put_study("a")
    account.world.define("default", maxRecordsPerPart=3)
    records(account, "a", range(50, 0, -10))


def _one_request(account: Account) -> None:
    account.request(**daily())
    account.drain()


def _three_good_two_spoiled(account: Account) -> None:
    account.world.put_study("a")
    records(account, "a", range(50, 0, -10), spoiled=2)


def _redriven(account: Account) -> None:
    """The tick asks for the two failed records again; one was put right meanwhile, the other is left to a person."""
    account.request(**daily())
    account.drain()
    account.tick()
    cured = next(row for row in _items(account, "Record") if row["note"] == {"S": SPOILED})
    item = {**cured, "note": {"S": "fine"}}
    account.world.stack.clients.dynamodb.put_item(TableName="Record", Item=item)
    account.pass_time(minutes=17)
    account.tick()
    account.drain()
    account.pass_time(minutes=5)
    account.tick()


def _two_studies_and_a_file(account: Account) -> None:
    found = []
    for study in "ab":
        account.world.put_study(study)
        found += records(account, study, range(30, 0, -10))
    lines = "\n".join([*found[1:5], "nowhere"])
    account.world.stack.objects.put("lists/ids.txt", lines.encode())


def _overridden(account: Account) -> None:
    account.request(recordIdS3Override="lists/ids.txt", requestId="override")
    account.drain()


def _exported_and_one_late(account: Account) -> None:
    """After the first export a record becomes visible whose time lies before that export's end."""
    _two_records(account)
    account.request(**daily())
    account.drain()
    records(account, "a", range(5, 4, -1))
    records(account, "a", range(-5, -6, -1))
    account.pass_time(minutes=46)


def _two_later_ones(account: Account) -> None:
    for minutes in (30, 45):
        account.request(**daily(f"later {minutes}", minutes))
        account.drain()


def _a_study(account: Account) -> None:
    account.world.put_study("a")


def _empty_and_nothing_new(account: Account) -> None:
    account.request(**daily())
    account.drain()
    account.request(**daily("again"))
    account.drain()


def _two_records(account: Account) -> None:
    account.world.put_study("a")
    records(account, "a", range(20, 0, -10))


def _overtaken_at(*places: str) -> Callable[[Account], None]:
    """The worker is stopped before each of these calls for longer than its lease, and another one goes on meanwhile."""

    def play(account: Account) -> None:
        left = list(places)

        def overtake(call: Call) -> None:
            if left and left[0] in call.name and "worker" in call.process:
                left.pop(0)
                account.pass_time(seconds=100)
                account.work()

        account.request(**daily())
        account.wire.watch = overtake
        account.drain()
        account.wire.watch = lambda _call: None

    return play


def _two_records_for_a_mailbox(account: Account) -> None:
    _two_records(account)
    account.world.stack.clients.make("ses").verify_email_identity(EmailAddress=SENDER)
    account.world.define("default", destinations=[entry(to=people(2))])


def _three_studies(account: Account) -> None:
    for study in "abc":
        account.world.put_study(study)
        records(account, study, range(20, 0, -10))


def _accepted_refused_fired(account: Account) -> None:
    account.request(**daily(studyWhitelist=["a", "b"]))
    account.request(**daily("wrong", export="nowhere"))
    account.drain()
    payload = {"schedule": "arn:of:a:schedule", "scheduledTime": "2026-03-10T00:00:00Z", "exportType": "DAILY"}
    account.fire(payload)
    account.drain()
    account.pass_time(minutes=1)
    account.request(**daily())
    account.drain()


def _much_for_the_tick(account: Account) -> None:
    """A sleeper, a silent one, a dead letter, a deleted study, a file that no manifest names, a failed record."""
    for study in "abcd":
        account.world.put_study(study)
        records(account, study, range(20, 0, -10), spoiled=study == "a")
    account.request(**daily("first", -60))
    account.drain()
    _lost_message(account, **daily("silent", studyWhitelist=["b"]))
    account.pass_time(minutes=70)
    message = _lost_message(account, **daily("dead", studyWhitelist=["c"]))
    sqs, settings = account.world.stack.clients.sqs, account.world.stack.settings
    sqs.send_message(
        QueueUrl=settings.work_dlq_url,
        MessageBody=message["Body"],
        MessageGroupId="dead",
        MessageDeduplicationId=f"{json.loads(message['Body'])['operationId']}-1",
    )
    account.request(**daily("sleeper", 130, studyWhitelist=["b", "d"]))
    account.accept()
    account.world.stack.objects.put("exports/export=default/study=a/dt=2026-03-10/nobody/part-00001.jsonl", b"{}\n")
    account.pass_time(minutes=20)
    account.world.delete_study("d")


def _lost_message(account: Account, **body: Any) -> Mapping[str, Any]:
    """A request is accepted, and its message gets lost; the message."""
    account.request(**body)
    account.accept()
    sqs, url = account.world.stack.clients.sqs, account.world.stack.settings.work_queue_url
    message: Mapping[str, Any] = sqs.receive_message(QueueUrl=url)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def _ticks(account: Account) -> None:
    account.tick()
    account.drain()
    account.pass_time(minutes=16)
    account.tick()
    account.drain()
    account.pass_time(minutes=14)
    account.tick()
    account.drain()


def _items(account: Account, table: str) -> list[dict[str, Any]]:
    found = account.world.stack.clients.dynamodb.scan(TableName=table)["Items"]
    return sorted((dict(item) for item in found), key=str)


TWO_PASSES = Scenario(
    "daily in two passes, and a later one",
    _three_records_and_one_later,
    _daily_and_later,
    page_records=2,
    pages_a_pass=1,
    seconds_left=0,
)
TWO_PARTS = Scenario("two parts of several pieces", _five_records, _one_request, frozenset({"worker"}))
EMPTY = Scenario("an empty window, and nothing new", _a_study, _empty_and_nothing_new, frozenset({"worker"}))
REDRIVE = Scenario(
    "failed records and their redrive",
    _three_good_two_spoiled,
    _redriven,
    same=RECORDS,
    settings=MappingProxyType({"most_redrives": 1}),
)
LATE = Scenario("a late record", _exported_and_one_late, _two_later_ones, frozenset({"worker"}))
OVERRIDE = Scenario("an override of two studies", _two_studies_and_a_file, _overridden)
OVERTAKEN_BEFORE_SEAL = Scenario(
    "two workers, overtaken before the seal", _two_records, _overtaken_at("Update Pair"), frozenset({"worker"})
)
OVERTAKEN_AFTER_SEAL = Scenario(
    "two workers, overtaken after the seal", _two_records, _overtaken_at("s3.CopyObject"), frozenset({"worker"})
)
ACCEPTANCE = Scenario(
    "acceptance, refusals, a schedule",
    _three_studies,
    _accepted_refused_fired,
    frozenset({"intake"}),
    same=RECORDS | {"operations"},
    refused=2,
)
TICK = Scenario("the tick", _much_for_the_tick, _ticks, frozenset({"tick"}), by_hand=True, letters=1)
EMAIL = Scenario(
    "an e-mail", _two_records_for_a_mailbox, _one_request, frozenset({"worker"}), settings=MappingProxyType(SETTINGS)
)
DIES_FOR_GOOD = replace(
    TWO_PASSES,
    name="a worker whose message dies with it",
    play=_daily_later_and_last,
    counted=frozenset({"worker"}),
    ways=DEADLY,
    page_records=0,
    pages_a_pass=0,
    seconds_left=300,
    message_dies=True,
    same=RECORDS,
)
SCENARIOS = (
    TWO_PASSES,
    TWO_PARTS,
    EMPTY,
    REDRIVE,
    LATE,
    OVERRIDE,
    OVERTAKEN_BEFORE_SEAL,
    OVERTAKEN_AFTER_SEAL,
    ACCEPTANCE,
    TICK,
    EMAIL,
    DIES_FOR_GOOD,
)
