"""Modules of the sources folder and of installed packages: found by name, imported late, and told of when broken."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tidegate import sources
from tidegate.definition_schema import BUILT_IN_SOURCES
from tidegate.errors import FatalError
from tidegate.sources.own.catalogue import place_of
from tidegate.sources.own.module import SourceModule, load

if TYPE_CHECKING:
    from pathlib import Path

    from unit.sources.dropped import Dropped

PLAIN = """
    \"\"\"Visits to the wards.

    More of it.\"\"\"
    def source(asked):
        return []
    """


def loaded(name: str) -> SourceModule:
    place = place_of(name)
    assert place is not None
    return load(place)


def test_without_any_module_there_are_the_built_in_sources() -> None:
    assert sources.names() == BUILT_IN_SOURCES


def test_a_module_in_the_folder_is_a_source_and_one_outside_is_not(drop: Dropped, tmp_path: Path) -> None:
    drop("visits", PLAIN)
    (tmp_path / "elsewhere.py").write_text("def source(asked): return []")
    assert "visits" in sources.names()
    assert "elsewhere" not in sources.names()
    place = place_of("visits")
    assert place is not None
    assert (place.origin, loaded("visits").about) == ("datasources/visits.py", "Visits to the wards.")


def test_a_module_whose_name_begins_with_an_underscore_is_a_part_of_others(drop: Dropped) -> None:
    drop("_ward", "WARD = 5")
    drop("visits", "from datasources._ward import WARD\ndef source(asked): return [WARD]")
    assert "_ward" not in sources.names()
    assert loaded("visits").name == "visits"


def test_a_folder_with_modules_of_its_own_is_a_source_too(drop: Dropped) -> None:
    (drop.folder / "visits").mkdir()
    drop("visits/__init__", PLAIN)
    assert loaded("visits").about == "Visits to the wards."


def test_names_are_told_without_importing_anything(drop: Dropped) -> None:
    drop("visits", "raise SystemExit('imported')")
    assert "visits" in sources.names()
    assert not [name for name in sys.modules if name.startswith("datasources.")]


def test_an_installed_package_brings_sources_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_exports.py").write_text("def source(asked): return []")
    metadata = tmp_path / "acme_exports-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-exports\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[tidegate.sources]\nacme = acme_exports\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "acme" in sources.names()
    place = place_of("acme")
    assert place is not None
    assert place.origin == "package acme-exports"
    assert loaded("acme").name == "acme"
    del sys.modules["acme_exports"]


def test_a_built_in_source_stays_what_it_is(drop: Dropped) -> None:
    drop("mocked", PLAIN)
    assert loaded("mocked").about.startswith("Made-up cases")


def test_two_sources_of_one_name_are_refused(drop: Dropped, tmp_path: Path) -> None:
    drop("visits", PLAIN)
    metadata = tmp_path / "acme-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[tidegate.sources]\nvisits = acme\n")
    with pytest.raises(FatalError, match=r"visits: datasources/visits.py and package acme"):
        place_of("visits")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("import nowhere_to_be_found", r"its import raises ModuleNotFoundError \(nowhere_to_be_found\)"),
        ("1 / 0", "its import raises ZeroDivisionError"),
        ("x = 1\ndef source(:", "its import raises SyntaxError, line 2"),
        ("", "it has no 'source'"),
        ("source = 5", "it has no 'source'"),
        ("class source: pass", "it has no 'source'"),
        ("def source(asked): ...\nKEY = 5", "KEY is not a name"),
        ("def source(asked): ...\nKEY = ()", "KEY is not a name"),
        ("def source(asked): ...\nKEY = ('a', 'b', 'c')", "KEY is one name or 2"),
        ("def source(asked): ...\nKEY = 'a'\nTIME = ('b', 'c')", ".* TIME is one name"),
        ("def source(asked): ...\nTIME = 'b'", "it names a TIME but no KEY"),
        ("def source(asked): ...\nCOLUMNS = ('a', 'a')", "COLUMNS is not a name, or several different ones"),
        ("def source(asked): ...\nKEY = 'id'\nCOLUMNS = ('a', 'b')", "COLUMNS lacks 'id'"),
        ("def source(asked): ...\nclass Parameters: pass", "its 'Parameters' is no dataclass"),
    ],
    ids=lambda value: value[-20:],
)
def test_a_module_that_cannot_be_a_source_says_why(drop: Dropped, text: str, finding: str) -> None:
    drop("visits", text)
    with pytest.raises(
        FatalError, match=rf"source visits \(datasources/visits.py\) cannot be used: {finding}"
    ) as caught:
        loaded("visits")
    assert caught.value.code == "SOURCE_BROKEN"


def test_a_module_that_no_definition_could_name_says_so(drop: Dropped) -> None:
    drop("Visits", PLAIN)
    with pytest.raises(FatalError, match="its name has to be lower-case"):
        loaded("Visits")
