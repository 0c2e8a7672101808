from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import typer

from tidegate import __version__
from tidegate.cli.app import app
from tidegate.service import Service

if TYPE_CHECKING:
    from unit.cli.conftest import Cli


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


EVERY_COMMAND = list(commands(typer.main.get_command(app)))


def test_the_commands_are_those_of_the_specification_and_no_others() -> None:
    assert {" ".join(path) for path in EVERY_COMMAND} == {
        "",
        "check",
        "destinations",
        "destinations show",
        "destinations test",
        "export",
        "exports",
        "exports list",
        "exports put",
        "exports show",
        "local",
        "local demo",
        "local up",
        "operations",
        "operations list",
        "operations log",
        "operations show",
        "operations watch",
        "redrive",
        "redrive dead-letters",
        "redrive dead-letters drop",
        "redrive dead-letters list",
        "redrive dead-letters send",
        "redrive dead-letters show",
        "redrive delivery",
        "redrive operation",
        "redrive records",
        "redrive settle",
        "redrive tables",
        "redrive window",
        "sources",
        "sources list",
        "sources show",
        "studies",
        "studies delete",
        "studies disable",
        "studies enable",
        "studies list",
        "studies put",
        "verify",
        "watermark",
        "watermark delete",
        "watermark list",
        "watermark set",
        "watermark show",
    }


@pytest.mark.parametrize("path", EVERY_COMMAND, ids=" ".join)
def test_the_help_of_every_command_says_what_it_does_and_gives_an_example_of_itself(
    cli: Cli, path: tuple[str, ...]
) -> None:
    result = cli(*path, "--help")
    assert result.exit_code == 0
    usage, _, rest = result.stdout.partition("\n\n")
    assert usage.startswith("Usage: tidegate")
    assert rest.strip()[0].isupper()
    _, heading, example = rest.partition("Example")
    assert heading
    assert " ".join(("tidegate", *path)) in example


WITHOUT_A_STACK = ("local", "sources")


@pytest.mark.parametrize(
    "path", [path for path in EVERY_COMMAND if path and path[0] not in WITHOUT_A_STACK], ids=" ".join
)
def test_every_command_that_asks_the_stack_speaks_json_and_takes_the_name_of_a_stack(
    cli: Cli, path: tuple[str, ...]
) -> None:
    text = cli(*path, "--help").stdout
    if "COMMAND" not in text.splitlines()[0]:
        assert "--json" in text
        assert "--stack" in text


@pytest.mark.parametrize(
    "name",
    [
        "request_operations",
        "operations",
        "operation",
        "preview",
        "put_export",
        "exports",
        "export",
        "watermarks",
        "check",
    ],
)
def test_the_stand_in_of_these_tests_is_asked_as_the_real_service_is(cli: Cli, name: str) -> None:
    real = list(inspect.signature(getattr(Service, name)).parameters.values())[1:]
    stand_in = list(inspect.signature(getattr(cli.stack, name)).parameters.values())
    assert [(p.kind, p.default) for p in stand_in] == [(p.kind, p.default) for p in real]


def test_the_version_is_the_packages(cli: Cli) -> None:
    assert cli("--version").stdout == f"tidegate {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stack", "mine", "--json", "operations", "list"),
        ("operations", "list", "--stack", "mine", "--json"),
        ("--stack", "another", "operations", "list", "--json", "--stack", "mine"),
    ],
)
def test_stack_and_json_may_stand_before_the_command_or_after_it(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).stdout == "[]\n"
    assert cli.chosen == ["mine"]


def test_a_misspelt_command_is_wrong_usage_with_a_suggestion(cli: Cli) -> None:
    result = cli("exprot")
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr


def test_help_and_version_load_no_aws_library() -> None:
    program = (
        "import sys; from tidegate.cli import main; sys.argv = ['tidegate', sys.argv[1]]\n"
        "try: main()\n"
        "finally: print(sorted({'boto3', 'botocore', 'pydantic', 'pynamodb', 'rich', 'yaml'} & set(sys.modules)))"
    )
    for option in ("--help", "--version"):
        ran = subprocess.run(  # noqa: S603  # this Python, with a program of our own
            [sys.executable, "-c", program, option], capture_output=True, text=True, check=True
        )
        assert ran.stdout.endswith("[]\n")


def test_an_installation_without_the_command_lines_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tidegate.cli import main

    monkeypatch.delitem(sys.modules, "tidegate.cli.app")
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == "error: The command line needs the package typer. Install tidegate with its extra 'cli'."


@pytest.fixture
def local_stack(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the package that runs the local stack; what it is called with ends up here."""
    from tidegate_local.errors import LocalStackError

    calls: dict[str, Any] = {}

    def up(port: int | None = None) -> None:
        calls["up"] = port
        if port == 1:
            raise LocalStackError("Port 1 cannot be used.", remedy="Choose another with --port.")

    def run() -> None:
        calls["demo"] = True

    def deliver() -> None:
        calls["delivery"] = True

    for name, called, content in (("up", "up", up), ("demo", "run", run), ("delivery_demo", "run", deliver)):
        module = ModuleType(f"tidegate_local.{name}")
        setattr(module, called, content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


def test_local_up_and_demo_run_the_local_stack(cli: Cli, local_stack: dict[str, Any]) -> None:
    assert cli("local", "up").exit_code == 0
    assert local_stack["up"] is None
    assert cli("local", "up", "--port", "4566").exit_code == 0
    assert cli("local", "demo").exit_code == 0
    assert local_stack == {"up": 4566, "demo": True}
    assert cli("local", "demo", "--delivery").exit_code == 0
    assert local_stack == {"up": 4566, "demo": True, "delivery": True}


@pytest.mark.usefixtures("local_stack")
def test_what_the_local_stack_cannot_do_is_told_as_it_tells_it(cli: Cli) -> None:
    result = cli("local", "up", "--port", "1")
    assert result.exit_code == 1
    assert result.stderr == "error: Port 1 cannot be used. Choose another with --port.\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_an_installation_without_the_local_stack_says_where_it_is(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "tidegate_local", None)
    monkeypatch.delitem(sys.modules, f"tidegate_local.{command}", raising=False)
    result = cli("local", command)
    assert result.exit_code == 2
    assert "The local stack is not part of this installation. It runs from the project's own folder" in result.stderr
