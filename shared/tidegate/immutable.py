"""`dataclass(frozen=True, slots=True)` of the standard library, made in a third of the time.

The standard one writes six methods of each class as text and compiles them whenever a process starts: 0.8 ms a class,
and a start makes some eighty. Here only `__init__` is compiled; the other methods are the same for all classes. To type
checkers it is the standard one. What it cannot do (see `_parameter`) it refuses when the class is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

__all__ = ["dataclass"]

ClassT = TypeVar("ClassT")
_MISSING = dataclasses.MISSING


def _dataclass(*, frozen: Literal[True], slots: Literal[True]) -> Callable[[type[ClassT]], type[ClassT]]:  # noqa: ARG001
    """A decorator for classes whose objects never change. Both arguments are there to be read."""
    return _made


def _made(cls: Any) -> Any:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    made.__dataclass_params__.frozen = True  # for standard ones that are derived from it
    made.__init__ = _initialiser(made, fields)
    for method in (__setattr__, __delattr__, __reduce__, __eq__, __hash__, __repr__):
        if method.__name__ not in cls.__dict__:
            setattr(made, method.__name__, method)
    made.__values__ = staticmethod(_values([field.name for field in fields if field.compare]))
    return made


def _initialiser(cls: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    """What sets each slot: by the slot itself, which asks nobody whether it may be set."""
    known: dict[str, Any] = {"_MISSING": _MISSING}
    lines = []
    for field in fields:
        known[f"_set_{field.name}"] = cls.__dict__[field.name].__set__
        given = field.name
        if field.default_factory is not _MISSING:
            known[f"_make_{field.name}"] = field.default_factory
            given = f"_make_{field.name}() if {field.name} is _MISSING else {field.name}"
        lines.append(f" _set_{field.name}(self, {given})\n")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    parameters = ", ".join(_parameter(field, known) for field in fields)
    exec(f"def __init__(self, {parameters}):\n{''.join(lines) or ' pass'}", known)  # noqa: S102  # names of fields alone
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
    return made


def _parameter(field: dataclasses.Field[Any], known: dict[str, Any]) -> str:
    if not field.init or field.kw_only or field.hash is not None:
        raise TypeError(f"the field {field.name} asks for more than immutable.py can; use the standard dataclass")
    if field.default is not _MISSING:
        known[f"_default_{field.name}"] = field.default
        return f"{field.name}=_default_{field.name}"
    return field.name if field.default_factory is _MISSING else f"{field.name}=_MISSING"


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807, ARG001
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: Any, name: str) -> None:  # noqa: N807, ARG001
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def __reduce__(self: Any) -> tuple[Any, ...]:  # noqa: N807
    return type(self), tuple(getattr(self, field.name) for field in dataclasses.fields(self))


def __eq__(self: Any, other: Any) -> bool:  # noqa: N807
    if other.__class__ is not self.__class__:
        return NotImplemented
    return bool(self.__values__(self) == self.__values__(other))


def __hash__(self: Any) -> int:  # noqa: N807
    return hash(self.__values__(self))


def __repr__(self: Any) -> str:  # noqa: N807
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
