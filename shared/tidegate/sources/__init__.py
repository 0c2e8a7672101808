"""Where records come from: the protocol, and the registry that finds a source by the `type` of a definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tidegate.errors import FatalError
from tidegate.model import Definition, Finding
from tidegate.sources.dynamodb import DynamoDBSource
from tidegate.sources.dynamodb.times import time_type_of
from tidegate.sources.sample import SampleSource
from tidegate.sources.source import Ask, Clients, Inspectable, Key, KeyLookup, Names, Source, TimeOrdered

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
    "register",
    "source_of",
    "time_type_of",
    "time_unit_of",
]

Factory: TypeAlias = Callable[[Definition, Clients], Source]

_FACTORIES: dict[str, Factory] = {
    "dynamodb": lambda definition, clients: DynamoDBSource(clients.dynamodb, definition),
    "sample": lambda definition, _clients: SampleSource(definition),
}


def register(name: str, factory: Factory) -> None:
    """Make a source of your own known under the `type` that definitions name. Raises ValueError if it is taken."""
    if _FACTORIES.setdefault(name, factory) is not factory:
        raise ValueError(f"there is already a source named {name}; choose another name")


def source_of(definition: Definition, clients: Clients) -> Source:
    """A source for this export. Nothing is read yet. Raises FatalError for a type that nobody registered."""
    factory = _FACTORIES.get(definition.source.type)
    if factory is None:
        raise FatalError(
            f"Export {definition.export} names the source type {definition.source.type}, which is not known.",
            code="UNKNOWN_SOURCE",
            remedy=f"Use one of {', '.join(sorted(_FACTORIES))}, or register your own.",
        )
    return factory(definition, clients)


def time_unit_of(source: Source) -> int | None:
    """See TimeOrdered; None for a source that does not say."""
    return source.time_unit() if isinstance(source, TimeOrdered) else None
