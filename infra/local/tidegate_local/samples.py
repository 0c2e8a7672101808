"""Sample records of the kinds that real tables hold, the same ones for the same seed."""

import random
import string
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

STUDIES = ("asthma-diary", "heart-steps", "sleep-2026")
# DynamoDB's own wire form, as its low-level client takes it. Numbers stay text, so all 38 digits survive.
Item = dict[str, Any]

NOTES = (
    "felt well",
    "two lines\r\nof text",
    'she said "better", then left',
    "Zażółć gęślą jaźń",
    "slept 7 h 😴 and walked 🚶🏽‍♀️",
    "=HYPERLINK(1)",
    "+44 20 7946 0000",
    "-",
    "@home",
    "\tindented",
    "a,b;c",
    "",
)
SCHEMAS = ("questionnaire", "steps", "sleep")


def sample_records(study: str, start: datetime, end: datetime, count: int, *, seed: int) -> Iterator[Item]:
    """Yield `count` records of `study` with times spread evenly over `[start, end)`, in milliseconds.

    The same arguments give the same records, byte for byte. Among them are numbers of 38 digits, binary, sets, nested
    values, null, missing attributes, emoji, line breaks, and text that a spreadsheet would run as a formula.
    """
    # Not for secrets: the point is that the records can be made again.
    chance = random.Random(f"{seed}/{study}/{start.isoformat()}")  # noqa: S311
    step = (end - start) / count
    for number in range(count):
        yield _record(chance, study, start + number * step)


def sample_studies(studies: Sequence[str] = STUDIES) -> list[Item]:
    """Return the items of the Study table for `studies`. Only the id is needed: a study is enabled by default."""
    return [{"studyId": {"S": study}} for study in studies]


def _record(chance: random.Random, study: str, at: datetime) -> Item:
    record: Item = {
        "id": {"S": f"{study}-{chance.getrandbits(64):016x}"},
        "studyId": {"S": study},
        "uploadedOn": {"N": str(_milliseconds(at))},
        "schemaId": {"S": chance.choice(SCHEMAS)},
        "participant": {"S": "".join(chance.choices(string.ascii_uppercase, k=6))},
        "score": {"N": _number(chance)},
        "answers": {"M": {"q1": {"S": chance.choice(NOTES)}, "q2": {"L": [{"N": "1"}, {"BOOL": _often(chance, 0.5)}]}}},
        "tags": {"SS": sorted(chance.sample(("morning", "evening", "home", "clinic", "naïve"), 2))},
        "readings": {"NS": sorted({str(chance.randrange(40, 180)) for _ in range(3)})},
    }
    if _often(chance, 0.8):
        record["note"] = {"S": chance.choice(NOTES)}
    if _often(chance, 0.3):
        record["withdrawnOn"] = {"NULL": True}
    if _often(chance, 0.2):
        record["signature"] = {"B": chance.randbytes(12)}
    return record


def _often(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _number(chance: random.Random) -> str:
    """Return a decimal number as text: often small, sometimes with all 38 digits that DynamoDB keeps."""
    if _often(chance, 0.7):
        return f"{chance.randrange(-500, 500)}"
    digits = str(chance.randrange(10**37, 10**38 - 1) | 1)
    return f"{chance.choice(('', '-'))}{digits[:19]}.{digits[19:]}"


def _milliseconds(at: datetime) -> int:
    """Return the whole milliseconds since 1970, exactly."""
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // timedelta(milliseconds=1)
