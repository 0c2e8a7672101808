"""What the pages tell people to type exists: targets, commands, options, outputs, parameters, files."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tidegate.cli.app import app

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
TYPED = {
    name: (PROJECT / name).read_text("utf-8")
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "docs/runbook.md",
        "infra/README.md",
        "docs/requests.md",
        "docs/files.md",
    )
}
PROGRAM = typer.main.get_command(app)


class _AnyTag(yaml.SafeLoader):
    """Reads a template for the names in it; what its functions would give does not matter here."""


_AnyTag.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def template() -> dict[str, Any]:
    # The loader is a SafeLoader.
    loaded: dict[str, Any] = yaml.load((PROJECT / "template.yaml").read_text("utf-8"), _AnyTag)  # noqa: S506
    return loaded


def typed_lines(text: str) -> list[str]:
    """Return what a page gives to type: indented blocks, fences of a shell, code within a line."""
    shell = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    fenced = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^ {4}(\S.*)$", fenced, re.MULTILINE)
    return [*shell.splitlines(), *indented, *re.findall(r"`([^`\n]+)`", fenced)]


def calls(program: str) -> list[tuple[str, list[str]]]:
    """Return the page and the words of each call of a program."""
    return [
        (page, shlex.split(match[1], comments=True))
        for page, text in TYPED.items()
        for line in typed_lines(text)
        if (match := re.match(rf"(?:\.venv/bin/)?{program} (.*)", line))
    ]


@pytest.mark.parametrize(("page", "words"), calls("tidegate"), ids=lambda value: str(value)[:60])
def test_a_command_of_tidegate_exists_with_its_options(page: str, words: list[str]) -> None:
    command: Any = PROGRAM
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    known = {option for part in (command, PROGRAM) for parameter in part.params for option in parameter.opts}
    unknown = [word for word in rest if word.startswith("--") and word not in known]
    assert not unknown, f"{page}: tidegate {' '.join(words)}"
    takes_more = not getattr(command, "commands", {}) or {"--version", "--help"} & set(rest) or rest == []
    assert command is not PROGRAM or takes_more, f"{page}: tidegate {' '.join(words)}"


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    files = {f".venv/{tool}/.done" for tool in ("sam", "checkov", "ministack")}
    for page, words in calls("make"):
        named = {word for word in words if "=" not in word}
        assert named <= targets | files, f"{page}: make {' '.join(words)}"
    assert calls("make")


def test_every_output_that_is_named_is_one_of_the_template() -> None:
    outputs = set(template()["Outputs"]) | {"endpointUrl", "region"}
    named = set(re.findall(r"\$\(out (\w+)\)", README))
    assert named
    assert named <= outputs


@pytest.mark.parametrize("page", ["README.md", "docs/runbook.md", "infra/README.md"])
def test_every_parameter_that_is_named_is_one_of_the_template(page: str) -> None:
    known = set(template()["Parameters"]) | set(template()["Outputs"])
    named = set(re.findall(r"(?<!\w)((?:[A-Z][a-z]+){2,})(?=`|=\w)", TYPED[page]))
    assert named
    assert named <= known


def test_every_file_that_is_named_in_code_is_there() -> None:
    for page, text in TYPED.items():
        for named in re.findall(r"`((?:infra|docs|tests|shared|functions|requirements|\.ci)/[\w./-]*\w)`", text):
            assert (PROJECT / named).exists(), f"{page}: {named}"


def test_the_readme_says_what_was_not_done() -> None:
    assert "We have not deployed this to AWS yet" in README
    assert "infra/smoke.py" in README
