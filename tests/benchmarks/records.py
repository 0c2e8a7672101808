"""The records of the benchmark: 800 bytes of JSON each, of mixed types, known from their number alone.

No binary values and no list of different types: csv.DictWriter cannot write boto3's Binary, awswrangler cannot read
such a list, and a tool that fails is not measured.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias

Item: TypeAlias = dict[str, dict[str, Any]]

TABLE: Final = "Records"
INDEX: Final = "study-uploadedOn-index"
KINDS: Final = 1009
"""How many records differ in more than identity and time; a prime, so that they never fall into step with pages."""
RECORD_BYTES: Final = 800
STEP_MILLIS: Final = 100
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_START_MILLIS: Final = int(START.timestamp() * 1000)
_IDENTITY, _TIME = "0" * 10, "0" * 13
_WORDS = ("tide", "gate", "water", "ebb", "flood", "moon", "sluice", "delta", "\u00e9cluse", "\u6f6e", "lock", "weir")
_AWKWARD = ('said "no", twice', "first\nsecond", "=SUM(A1)", "-5 degrees", "tab\there", "back\\slash", "plain, comma")


def study(count: int) -> str:
    """The name of the study that has so many records."""
    return f"of-{count:08d}"


def count_of(name: str) -> int:
    """How many records the study of this name has. Raises ValueError for a name that `study` did not make."""
    return int(name.removeprefix("of-"))


def identity(number: int) -> str:
    """The id of a record; 10 digits, so that pages can be patched in place."""
    return f"{number:010d}"


def millis(number: int) -> int:
    """The time of a record; 13 digits."""
    return _START_MILLIS + number * STEP_MILLIS


def window(count: int) -> tuple[datetime, datetime]:
    """Start and end of the window that has exactly the first `count` records of any study."""
    return START, START + timedelta(milliseconds=count * STEP_MILLIS)


def first_from(bound: float) -> int:
    """The number of the first record at or after this time in milliseconds."""
    return max(0, -int(-(bound - _START_MILLIS) // STEP_MILLIS))


def record(number: int, count: int) -> Item:
    """A record of the study of `count` records in DynamoDB's wire form."""
    item = kind(number % KINDS, study(count))
    return {**item, "id": {"S": identity(number)}, "uploadedOn": {"N": str(millis(number))}}


@cache
def columns() -> tuple[str, ...]:
    """All attributes that occur: id, time, the others by name."""
    found = {name for number in range(KINDS) for name in kind(number, study(0))}
    return ("id", "uploadedOn", *sorted(found - {"id", "uploadedOn"}))


def wire(item: Item) -> str:
    """An item as DynamoDB sends it: compact, UTF-8 without escapes that JSON does not need."""
    return json.dumps(item, separators=(",", ":"), ensure_ascii=False)


@cache
def kind(number: int, study_name: str) -> Item:
    """One of the records that differ, with zeros for identity and time. Its JSON has RECORD_BYTES bytes."""
    chance = random.Random(f"record {number}")  # noqa: S311 - the same records every time are the point
    item = _item(chance, study_name)
    item["notes"]["S"] = _text(chance, RECORD_BYTES - len(wire(item).encode()))
    return item


def _item(chance: random.Random, study_name: str) -> Item:
    # The first three have one length each, so identity and time stand at the same place in every record.
    item: Item = {
        "healthCode": {"S": f"{chance.getrandbits(128):032x}"},
        "uploadedOn": {"N": _TIME},
        "id": {"S": _IDENTITY},
        "studyId": {"S": study_name},
        "schemaId": {"S": chance.choice(("walk-test", "heart-rate", "daily-survey"))},
        "appVersion": {"S": f"version {chance.randrange(1, 9)}.{chance.randrange(20)}"},
        "score": {"N": str(chance.randrange(-100, 1000))},
        "weight": {"N": f"{chance.randrange(40, 140)}.{chance.randrange(1, 10)}"},
        "exact": {"N": f"{chance.randrange(1, 10)}.{chance.randrange(10**36):036d}1"},
        "complete": {"BOOL": chance.random() < 0.5},
        "tags": {"SS": sorted(chance.sample(_WORDS, 3))},
        "levels": {"NS": [str(level) for level in sorted(chance.sample(range(100), 3))]},
        "history": {"L": [{"S": chance.choice(_WORDS)} for _ in range(chance.randrange(1, 6))]},
        "steps": {"N": str(chance.randrange(30_000))},
        "seconds": {"N": f"{chance.randrange(4000)}.{chance.randrange(1, 1000):03d}"},
        "consented": {"BOOL": chance.random() < 0.9},
        "device": {"S": chance.choice(("phone", "watch", "scale"))},
        "answers": {"M": {
            "q1": {"S": chance.choice(_WORDS)},
            "q2": {"N": str(chance.randrange(10))},
            "q3": {"BOOL": True},
            "q4": {"L": [{"N": str(chance.randrange(10))} for _ in range(2)]},
        }},
        "notes": {"S": ""},
    }  # fmt: skip
    if chance.random() < 0.5:
        item["withdrawnOn"] = {"NULL": True}
    if chance.random() < 0.2:
        item["remark"] = {"S": chance.choice(_AWKWARD)}
    return item


def _text(chance: random.Random, size: int) -> str:
    """Words of exactly `size` bytes."""
    words: list[str] = []
    while len(" ".join(words).encode()) < size:
        words.append(chance.choice(_WORDS))
    text = " ".join(words).encode()[:size].decode(errors="ignore")
    return text + "." * (size - len(text.encode()))
