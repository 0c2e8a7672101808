"""`tidegate exports`: the saved definitions, put and looked at."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import JsonOption, StackOption, examples
from tidegate.cli.session import enter
from tidegate.errors import RejectedError
from tidegate.json_text import load_object
from tidegate.views import definition_json

definitions = typer.Typer(
    no_args_is_help=True,
    help="Definitions of exports: source, studies, columns, format.",
    epilog=examples("tidegate exports put partner-nightly.yaml"),
)

STANDARD_INPUT = Path("-")


def _file(text: str) -> Path:
    path = Path(text)
    if path != STANDARD_INPUT and not path.is_file():
        raise typer.BadParameter(f"there is no file {text}.")
    return path


@definitions.command(
    epilog=examples(
        "tidegate exports put partner-nightly.yaml",
        "tidegate exports show default > default.yaml   # the start of a new one",
    )
)
def put(
    context: typer.Context,
    *,
    file: Annotated[
        Path,
        typer.Argument(parser=_file, show_default=False, metavar="FILE", help="YAML or JSON; - for standard input."),
    ],
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """Save a definition as a new version.

    Operations that were accepted before keep the version of their day. A definition that is wrong is refused whole.
    """
    session = enter(context, stack_name=stack, json=as_json)
    document = read_document(file)
    definition = session.service.put_export(document, actor(), session.now())
    if session.json:
        session.print_json(definition_json(definition))
    else:
        session.out.print(f"Saved {definition.export} as version {definition.version}.")
        session.say(f"Next: 'tidegate check {definition.export}' tries it on the tables, and changes nothing.")


@definitions.command("list", epilog=examples("tidegate exports list"))
def list_definitions(context: typer.Context, *, as_json: JsonOption = False, stack: StackOption = None) -> None:
    """Every export in its newest version."""
    session = enter(context, stack_name=stack, json=as_json)
    found = session.service.exports()
    if session.json:
        session.print_json([definition_json(definition) for definition in found])
        return
    from tidegate.cli.sheets import definitions_table  # noqa: PLC0415  # rich is for people

    session.out.print(definitions_table(found))


@definitions.command(epilog=examples("tidegate exports show partner-nightly"))
def show(
    context: typer.Context,
    *,
    export_id: Annotated[str, typer.Argument(metavar="ID", help="The export's id.")],
    as_json: JsonOption = False,
    stack: StackOption = None,
) -> None:
    """One export's newest version, as YAML that 'exports put' takes again."""
    session = enter(context, stack_name=stack, json=as_json)
    definition = session.service.export(export_id)
    if definition is None:
        raise NotFoundError(
            f"There is no export {export_id}.",
            code="UNKNOWN_EXPORT",
            remedy="'tidegate exports list' shows those there are; 'tidegate exports put FILE' makes one.",
        )
    if session.json:
        session.print_json(definition_json(definition))
        return
    import yaml  # noqa: PLC0415  # for this answer only

    version = f"version {definition.version}" if definition.version else "from the stack's template"
    sys.stdout.write(f"# {version}\n")
    yaml.safe_dump(dict(definition.document), sys.stdout, sort_keys=False)


def read_document(file: Path) -> dict[str, Any]:
    """The one object in a YAML or JSON file, or on standard input. Instants stay text; a key given twice is refused.

    Raises RejectedError with MALFORMED and the place in the file.
    """
    name = "Standard input" if file == STANDARD_INPUT else str(file)
    try:
        text = sys.stdin.read() if file == STANDARD_INPUT else file.read_text("utf-8")
        return _load_json(text, or_yaml=file.suffix != ".json")
    except ValueError as error:
        raise RejectedError(
            f"{name} is not a definition: {error}.", code="MALFORMED", remedy="Correct the file and put it again."
        ) from None
    except OSError as error:
        raise RejectedError(f"{name} cannot be read: {error.strerror}.", code="MALFORMED") from error


def actor() -> str:
    """Who puts the definition, for the audit: the account on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _load_json(text: str, *, or_yaml: bool) -> dict[str, Any]:
    """JSON first: YAML is nearly all of JSON, but not its tabs."""
    try:
        return load_object(text)
    except ValueError:
        if not or_yaml:
            raise
        return _load_yaml(text)


def _load_yaml(text: str) -> dict[str, Any]:
    from tidegate.cli.yaml_text import load_object as load_yaml  # noqa: PLC0415  # for this command only

    return load_yaml(text)
