"""Asks SES, without sending anything, whether an e-mail destination could work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.awserrors import translated
from tidegate.destinations.destination import Tools
from tidegate.destinations.mail.links import LONGEST_SECONDS
from tidegate.errors import TidegateError
from tidegate.model import Finding, JSONObject
from tidegate.recipients import MOST_A_MESSAGE, everyone, refusal


def findings(document: JSONObject, tools: Tools) -> Sequence[Finding]:
    """What is found, up to the first thing that is wrong."""
    found: list[Finding] = []
    try:
        for finding in _findings(document, tools):
            found.append(finding)
            if not finding.ok:
                break
    except TidegateError as error:
        found.append(Finding(ok=False, what=error.message, remedy=error.remedy))
    return found


def _findings(document: JSONObject, tools: Tools) -> Iterator[Finding]:
    mailing = tools.mailing
    refused = refusal(document, domains=mailing.domains, senders=mailing.senders)
    if refused is not None:
        yield Finding(ok=False, what=refused[1], remedy=refused[2])
        return
    people = len(everyone(document))
    messages = -(-people // MOST_A_MESSAGE)
    yield Finding(ok=True, what=f"{people} recipients, in {messages} messages, are of allowed domains.")
    client = tools.client("sesv2")
    yield _identity(client, mailing.identity)
    yield from _account(client)
    if document["link"]["expiresSeconds"] > LONGEST_SECONDS:
        yield Finding(
            ok=True, what=f"Links work for {LONGEST_SECONDS} seconds and no longer, whatever the definition says."
        )


def _identity(client: Any, identity: str) -> Finding:
    with translated(f"Asking SES for the identity {identity}", remedy="Create it in SES, in the stack's region."):
        found = client.get_email_identity(EmailIdentity=identity)
    if found.get("VerifiedForSendingStatus"):
        return Finding(ok=True, what=f"The identity {identity} is verified.")
    return Finding(
        ok=False,
        what=f"The identity {identity} is not verified ({found.get('VerificationStatus', 'no status')}).",
        remedy="Publish the DKIM records that SES shows for the domain, or click the link in the mail that SES sent.",
    )


def _account(client: Any) -> Iterator[Finding]:
    with translated("Asking SES for the account's state", remedy="Give the worker's role ses:GetAccount."):
        found = client.get_account()
    if not found.get("SendingEnabled"):
        yield Finding(
            ok=False, what="SES sends nothing for this account now.", remedy="Resume sending in SES, or ask AWS."
        )
        return
    quota = found.get("SendQuota", {})
    sent, most = int(quota.get("SentLast24Hours", 0)), int(quota.get("Max24HourSend", 0))
    yield Finding(ok=True, what=f"The account may send; {sent} of {most} messages were sent in the last 24 hours.")
    if not found.get("ProductionAccessEnabled"):
        yield Finding(
            ok=True,
            what="The account is in SES's sandbox: only verified addresses and domains get anything.",
            remedy="Verify the recipients as identities too, or ask AWS for production access.",
        )
