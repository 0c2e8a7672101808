"""Names at a destination: readable, safe, and never those of another file."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.samples import WINDOW, outgoing
from tidegate import ulid
from tidegate.destination_schema import SFTPDestination, check_tables
from tidegate.destinations import Consignment, Outgoing
from tidegate.destinations.naming import (
    LONGEST_DIRECTORY,
    LONGEST_KEY,
    LONGEST_NAME,
    file_name,
    file_path,
    place,
    with_suffix,
)
from tidegate.instants import compact
from tidegate.model import Window
from tidegate.naming import fields_of, fixed_part

KEY = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
OPERATION = "01KFYMB9W0V2Q6T8X4Z1C3N5P7"
START, END = datetime(2026, 3, 9, 11, tzinfo=UTC), datetime(2026, 3, 10, 11, tzinfo=UTC)


def file(study: str = "a", table: str = "", window: str = WINDOW, **changes: Any) -> Outgoing:
    about = {"bounds": Window(START, END), "at": END, **changes}
    consignment = Consignment("default", study, "2026-03-10", window, OPERATION, **about)
    return outgoing(b"", path="part-00001.csv.gz", table=table, consignment=consignment, sequence=12)


def test_the_default_name_says_whose_file_it_is() -> None:
    assert file_name(None, file()) == f"default_a_{WINDOW}_part-00001.csv.gz"
    assert file_name(None, file(table="t")) == f"default_a_{WINDOW}_t_part-00001.csv.gz"
    assert file_name(None, file(window=f"reexport={OPERATION}")) == f"default_a_reexport-{OPERATION}_part-00001.csv.gz"


def test_each_field_has_its_value() -> None:
    template = "{export}-{study}-{table}-{window}-{date}-{operationId}-{part}-{sequence}-{tag}.{extension}"
    expected = f"default-a-t-{WINDOW}-2026-03-10-{OPERATION}-00001-00012-no-tag.csv.gz"
    assert file_name(template, file(table="t")) == expected
    assert file_name("{start} {end} {file}", file()) == f"{compact(START)} {compact(END)} part-00001.csv.gz"


@pytest.mark.parametrize(
    ("template", "zone", "expected"),
    [
        ("{date:YYYY-MM-DD}", "Europe/London", "2026-07-02"),
        ("{date:YYYY-MM-DD}", "UTC", "2026-07-01"),
        ("{date}", "Europe/London", "2026-07-01"),
        ("{end:YYYYMMDD_HHmmss}", "Europe/London", "20260702_003000"),
        ("{start:YYYYMMDD[T]HHmm}", "America/New_York", "20260630T1930"),
        ("{date:YYYY/MM}/x", "UTC", "2026/07/x"),
    ],
)
def test_a_time_with_a_pattern_is_on_the_clock_of_the_zone(template: str, zone: str, expected: str) -> None:
    end = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    of_a_summer_night = file(bounds=Window(end - timedelta(days=1), end), at=end)
    assert place(template, replace_date(of_a_summer_night, "2026-07-01"), zone) == expected


def replace_date(of: Outgoing, date: str) -> Outgoing:
    return replace(of, consignment=replace(of.consignment, date=date))


def test_an_override_has_the_day_of_its_acceptance_and_no_window() -> None:
    accepted = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    of_override = file(window=f"override={OPERATION}", bounds=None, at=accepted)
    assert place("{window}/{start}-{end:YYYY}/{date:YYYYMMDD}", of_override, "Europe/London") == (
        f"override-{OPERATION}/none-none/20260702"
    )


def test_a_tag_is_made_safe_and_cut() -> None:
    assert file_name("{tag}", file(tag="month end/../é")) == "month%20end%2F..%2F%C3%A9"
    assert file_name("{tag}", file(tag="x" * 256)) == "x" * 64


def test_the_manifest_has_its_own_word_where_parts_have_numbers() -> None:
    manifest = outgoing(b"", path="manifest.json")
    assert file_name("{study}_{window}_{sequence}.{extension}", manifest).endswith("_manifest.json")


@pytest.mark.parametrize(
    ("study", "template", "expected"),
    [
        ("con", "{study}", "%63on"),
        ("LPT1.x", "{study}", "%4CPT1.x"),
        ("a.", "{study}", "a%2E"),
        ("console", "{study}", "console"),
        ("con", "of-{study}", "of-con"),
    ],
)
def test_no_directory_has_a_name_that_servers_keep_for_themselves(study: str, template: str, expected: str) -> None:
    assert file_path(f"in/{template}", None, file(study))[0] == f"in/{expected}"


def test_no_directory_leads_up_even_where_a_study_has_no_table() -> None:
    assert file_path("in/.{table}./x", None, file())[0] == "in/.%2E/x"
    assert place("in/.{table}./x", file()) == "in/%2E%2E/x"


def test_what_a_definition_says_literally_stays_as_it_is() -> None:
    assert file_path("con/aux.", None, file())[0] == "con/aux."


@pytest.mark.parametrize("name", [None, "{study}{window}{file}", "{window}.txt", "{window}", "{study}é" * 20])
def test_a_suffix_stands_before_the_extension_and_the_name_stays_short_enough(name: str | None) -> None:
    made = file_name(name, file("s" * 60))
    suffixed = with_suffix(made, OPERATION, file())
    assert OPERATION in suffixed or len(made.encode()) > LONGEST_NAME - 27
    assert suffixed.rpartition(".")[2] == made.rpartition(".")[2]
    assert len(f"{suffixed}.{OPERATION}.tmp".encode()) <= 255


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


def test_no_directory_and_no_key_is_longer_than_it_may_be() -> None:
    long = file("é" * 100)
    directory, _ = file_path("in/{study}", None, long)
    assert len(directory.removeprefix("in/")) <= LONGEST_DIRECTORY
    prefixes = [place("{study}/{study}/{window}", file("é" * 99 + end)) for end in "ab"]
    assert max(map(len, prefixes)) + len("/part-00001.csv.gz") <= LONGEST_KEY
    assert len(set(prefixes)) == 2


def test_values_that_run_into_each_other_get_a_mark_and_others_none() -> None:
    template = "{study}-{table}-{window}-{part}.csv"
    one, other = (file_name(template, file(study, table)) for study, table in (("a-b", "c"), ("a", "b-c")))
    assert one != other
    assert re.fullmatch(rf"a-b-c-{WINDOW}-00001~[0-9a-f]{{16}}\.csv", one)
    assert file_name(template, file("a_b", "c")) == f"a_b-c-{WINDOW}-00001.csv"
    assert file_name("{study}+{table}+{window}+{part}", file("a-b", "c")) == f"a-b+c+{WINDOW}+00001"
    assert place("{study}-{window}", file("a-b")) == f"a-b-{WINDOW}"


SHORT = st.text(alphabet="ab-", min_size=1, max_size=3)
STUDIES = st.one_of(
    SHORT,
    SHORT,
    st.sampled_from(
        ["a", "A", ".", "..", "a.", "00001", "part-00001.csv", WINDOW, f"a_{WINDOW}", "none", "con", "manifest"]
    ),
    st.text(min_size=1, max_size=6).filter(lambda text: "/" not in text),
    st.sampled_from(["x" * 300 + end for end in "ab"]),
)
ENDS = st.integers(0, 3).map(lambda day: END + timedelta(days=day))
FILLER = st.sampled_from(
    ["-", "-", "_", "a", ".", "+", "~", "00001", "é", "{export}", "{start}", "{end}", "{date}", "{tag}", "{extension}",
     "{study}", "{date:YYYYMMDD}", "{end:DDHHmm}"]
)  # fmt: skip


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, str]:
    """Directory and name with enough in them to be accepted, in any order, with anything between."""
    told = draw(st.sampled_from([["{study}", "{window}"], ["{operationId}"]]))
    told = [*told, *draw(st.sampled_from([["{table}", "{part}"], ["{table}", "{file}"], ["{sequence}"]]))]
    pieces = draw(st.permutations([*told, *draw(st.lists(FILLER, max_size=5))]))
    cut = draw(st.integers(0, len(pieces) - 1))
    return "".join(pieces[:cut]), "".join(pieces[cut:])


@st.composite
def files(
    draw: st.DrawFn, cuts: st.SearchStrategy[tuple[str, str]], *, tables: bool
) -> tuple[tuple[Any, ...], Outgoing]:
    """A file, and what it is: two that are the same differ in nothing that these do not say."""
    study, table = draw(st.one_of(cuts, cuts, st.tuples(STUDIES, STUDIES)))
    end, reexport, is_part = draw(ENDS), draw(st.sampled_from([False, False, True])), draw(st.sampled_from([1, 1, 0]))
    table = table if tables and is_part else ""
    number = draw(st.sampled_from([1, 1, 2, 100_001]))
    operation = ulid.derived(end, study, str(reexport))
    window = f"reexport={operation}" if reexport else f"{compact(END)}_{compact(end)}"
    consignment = Consignment(
        "e", study, "2026-03-10", window, operation, Window(END, end), end, draw(st.sampled_from("ab"))
    )
    # The number that counts over all tables is of one table and part.
    sequence = number + 10 * len(table) + sum(map(ord, table)) * 1000 if is_part else None
    path = f"part-{number:05d}.csv" if is_part else "manifest.json"
    made = outgoing(b"", path=path, table=table, consignment=consignment, sequence=sequence)
    return (study, window, path, table), made


def test_a_long_name_of_several_values_gets_a_mark_unread_and_one_of_one_value_does_not() -> None:
    study, table = "s" * 250, "t" * 150
    assert "~" in place("{study}/{table}/{window}", file(study, table))
    assert "~" not in place("{study}/{window}", file(study * 2))


TEXTS = ["".join(letters) for size in (1, 2, 3) for letters in itertools.product("a-1", repeat=size)]


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("", "{study}{table}{window}{part}"),
        ("", "{window}-{study}-{table}-{part}"),
        ("{study}-{table}", "{window}{part}"),
        ("", "{window}{study}{part}{table}"),
        ("", "{table}a{study}-{window}{file}"),
        ("{window}", "{tag}-{study}-{table}.{part}"),
    ],
)
def test_all_studies_and_tables_of_a_few_letters_have_names_of_their_own(directory: str, name: str) -> None:
    paths = {file_path(directory, name, file(study, table)) for study in TEXTS for table in TEXTS}
    assert len(paths) == len(TEXTS) ** 2


def test_a_prefix_has_no_two_studies_either() -> None:
    windows = [WINDOW, f"reexport={OPERATION}"]
    made = {place("{tag}{study}{window}", file(study, window=window)) for study in TEXTS for window in windows}
    assert len(made) == len(TEXTS) * 2


def test_a_name_that_looks_like_one_that_was_cut_gets_a_mark() -> None:
    cut = file_name(None, file("x" * 300))
    looks_like_it = cut.removeprefix("default_").removesuffix(".csv.gz")
    assert file_name("default_{study}.{extension}", file(looks_like_it)) != cut


@settings(max_examples=150, deadline=None)
@given(st.data(), templates(), st.booleans())
def test_distinct_files_have_distinct_names_by_every_template_that_is_accepted(
    data: st.DataObject, template: tuple[str, str], tables: bool
) -> None:
    directory, name = template
    entry = {"host": "h", "user": "u", "sftpDetailsKey": "k", "hostKeys": [KEY], "directory": directory}
    check_tables([SFTPDestination.model_validate({"type": "SFTP", "fileName": name, **entry})], tables=tables)
    word, glue = data.draw(st.text(alphabet="ab-", min_size=2, max_size=4)), data.draw(st.sampled_from(["", "-"]))
    cuts = st.integers(1, len(word) - 1).map(lambda cut: (word[:cut], word[cut:].removeprefix(glue) or "a"))
    (one, first), (other, second) = (data.draw(files(cuts, tables=tables)) for _ in range(2))
    paths = [file_path(directory, name, each) for each in (first, second)]
    if one != other:
        assert paths[0] != paths[1]
    for made, path in zip((first, second), paths, strict=True):
        assert path == file_path(directory, name, made), "a retry has the same name"
        assert len(path[1].encode()) <= LONGEST_NAME
        assert not {"..", "."} & (set(path[0].split("/")) - set(directory.split("/")))


@pytest.mark.parametrize(
    "template",
    ["{studi}", "a{", "}", "a\nb", "a/../b", "{}", "{study:YYYY}", "{date:}", "{date:HH:mm}", "{date:QQ}", "{end:iso}",
     "{date:YYYY[/../]MM}", "{date:YYYY MM}", "{end:YYYYZ}"],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"names|brace|control|\.\.|pattern|must have|means nothing"):
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
