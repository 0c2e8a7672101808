"""`tidegate sources`: where records can come from, what each source takes and gives. No stack is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.failures import NotFoundError
from tidegate.cli.options import JsonOption, examples
from tidegate.cli.session import enter
from tidegate.cli.words import printable

if TYPE_CHECKING:
    from tidegate.source_listing import ListedSource

sources = typer.Typer(
    no_args_is_help=True,
    help="Where records can come from: built-in sources, and those of one's own.",
    epilog=examples("tidegate sources list", "tidegate sources show mocked"),
)


@sources.command("list", epilog=examples("tidegate sources list", "tidegate sources list --json"))
def list_sources(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Every source that there is here: built in, in the sources folder, of installed packages.

    One that cannot be used is in the list with the reason.
    """
    from tidegate.source_listing import listed_sources  # noqa: PLC0415  # --help does without botocore

    session = enter(context, stack_name=None, json=as_json)
    found = listed_sources()
    if session.json:
        session.print_json([source.to_json() for source in found])
        return
    from tidegate.cli.sheets import sources_table  # noqa: PLC0415  # rich is for people

    session.out.print(sources_table(found))


@sources.command(epilog=examples("tidegate sources show mocked", "tidegate sources show sample --json"))
def show(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source's name, as definitions have it.")],
    as_json: JsonOption = False,
) -> None:
    """One source: where it is, its key, time and columns, and the JSON schemas of its options and of what it gives."""
    from tidegate.source_listing import listed_source, listed_sources  # noqa: PLC0415  # as above

    session = enter(context, stack_name=None, json=as_json)
    source = listed_source(name)
    if source is None:
        known = ", ".join(one.name for one in listed_sources())
        raise NotFoundError(
            f"There is no source {printable(name)}.",
            code="UNKNOWN_SOURCE",
            remedy=f"There are {known}; a module in the sources folder is a further one.",
        )
    if source.error is not None:
        raise source.error
    if session.json:
        session.print_json(source.to_json())
        return
    for line in _lines(source):
        session.out.print(line, soft_wrap=True)


def _lines(source: ListedSource) -> list[str]:
    lines = [f"{source.name}: {source.about or 'no description'}", f"from     {source.origin}"]
    if source.key:
        lines.append(f"key      {', '.join(source.key)}")
    if source.time:
        lines.append(f"time     {source.time}")
    if source.columns:
        lines.append(f"columns  {', '.join(source.columns)}")
    for title, schema in (("It takes", source.options), ("It has to give", source.result)):
        if schema is not None:
            lines += ["", f"{title} (JSON schema):", json.dumps(schema, indent=2)]
    return [printable(line, keep_lines=True) for line in lines]
