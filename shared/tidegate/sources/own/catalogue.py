"""Which data sources of one's own there are, by name; none of them is imported to find that out.

A source is a module: one in the folder `datasources/`, under the name of its file, or one that an installed package
names as an entry point of the group `tidegate.sources`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from tidegate.errors import FatalError

FOLDER: Final = "datasources"
GROUP: Final = "tidegate.sources"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source's module is: its name in definitions, what is imported, and where that comes from."""

    name: str
    module: str
    origin: str


BUILT_IN: Final = (Place("mocked", "tidegate.sources.mocked", "built in"),)


def places() -> list[Place]:
    """Every source that is a module, by name; two of one name are both in the list."""
    return sorted([*BUILT_IN, *_in_folder(), *_of_packages()], key=lambda place: (place.name, place.origin))


def place_of(name: str) -> Place | None:
    """The place of the source of this name, None where there is none. Raises FatalError where there are several."""
    found = [place for place in BUILT_IN if place.name == name] or [one for one in places() if one.name == name]
    if len(found) > 1:
        origins = " and ".join(place.origin for place in found)
        raise FatalError(
            f"There are several sources of the name {name}: {origins}.",
            code="SOURCE_BROKEN",
            remedy="Rename all but one of them.",
        )
    return found[0] if found else None


def _in_folder() -> Iterator[Place]:
    spec = find_spec(FOLDER)
    for module in pkgutil.iter_modules((spec and spec.submodule_search_locations) or ()):
        if not module.name.startswith("_"):
            origin = f"{FOLDER}/{module.name}/" if module.ispkg else f"{FOLDER}/{module.name}.py"
            yield Place(module.name, f"{FOLDER}.{module.name}", origin)


def _of_packages() -> Iterator[Place]:
    from importlib.metadata import entry_points  # noqa: PLC0415  # of every cold start a fortieth, for who asks seldom

    for point in entry_points(group=GROUP):
        origin = f"package {point.dist.name}" if point.dist else "an installed package"
        yield Place(point.name, point.value, origin)
