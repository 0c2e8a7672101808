"""Imports the module of a source of one's own, and checks what it says of itself.

A module has `source`: a function that takes an Asked, or a class whose method `pages` does. It may have `Parameters` (a
dataclass of its options), `KEY` (the name, or two names, by which a record is known), `TIME` (the name of its time) and
`COLUMNS` (the header of everything that it gives). The first line of its docstring says what it is.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from types import ModuleType
from typing import Any, Final

from tidegate.datasource import Asked
from tidegate.errors import FatalError, TidegateError
from tidegate.sources.own.catalogue import Place

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_MOST_KEYS = 2


@dataclass(frozen=True, slots=True)
class SourceModule:
    """A module that can be asked. `time` is "" and `key` empty where it names none; `file` is where its code is."""

    name: str
    about: str
    key: tuple[str, ...]
    time: str
    columns: tuple[str, ...] | None
    parameters: type | None
    source: Callable[..., Any]
    file: str

    def asking(self, options: Mapping[str, Any]) -> tuple[Callable[[Asked], Any], Any]:
        """What to call with an Asked, and the parameters to put into it.

        Raises FatalError SOURCE_MISCONFIGURED for options that the source does not take, and what its class raises.
        """
        parameters = self.parameters_of(options)
        if not isinstance(self.source, type):
            return self.source, parameters
        made = self.source() if self.parameters is None else self.source(parameters)
        pages: Callable[[Asked], Any] = made.pages
        return pages, parameters

    def parameters_of(self, options: Mapping[str, Any]) -> Any:
        """The options as the module's own Parameters, None where it takes none. Raises FatalError."""
        try:
            if self.parameters is not None:
                return self.parameters(**options)
            if not options:
                return None
            reason = "it takes none"
        except (TypeError, ValueError) as error:
            reason = str(error)
        raise FatalError(
            f"The options of the source {self.name} are not what it takes: {reason}.",
            code="SOURCE_MISCONFIGURED",
            remedy=f"'tidegate sources show {self.name}' prints what it takes; put the export's definition again.",
        )


def load(place: Place) -> SourceModule:
    """Import a source's module. Raises FatalError SOURCE_BROKEN where that fails or it is not made as it has to be."""
    if not NAME.fullmatch(place.name):
        raise _broken(place, "its name has to be lower-case letters, digits, - and _, and to begin with a letter")
    module = _imported(place)
    source = getattr(module, "source", None)
    if not callable(source) or (isinstance(source, type) and not callable(getattr(source, "pages", None))):
        raise _broken(place, "it has no 'source', a function or a class with a method 'pages'")
    key, time, columns = _names(place, module, "KEY"), _names(place, module, "TIME"), _names(place, module, "COLUMNS")
    parameters = getattr(module, "Parameters", None)
    if parameters is not None and not (isinstance(parameters, type) and is_dataclass(parameters)):
        raise _broken(place, "its 'Parameters' is no dataclass")
    if len(key) > _MOST_KEYS or len(time) > 1:
        raise _broken(place, f"KEY is one name or {_MOST_KEYS}, TIME is one name")
    if time and not key:
        raise _broken(place, "it names a TIME but no KEY; a late record could not be told from an exported one")
    for name in (*key, *time):
        if columns and name not in columns:
            raise _broken(place, f"COLUMNS lacks {name!r}, which is its KEY or TIME")
    about = (module.__doc__ or "").strip().partition("\n")[0]
    return SourceModule(
        place.name, about, key, time[0] if time else "", columns or None, parameters, source, module.__file__ or ""
    )


def _imported(place: Place) -> ModuleType:
    try:
        return importlib.import_module(place.module)
    except TidegateError:
        raise
    except Exception as error:
        lacks = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
        at = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise _broken(place, f"its import raises {type(error).__name__}{lacks}{at}") from error


def _names(place: Place, module: ModuleType, constant: str) -> tuple[str, ...]:
    given = getattr(module, constant, None)
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list | tuple) else None
    if given is None:
        return ()
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise _broken(place, f"{constant} is not a name, or several different ones")
    return names


def _broken(place: Place, why: str) -> FatalError:
    return FatalError(
        f"The source {place.name} ({place.origin}) cannot be used: {why}.",
        code="SOURCE_BROKEN",
        remedy="Correct the module, see docs/sources.md; then deploy it, and retry the operation.",
    )
