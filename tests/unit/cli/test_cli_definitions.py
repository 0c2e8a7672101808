from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tidegate.errors import RejectedError
from tidegate.model import Definition

if TYPE_CHECKING:
    from datetime import datetime

    from unit.cli.conftest import Cli

DOCUMENT = """\
exportId: partner-nightly   # a comment
firstExportFrom: 2026-01-01T00:00:00Z
studies: [asthma, 0017]
columns: [id, {from: answers.q1, as: q1}]
settleSeconds: 60
maxFailedRecords: {percent: 1.5}
"""


def put(cli: Cli, tmp_path: Path, text: str, name: str = "export.yaml") -> object:
    file = tmp_path / name
    file.write_text(text)
    result = cli("exports", "put", str(file))
    assert result.exit_code == 0, result.stderr
    ((_, document, *_),) = cli.stack.asked
    return document


def test_put_hands_over_the_document_with_instants_as_the_text_that_they_are(cli: Cli, tmp_path: Path) -> None:
    document = put(cli, tmp_path, DOCUMENT)
    assert isinstance(document, dict)
    assert document["firstExportFrom"] == "2026-01-01T00:00:00Z"
    assert document["columns"] == ["id", {"from": "answers.q1", "as": "q1"}]
    assert document["maxFailedRecords"] == {"percent": 1.5}


@pytest.mark.parametrize("name", ["export.json", "export.yaml", "export.txt"])
def test_put_takes_json_as_well(cli: Cli, tmp_path: Path, name: str) -> None:
    assert put(cli, tmp_path, '{\n\t"exportId": "x",\n\t"settleSeconds": 5\n}', name) == {
        "exportId": "x",
        "settleSeconds": 5,
    }


def test_put_takes_yaml_in_braces(cli: Cli, tmp_path: Path) -> None:
    assert put(cli, tmp_path, "{exportId: x, studies: all}") == {"exportId": "x", "studies": "all"}


def test_put_reads_standard_input(cli: Cli) -> None:
    result = cli("exports", "put", "-", typed=DOCUMENT)
    assert result.exit_code == 0
    assert result.stdout == "Saved partner-nightly as version 3.\n"
    assert "tidegate check partner-nightly" in result.stderr


