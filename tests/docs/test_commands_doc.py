from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tidegate.cli.app import app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
IN_COMMON = DOCUMENT.partition("## tidegate export\n")[0]
SECTIONS = {
    heading.strip(): text
    for heading, text in re.findall(r"^##+ (tidegate [a-z -]+)\n(.*?)(?=^##+ |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
}


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    if not below:
        yield " ".join(path), command
    for name, part in below.items():
        yield from commands(part, (*path, name))


PROGRAM = typer.main.get_command(app)
COMMANDS = dict(commands(PROGRAM, ("tidegate",)))


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described_with_an_example(name: str) -> None:
    assert re.search(rf"^    {name}\b", SECTIONS[name], re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_described_with_it_or_with_what_all_have_in_common(name: str) -> None:
    for option in options(COMMANDS[name]):
        assert f"`{option}`" in SECTIONS[name] + IN_COMMON, f"{name} {option}"


def test_every_option_of_the_program_is_described() -> None:
    for option in options(PROGRAM) | {"--help"}:
        assert f"`{option}" in IN_COMMON, option


def test_no_command_is_described_that_does_not_exist() -> None:
    groups = {name.rpartition(" ")[0] for name in COMMANDS} - {"tidegate"}
    assert set(SECTIONS) == set(COMMANDS) | groups


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_is_described_that_the_command_does_not_have(name: str) -> None:
    known = options(COMMANDS[name]) | options(PROGRAM)
    examples = "\n".join(re.findall(rf"^    {name}.*", SECTIONS[name], re.MULTILINE))
    table = "\n".join(re.findall(r"^\| `(--[a-z-]+)`", SECTIONS[name], re.MULTILINE))
    for option in re.findall(r"--[a-z-]+", examples + "\n" + table):
        assert option in known, f"{name} {option}"
