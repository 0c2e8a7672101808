"""What an EMAIL destination may say in a definition."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.definition_schema import validate
from tidegate.errors import RejectedError
from tidegate.recipients import check_address, domain_of, without_addresses

TO = [{"address": "desk@hospital.example"}]


def many(prefix: str, count: int) -> list[dict[str, str]]:
    return [{"address": f"{prefix}{number}@x.example"} for number in range(count)]


def email(**changes: Any) -> dict[str, Any]:
    document = {
        "exportId": "mailing",
        "source": {"type": "sample"},
        "destinations": [{"type": "EMAIL", "to": TO, **changes}],
    }
    stored = validate(document)
    assert validate(stored) == stored
    found: dict[str, Any] = stored["destinations"][1]
    return found


def test_an_entry_has_every_default_written_out_and_its_domains_in_lower_case() -> None:
    assert email(to=[{"address": "Desk@Hospital.EXAMPLE", "name": None}]) == {
        "type": "EMAIL",
        "name": "EMAIL",
        "to": [{"address": "Desk@hospital.example"}],
        "cc": [],
        "bcc": [],
        "subject": "Export {export} of {study}, {date}",
        "text": "{records} records of {study}, from {start} to {end}.\n\n{files}\n",
        "attach": {"maxBytes": 10_000_000, "zip": False},
        "link": {"expiresSeconds": 3600},
        "onUnknown": "resend",
        "manifest": False,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to": []}, "to must not be empty"),
        ({"to": [{"name": "Nobody"}]}, "address"),
        ({"to": [{"address": "desk@hospital.example\r\nBcc: x@evil.example"}]}, "address must be an e-mail address"),
        ({"to": [{"address": "desk@hospital.example", "name": "a\r\nBcc: x"}]}, "name must be one line"),
        ({"to": [{"address": "desk@hospital.example", "name": "=?utf-8?q?=0A?="}]}, "name must be one line"),
        ({"cc": [{"address": "DESK@hospital.example"}]}, "must not name 'desk@hospital.example' twice"),
        ({"to": many("p", 300), "bcc": many("q", 201)}, "500 recipients"),
        ({"subject": "{files}"}, "names {files}"),
        ({"subject": "a\nb"}, "subject must be one line"),
        ({"subject": "{nope}"}, "names {nope}"),
        ({"text": "{nope"}, "brace that belongs to no field"),
        ({"attach": {"maxBytes": 40_000_001}}, "attach.maxBytes"),
        ({"link": {"expiresSeconds": 59}}, "link.expiresSeconds"),
        ({"onUnknown": "guess"}, "onUnknown"),
        ({"html": "<b>"}, "html"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_when_it_is_put(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RejectedError, match="destinations") as caught:
        email(**change)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["a@b.example", "first.last+tag@sub.b-c.example", "o'neill@b.example", "a@xn--bcher-kva.example", "A_1@b.example"],
)
def test_usual_addresses_are_taken(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@b", "a@@b.example", "a b@c.example", ".a@b.example", "a.@b.example", "a..b@c.example", "a@-b.example",
     "a@b-.example", "a@b..example", "ä@b.example", "a@bücher.example", "<a@b.example>", "a@b.example,c@d.example",
     '"a"@b.example', "a@[127.0.0.1]", "a@b.example\n", f"{'a' * 65}@b.example", f"a@{'b' * 250}.example"],
)  # fmt: skip
def test_what_ses_would_refuse_or_could_be_taken_for_two_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        check_address(address)


def test_a_domain_is_compared_whole() -> None:
    assert domain_of("a@evil.example@Hospital.Example") == "hospital.example"


def test_answers_of_others_are_kept_without_the_addresses_in_them() -> None:
    said = "Email address is not verified: secret.person@hospital.example, <x@y.example>"
    assert without_addresses(said) == "Email address is not verified: ...@hospital.example, <...@y.example>"
