from __future__ import annotations

import pytest

from destinations.samples import WINDOW, outgoing
from tidegate.destinations import Consignment, Outgoing
from tidegate.destinations.naming import LONGEST_NAME, file_name, place
from tidegate.naming import fields_of, fixed_part

OPERATION = "01KFYMB9W0V2Q6T8X4Z1C3N5P7"


def file(study: str = "a", table: str = "", window: str = WINDOW) -> Outgoing:
    consignment = Consignment("default", study, "2026-03-10", window, OPERATION)
    return outgoing(b"", path="part-00001.csv.gz", table=table, consignment=consignment)


def test_the_default_name_says_whose_file_it_is() -> None:
    assert file_name(None, file()) == f"default_a_{WINDOW}_part-00001.csv.gz"
    assert file_name(None, file(table="t")) == f"default_a_{WINDOW}_t_part-00001.csv.gz"
    assert file_name(None, file(window=f"reexport={OPERATION}")) == f"default_a_reexport-{OPERATION}_part-00001.csv.gz"


def test_each_field_has_its_value() -> None:
    template = "{export}-{study}-{table}-{window}-{date}-{operationId}-{part}.{extension}"
    expected = f"default-a-t-{WINDOW}-2026-03-10-{OPERATION}-00001.csv.gz"
    assert file_name(template, file(table="t")) == expected


@pytest.mark.parametrize("study", ["..", ".", "../x", "a/b", "\x00", "a b", "é"])
def test_no_value_leaves_its_directory_or_needs_quoting(study: str) -> None:
    made = place("in/{study}/x", file(study=study))
    assert len(made.split("/")) == 3
    assert made.split("/")[1] not in {".", ".."}
    assert made.isascii()
    assert " " not in made


def test_a_name_that_is_too_long_is_cut_and_stays_distinct() -> None:
    first, second = (file_name(None, file(study="x" * 300 + end)) for end in ("1", "2"))
    assert first != second
    assert len(first) <= LONGEST_NAME
    assert first.endswith(".csv.gz")


@pytest.mark.parametrize("template", ["{studi}", "a{", "}", "a\nb", "a/../b", "{}"])
def test_a_template_that_cannot_be_used_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"names|brace|control|\.\."):
        fields_of(template)


@pytest.mark.parametrize(
    ("template", "fixed"),
    [
        ("", ""),
        ("in", "in"),
        ("in/", "in"),
        ("/a/b/{study}", "/a/b"),
        ("{study}/x", ""),
        ("/{study}", "/"),
        ("a{study}", ""),
    ],
)
def test_the_fixed_part_is_the_directories_before_the_first_field(template: str, fixed: str) -> None:
    assert fixed_part(template) == fixed
