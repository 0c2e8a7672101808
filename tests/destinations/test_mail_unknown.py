"""E-mails whose answer got lost: nobody knows whether they were sent, until SES or a person tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from destinations.post import entry, later, letters, only, people, striking, told
from destinations.test_delivery import BODY, define, receipts, run
from integration.commands import Commands
from integration.faults import Call, Crash, Faults
from integration.handlers import handler_of
from integration.world import World
from tidegate.job import LEASE_SECONDS, QUEUE_VISIBILITY_SECONDS
from tidegate.model import State
from tidegate.settlement import told_by
from tidegate_local.mailbox import LOST, Arrived, Mailbox


@pytest.mark.parametrize("lost", [LOST, "InternalFailure"])
def test_with_the_answer_lost_it_is_unknown_for_fifteen_minutes_and_then_sent_again_as_the_same_message(
    post: World, mailbox: Mailbox, cli: Commands, lost: str
) -> None:
    define(post, entry())
    striking(mailbox, lost)
    operation = run(post)
    found = told(cli, operation)
    assert (found["outcome"], found["error"]["code"]) == ("UNKNOWN", "EMAIL_UNKNOWN")
    sent = len(letters(mailbox))
    for _ in range(6):
        later(post, minutes=2)
    assert len(letters(mailbox)) == sent, "nothing is sent while SES may still tell"
    later(post, minutes=6)
    done = post.operation(operation.operation_id)
    assert done.state is State.SUCCEEDED
    found = letters(mailbox)
    assert len(found) == sent + 1
    assert len({letter.arrived.raw for letter in found}) == 1, "the same bytes, so the same Message-ID and delivery"
    assert receipts(done)["EMAIL"]["messages"][0]["repeats"] == 1


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_what_ses_tells_within_fifteen_minutes_settles_it(
    post: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(post, entry())
    striking(mailbox, LOST)
    operation = run(post)
    (letter,) = letters(mailbox)
    assert handler_of("intake", post, monkeypatch)(sent_event(letter.arrived)) == {"kept": True}
    later(post, minutes=6)
    done = post.operation(operation.operation_id)
    assert done.state is State.SUCCEEDED
    assert len(letters(mailbox)) == 1
    (message,) = receipts(done)["EMAIL"]["messages"]
    assert (message["messageId"], message["known"]) == (letter.arrived.message_id, "SES")


def test_a_message_that_was_taken_needs_no_event_and_a_late_one_leaves_nothing_behind(
    post: World, mailbox: Mailbox
) -> None:
    define(post, entry())
    run(post)
    assert post.stack.note_mail(sent_event(only(mailbox).arrived)) is False
    assert post.keys("work/") == []


def test_with_ask_a_person_says_what_became_of_it(post: World, mailbox: Mailbox, cli: Commands) -> None:
    define(post, entry(onUnknown="ask"))
    striking(mailbox, LOST)
    operation = run(post)
    for _ in range(5):
        later(post, minutes=5)
    failed = post.operation(operation.operation_id)
    assert failed.error is not None
    assert (failed.state, failed.error.code) == (State.FAILED, "EMAIL_UNKNOWN")
    assert f"tidegate redrive delivery {operation.operation_id} --unknown sent" in failed.error.remedy
    cli.json("redrive", "delivery", operation.operation_id, "--yes")
    later(post)
    assert post.operation(operation.operation_id).state is State.FAILED, "without an answer it asks again"
    cli.json("redrive", "delivery", operation.operation_id, "--unknown", "sent", "--yes", "--wait")
    done = post.operation(operation.operation_id)
    assert (done.state, len(letters(mailbox))) == (State.SUCCEEDED, 1)
    (message,) = receipts(done)["EMAIL"]["messages"]
    assert (message["messageId"], message["known"]) == (None, "PERSON")


def test_with_ask_a_person_may_have_it_sent_again_and_is_asked_again_where_that_answer_is_lost_too(
    post: World, mailbox: Mailbox, cli: Commands
) -> None:
    define(post, entry(onUnknown="ask"))
    striking(mailbox, LOST, LOST)
    operation = run(post)
    for _ in range(5):
        later(post, minutes=5)
    cli.json("redrive", "delivery", operation.operation_id, "--unknown", "resend", "--yes")
    for _ in range(6):
        later(post, minutes=5)
    assert post.operation(operation.operation_id).state is State.FAILED
    assert len(letters(mailbox)) == 2
    cli.json("redrive", "delivery", operation.operation_id, "--unknown", "resend", "--yes", "--wait")
    done = post.operation(operation.operation_id)
    assert (done.state, len(letters(mailbox))) == (State.SUCCEEDED, 3)
    assert receipts(done)["EMAIL"]["messages"][0]["repeats"] == 2


def test_an_answer_to_a_question_that_nobody_asked_is_refused(post: World, mailbox: Mailbox, cli: Commands) -> None:
    define(post, entry())
    striking(mailbox, "MessageRejected")
    operation = run(post)
    result = cli("redrive", "delivery", operation.operation_id, "--unknown", "sent", "--yes")
    assert result.exit_code == 1
    assert "NOTHING_UNKNOWN" in result.stderr


@pytest.mark.parametrize(("when", "repeated"), [("after", 0), ("before", 2)])
def test_a_worker_that_dies_at_any_note_repeats_a_message_only_where_the_answer_died_with_it(
    post: World, mailbox: Mailbox, faults: Faults, when: str, repeated: int
) -> None:
    """Two messages, each announced and then sent: only between the sending and its note is it unknown."""
    twice = number = 0
    for number in range(1, 30):
        define(post, entry(to=people(51), name=f"n{number}"))
        (operation_id,) = post.submit(**BODY, ignoreLastExportTime=True, tag=str(number))
        before, left = len(letters(mailbox)), iter(range(1, number + 1))

        def die(_number: int, call: Call, left: Any = left, number: int = number) -> None:
            if "deliveries" in json.dumps(call.params, default=str) and next(left, 0) == number:
                raise Crash(call.name)

        setattr(faults, when, die)
        crashed = False
        try:
            post.work_once()
        except Crash:
            crashed = True
        finally:
            faults.clear()
        if not crashed:
            break
        post.clock.tick(seconds=QUEUE_VISIBILITY_SECONDS + 1)
        post.work()
        assert post.operation(operation_id).state is State.SUCCEEDED
        found = [letter.arrived for letter in letters(mailbox)[before:]]
        assert {len(message.recipients) for message in found} == {50, 1}
        twice += len(found) - 2
    assert number > 5
    assert twice == repeated


def test_a_worker_that_is_overtaken_while_it_sends_notes_nothing_and_the_other_does_not_send_again(
    post: World, mailbox: Mailbox
) -> None:
    define(post, entry())
    (operation_id,) = post.submit(**BODY)
    overtaking = iter([True])

    def overtake(_message: Arrived) -> None:
        if next(overtaking, False):
            post.clock.tick(seconds=LEASE_SECONDS + 10)
            other = post.work_once()
            assert other is not None
            assert "EMAIL_UNKNOWN" in other.note

    mailbox.strike = overtake
    first = post.work_once()
    assert first is not None
    assert "no longer counts" in first.note
    post.stack.note_mail(sent_event(only(mailbox).arrived))
    later(post, seconds=90)
    assert post.operation(operation_id).state is State.SUCCEEDED
    assert len(letters(mailbox)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"detail-type": "Email Bounced"},
        {"detail": {}},
        {"detail": {"mail": {"messageId": "x"}}},
        {"detail": {"mail": {"messageId": "x", "tags": {"tidegate-operation": ["../x"], "tidegate-attempt": ["y"]}}}},
    ],
    ids=["another type", "no mail", "no tags", "tags of somebody else"],
)
def test_an_event_that_tells_of_no_message_of_ours_writes_nothing(
    post: World, mailbox: Mailbox, change: dict[str, Any]
) -> None:
    define(post, entry())
    striking(mailbox, LOST)
    run(post)
    before = post.keys("work/")
    assert post.stack.note_mail({**sent_event(only(mailbox).arrived), **change}) is False
    assert post.keys("work/") == before


def sent_event(arrived: Arrived) -> dict[str, Any]:
    """What SES tells of a message that it has taken."""
    event: dict[str, Any] = {
        "source": "aws.ses",
        "detail-type": "Email Sent",
        "detail": {
            "eventType": "Send",
            "mail": {
                "messageId": arrived.message_id,
                "destination": list(arrived.recipients),
                "tags": {"ses:configuration-set": ["x"], **{name: [tag] for name, tag in arrived.tags.items()}},
            },
            "send": {},
        },
    }
    assert told_by(event) is not None
    return event
