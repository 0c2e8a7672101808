"""The numbers in the pages are those of the code, and the output in the README is still what the demo prints."""

import re
from pathlib import Path

import pytest

from tidegate.definition import DEFAULTS
from tidegate.engine import MOST_ATTEMPTS, MOST_RETURNS, PASS_SECONDS
from tidegate.frozen import REMEMBERED
from tidegate.job import QUEUE_VISIBILITY_SECONDS
from tidegate.pieces import MEMBER_BYTES
from tidegate.seal import LARGEST_INLINE
from tidegate.store.objects import PIECE_BYTES
from tidegate_local import demo, samples

DOCS = Path(__file__).parents[2] / "docs"
README = (DOCS.parent / "README.md").read_text("utf-8")
DEMO = Path(demo.__file__).read_text("utf-8")

IN_WORDS = {5: "five"}
NUMBERS = {
    "docs/adr/0003-pieces-and-publishing.md": [
        f"{PIECE_BYTES >> 20} MiB each",
        f"gzip members of {MEMBER_BYTES >> 20} MiB",
        f"is {DEFAULTS['maxBytesPerPart'] >> 30} GiB unless set",
    ],
    "docs/adr/0004-seal-and-commit.md": [f"{LARGEST_INLINE:,} bytes"],
    "docs/adr/0005-repeatable-acceptance.md": [f"{REMEMBERED.days} days"],
    "docs/adr/0006-one-fifo-message.md": [
        f"visibility ({QUEUE_VISIBILITY_SECONDS} s)",
        f"after {MOST_RETURNS}\nreturns",
    ],
    "docs/architecture.md": [f"{PASS_SECONDS:g} seconds at most", f"for {REMEMBERED.days} days"],
    "docs/runbook.md": [f"after {MOST_RETURNS} returns", f"after {IN_WORDS[MOST_ATTEMPTS]} attempts without progress"],
    "README.md": [
        f"puts {demo.AT_FIRST * len(samples.STUDIES):,} records",
        f"with {demo.NEW * len(samples.STUDIES)} new records",
    ],
}


@pytest.mark.parametrize("page", NUMBERS)
def test_a_number_is_that_of_the_code(page: str) -> None:
    text = (DOCS.parent / page).read_text("utf-8")
    for words in NUMBERS[page]:
        assert words in text, f"{page} does not say {words!r}"


def test_the_demos_output_in_the_readme_is_what_the_demo_prints() -> None:
    (output,) = re.findall(r"```text\n(Starting .*?)```", README, re.DOTALL)
    for words in (
        "Starting an AWS inside this machine",
        "for this machine only.",
        "into DynamoDB",
        "Sending this to the request queue: ",
        ", here as copies of what is in the bucket:",
        "The first lines of ",
        "Its manifest, written last",
        "Again, with new records",
        "that the first one had exported.",
    ):
        assert words in output, words
        assert words in DEMO, words