def test_put_tells_who_did_it_and_when(cli: Cli, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    cli("exports", "put", "-", typed="exportId: x")
    assert cli.stack.asked == [("put_export", {"exportId": "x"}, "operator", now)]


def test_put_works_on_a_machine_where_the_account_has_no_name(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    cli("exports", "put", "-", typed="exportId: x")
    assert cli.stack.asked[0][2] == "unknown"


def test_put_with_json_shows_the_saved_version(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("exportId: x\nsettleSeconds: 5\n")
    assert cli.json("exports", "put", str(file)) == {"exportId": "x", "settleSeconds": 5, "version": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "line 1"),
        ("- a\n- b\n", "it does not hold one object"),
        ("", "it does not hold one object"),
        ("a: 1\nb: {c: 1, c: 2}\n", "a key comes twice in the object that begins in line 2"),
        ('{"a": 1, "a": 2}', "a key comes twice in the object that begins in line 1"),
        ("a: !!python/object:os.system x\n", "no plain data"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
    ],
)
def test_a_file_that_holds_no_document_is_refused_with_the_place(
    cli: Cli, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    result = cli("exports", "put", str(file), "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "MALFORMED"
    assert str(file) in error["message"]
    assert told in error["message"]
    assert cli.stack.asked == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: !!int ''\n", "is not of the type int"),
        ("a: !!bool maybe\n", "is not of the type bool"),
        ("a: 0x" + "f" * 6000, "is not of the type int, or too long"),
        ("a: 1:" + "59:" * 400 + "1.5", "is not of the type float, or too long"),
        ("a: !!timestamp soon\n", "which is no plain data"),
        ("[" * 3000, "nested too deeply"),
        ("a: &a [*a]\n", "line 1, column 4 holds an alias of itself"),
        ('a: "\\ud800"\n', "unpaired surrogate"),
        ("a: " + "x" * 300_000, "262144 are allowed"),
    ],
    ids=["empty-int", "no-bool", "huge-int", "huge-float", "timestamp", "deep", "cycle", "surrogate", "large"],
)
def test_yaml_that_pyyaml_itself_would_stumble_over_is_refused_with_a_reason(
    cli: Cli, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    result = cli("exports", "put", str(file), "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "MALFORMED"
    assert told in error["message"]


def test_a_few_lines_of_aliases_do_not_become_more_values_than_memory_holds(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 100))]
    file.write_text("\n".join(lines))
    result = cli("exports", "put", str(file))
    assert result.exit_code == 1
    assert "once its aliases are written out" in result.stderr


def test_aliases_that_say_a_thing_twice_are_taken(cli: Cli, tmp_path: Path) -> None:
    assert put(cli, tmp_path, "exportId: x\ntableBy: &t [a]\ncolumns: *t\n") == {
        "exportId": "x",
        "tableBy": ["a"],
        "columns": ["a"],
    }


def test_a_json_file_is_told_what_is_wrong_with_its_json(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": 1,}')
    result = cli("exports", "put", str(file))
    assert result.exit_code == 1
    assert "it is not JSON" in result.stderr
    assert "line 1" in result.stderr


def test_a_file_that_is_no_text_is_refused(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    result = cli("exports", "put", str(file))
    assert result.exit_code == 1
    assert "error: MALFORMED:" in result.stderr


def test_a_file_that_is_not_there_is_wrong_usage(cli: Cli) -> None:
    result = cli("exports", "put", "nowhere.yaml")
    assert result.exit_code == 2
    assert "nowhere.yaml" in result.stderr


def test_a_definition_that_is_wrong_is_an_error_that_names_the_field(cli: Cli) -> None:
    cli.stack.error = RejectedError("format.type must be CSV, JSON or JSONL.", remedy="Correct the definition.")
    result = cli("exports", "put", "-", typed="exportId: x")
    assert result.exit_code == 1
    assert result.stderr == "error: INVALID_FIELD: format.type must be CSV, JSON or JSONL. Correct the definition.\n"


def test_list_shows_every_export_in_its_newest_version(cli: Cli, make_definition: Callable[..., Definition]) -> None:
    cli.stack.definitions = [
        make_definition("default", version=0, document={"exportId": "default"}),
        make_definition("partner", version=4, document={"exportId": "partner", "timeZone": "Europe/London"}),
    ]
    result = cli("exports", "list")
    assert result.exit_code == 0
    assert "template" in result.stdout.splitlines()[1]
    assert result.stdout.splitlines()[2].split()[:2] == ["partner", "4"]
    assert cli.json("exports", "list") == [
        {"exportId": "default", "version": 0},
        {"exportId": "partner", "timeZone": "Europe/London", "version": 4},
    ]


def test_show_prints_yaml_that_put_takes_again(cli: Cli, make_definition: Callable[..., Definition]) -> None:
    document = {"exportId": "partner", "firstExportFrom": "2026-01-01T00:00:00Z", "studies": ["0017", "yes"]}
    cli.stack.definitions = [make_definition("partner", version=4, document=document)]
    result = cli("exports", "show", "partner")
    assert result.exit_code == 0
    assert result.stdout.startswith("# version 4\n")
    assert yaml.safe_load(result.stdout)["studies"] == ["0017", "yes"]
    cli.stack.asked.clear()
    cli("exports", "put", "-", typed=result.stdout)
    assert cli.stack.asked[0][1] == document


def test_show_with_json_is_one_object(cli: Cli, make_definition: Callable[..., Definition]) -> None:
    cli.stack.definitions = [make_definition("partner", version=4, document={"exportId": "partner"})]
    assert cli.json("exports", "show", "partner") == {"exportId": "partner", "version": 4}


def test_an_unknown_export_is_an_error(cli: Cli) -> None:
    result = cli("exports", "show", "nope")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: There is no export nope. 'tidegate exports list'")
