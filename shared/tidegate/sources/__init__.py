"""Where records come from: the protocol, and the registry that finds a source by the `type` of a definition.

A module in the sources folder, or of an installed package, needs no registration (`own/`). What an export does not read
from is not imported either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tidegate.errors import FatalError
from tidegate.model import Definition, Finding
from tidegate.sources.source import Ask, Clients, Inspectable, Key, KeyLookup, Names, Source, TimeOrdered
from tidegate.sources.times import time_type_of

__all__ = [
    "Ask",
    "Clients",
    "Factory",
    "Finding",
    "Inspectable",
    "Key",
    "KeyLookup",
    "Names",
    "Source",
    "TimeOrdered",
    "names",
    "register",
    "source_of",
    "time_type_of",
    "time_unit_of",
]

Factory: TypeAlias = Callable[[Definition, Clients], Source]


def _dynamodb(definition: Definition, clients: Clients) -> Source:
    from tidegate.sources.dynamodb import DynamoDBSource  # noqa: PLC0415

    return DynamoDBSource(clients.dynamodb, definition)


def _sample(definition: Definition, _: Clients) -> Source:
    from tidegate.sources.sample import SampleSource  # noqa: PLC0415

    return SampleSource(definition)


_FACTORIES: dict[str, Factory] = {"dynamodb": _dynamodb, "sample": _sample}


def register(name: str, factory: Factory) -> None:
    """Make a source of your own known under the `type` that definitions name. Raises ValueError if it is taken."""
    if _FACTORIES.setdefault(name, factory) is not factory:
        raise ValueError(f"there is already a source named {name}; choose another name")


def names() -> tuple[str, ...]:
    """The types that definitions can name, sorted. No source of one's own is imported."""
    from tidegate.sources.own.catalogue import places  # noqa: PLC0415

    return tuple(sorted({*_FACTORIES, *(place.name for place in places())}))


def source_of(definition: Definition, clients: Clients) -> Source:
    """A source for this export. Nothing is read or imported yet. Raises FatalError for a type that nobody knows."""
    factory = _FACTORIES.get(definition.source.type)
    if factory is not None:
        return factory(definition, clients)
    from tidegate.sources.own.catalogue import place_of  # noqa: PLC0415
    from tidegate.sources.own.source import OwnSource  # noqa: PLC0415

    place = place_of(definition.source.type)
    if place is None:
        raise FatalError(
            f"Export {definition.export} names the source type {definition.source.type}, which is not known.",
            code="UNKNOWN_SOURCE",
            remedy=f"Use one of {', '.join(names())}, or put a module of that name into the sources folder.",
        )
    return OwnSource(definition, place)


def time_unit_of(source: Source) -> int | None:
    """See TimeOrdered; None for a source that does not say."""
    return source.time_unit() if isinstance(source, TimeOrdered) else None
