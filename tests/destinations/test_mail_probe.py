"""What `tidegate destinations test` says of an e-mail, by asking SES and sending nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from destinations.post import IDENTITY, entry, mailed, people
from destinations.test_delivery import define
from integration.commands import Commands
from integration.world import World
from tidegate_local.mailbox import Mailbox


def findings(cli: Commands) -> list[dict[str, Any]]:
    result = cli("destinations", "test", "partner", "--json")
    found: list[dict[str, Any]] = json.loads(result.stdout)[1]["findings"]
    return found


def test_identity_and_account_are_looked_at_and_nothing_is_sent(post: World, mailbox: Mailbox, cli: Commands) -> None:
    mailbox.verified[IDENTITY] = True
    define(post, entry(to=people(60), link={"expiresSeconds": 86_400}))
    said = [finding["what"] for finding in findings(cli)]
    assert said == [
        "60 recipients, in 2 messages, are of allowed domains.",
        "The identity tidegate.example is verified.",
        "The account may send; 0 of 50000 messages were sent in the last 24 hours.",
        "Links work for 3600 seconds and no longer, whatever the definition says.",
    ]
    assert cli("destinations", "test", "partner").exit_code == 0
    assert mailbox.messages() == []


@pytest.mark.parametrize(
    ("verified", "account", "word"),
    [
        ({}, {}, "NotFoundException"),
        ({IDENTITY: False}, {}, "not verified (PENDING)"),
        ({IDENTITY: True}, {"SendingEnabled": False}, "sends nothing"),
    ],
    ids=["no identity", "not verified", "paused"],
)
def test_what_is_not_well_is_said_in_words_with_what_to_do(
    post: World, mailbox: Mailbox, cli: Commands, verified: dict[str, bool], account: dict[str, Any], word: str
) -> None:
    mailbox.verified.update(verified)
    mailbox.account.update(account)
    define(post, entry())
    *_, last = findings(cli)
    assert (last["ok"], word in last["what"], bool(last["remedy"])) == (False, True, True)
    assert cli("destinations", "test", "partner").exit_code == 1


def test_the_sandbox_is_told_and_is_no_error(post: World, mailbox: Mailbox, cli: Commands) -> None:
    mailbox.verified[IDENTITY] = True
    mailbox.account["ProductionAccessEnabled"] = False
    define(post, entry())
    *_, last = findings(cli)
    assert (last["ok"], "sandbox" in last["what"]) == (True, True)


def test_a_domain_that_is_no_longer_allowed_is_told_before_ses_is_asked(
    world: World, mailbox: Mailbox, cli: Commands
) -> None:
    with mailed(world, mailbox):
        define(world, entry())
    with mailed(world, mailbox, email_domains=()):
        (finding,) = findings(cli)
    assert (finding["ok"], "hospital.example" in finding["what"]) == (False, True)
