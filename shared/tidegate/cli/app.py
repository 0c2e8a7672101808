"""All commands put together, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tidegate import __version__
from tidegate.cli.check import EPILOG as CHECK_EPILOG
from tidegate.cli.check import check
from tidegate.cli.definitions import definitions
from tidegate.cli.destinations import destinations
from tidegate.cli.export import EPILOG as EXPORT_EPILOG
from tidegate.cli.export import export
from tidegate.cli.failures import exit_code, explain
from tidegate.cli.local import local
from tidegate.cli.operations import operations
from tidegate.cli.options import JsonOption, StackOption, examples
from tidegate.cli.redrive import redrive
from tidegate.cli.session import Session, enter
from tidegate.cli.sources import sources
from tidegate.cli.studies import studies
from tidegate.cli.verify import EPILOG as VERIFY_EPILOG
from tidegate.cli.verify import verify
from tidegate.cli.watermark import watermark


class Commands(TyperGroup):
    """The whole program. Expected errors are told; anything else is a bug and keeps its traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run one command line. A test hands in its own Session as `obj`."""
        session = extra.setdefault("obj", Session())
        try:
            return super().main(*args, **extra)
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            session.fail(explained)
            sys.exit(exit_code(explained))


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text: help that is piped or read in a log stays readable
    pretty_exceptions_enable=False,  # they would print the values of variables
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        "tidegate local up                       # a stack on this machine",
        "tidegate export --type INSTANT --wait   # what is new, now",
        "tidegate operations list                # what ran, what runs",
    ),
)
app.command(epilog=EXPORT_EPILOG)(export)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=VERIFY_EPILOG)(verify)
app.add_typer(operations, name="operations")
app.add_typer(definitions, name="exports")
app.add_typer(sources, name="sources")
app.add_typer(destinations, name="destinations")
app.add_typer(watermark, name="watermark")
app.add_typer(studies, name="studies")
app.add_typer(redrive, name="redrive")
app.add_typer(local, name="local")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # the shape of an option's callback
    if wanted:
        typer.echo(f"tidegate {__version__}")
        raise typer.Exit


@app.callback()
def tidegate(
    context: typer.Context,
    *,
    as_json: JsonOption = False,
    stack: StackOption = None,
    version: Annotated[  # noqa: ARG001  # its callback has done the work
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Export what is new in your data since the last time, as files; neither lose nor repeat a record.

    --stack and --json may stand before a command or after it. Exit codes: 0 what was asked for happened, 1 it did not,
    2 wrong usage, 130 Ctrl-C. Every error says what to do.
    """
    enter(context, stack_name=stack, json=as_json)
