"""Classes made quickly are what the standard library's frozen dataclasses with slots are."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from tidegate import immutable

Decorator = Callable[..., Any]
DECORATORS: dict[str, Decorator] = {"standard": dataclasses.dataclass, "quick": immutable.dataclass}


def make(decorator: Decorator) -> Any:
    @decorator(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        names: list[str] = field(default_factory=list)
        secret: str = field(default="s", repr=False)
        noted: int = field(default=0, compare=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x is negative")

        @property
        def total(self) -> int:
            """Both."""
            return self.x + self.y

    return Point


def single(decorator: Decorator) -> Any:
    @decorator(frozen=True, slots=True)
    class Single:
        only: int

    return Single


def empty(decorator: Decorator) -> Any:
    @decorator(frozen=True, slots=True)
    class Empty:
        """Nothing."""

    return Empty


@immutable.dataclass(frozen=True, slots=True)
class Kept:
    """At module level, where pickle finds it."""

    key: str
    value: int = 1


@pytest.fixture(params=DECORATORS)
def decorator(request: pytest.FixtureRequest) -> Decorator:
    return DECORATORS[request.param]


def test_both_are_made_and_shown_alike(decorator: Decorator) -> None:
    point = make(decorator)
    one = point(1, names=["a"])
    assert (one.x, one.y, one.names, one.secret, one.total) == (1, 2, ["a"], "s", 3)
    assert repr(one) == "make.<locals>.Point(x=1, y=2, names=['a'], noted=0)"
    assert point(1).names is not point(1).names
    assert repr(empty(decorator)()) == "empty.<locals>.Empty()"
    assert point.__match_args__ == ("x", "y", "names", "secret", "noted")
    assert point.__slots__ == ("x", "y", "names", "secret", "noted")
    assert [f.name for f in dataclasses.fields(one)] == list(point.__slots__)
    assert dataclasses.asdict(single(decorator)(1)) == {"only": 1}


def test_both_refuse_the_same_arguments(decorator: Decorator) -> None:
    point = make(decorator)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        point()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        point(1, z=1)
    with pytest.raises(ValueError, match="x is negative"):
        point(-1)


def test_both_compare_and_hash_by_class_and_values(decorator: Decorator) -> None:
    kind, other = single(decorator), single(decorator)
    assert kind(1) == kind(1) != kind(2)
    assert kind(1) != other(1)
    assert kind(1) != (1,)
    assert len({kind(1), kind(1), kind(2)}) == 2
    assert empty(decorator)() != empty(decorator)()
    point = make(decorator)
    assert point(1, noted=1) == point(1, noted=2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(1))


def test_both_can_be_replaced_and_copied_but_not_changed(decorator: Decorator) -> None:
    one = make(decorator)(1)
    assert dataclasses.replace(one, y=5) == make_like(one, y=5)
    assert copy.copy(one) == copy.deepcopy(one) == one
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        one.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del one.x
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):  # the standard one's own message is a TypeError
        one.other = 2


def make_like(one: Any, **changes: Any) -> Any:
    return type(one)(**{**{f.name: getattr(one, f.name) for f in dataclasses.fields(one)}, **changes})


def test_both_have_the_same_parameters() -> None:
    standard, quick = (inspect.signature(single(one)) for one in DECORATORS.values())
    assert str(quick) == str(standard)
    assert make(immutable.dataclass).__init__.__annotations__ == make(dataclasses.dataclass).__init__.__annotations__


def test_objects_go_through_pickle() -> None:
    assert pickle.loads(pickle.dumps(Kept("a", 2))) == Kept("a", 2)  # noqa: S301  # our own


def test_methods_of_the_class_itself_are_kept() -> None:
    @immutable.dataclass(frozen=True, slots=True)
    class Quiet:
        word: str

        def __repr__(self) -> str:
            return "Quiet"

    assert repr(Quiet("x")) == "Quiet"


@pytest.mark.parametrize(
    "asked", [field(init=False), field(kw_only=True), field(hash=False)], ids=["init", "kw_only", "hash"]
)
def test_what_it_cannot_do_is_refused_when_the_class_is_made(asked: Any) -> None:
    with pytest.raises(TypeError, match="the field x asks for more"):

        @immutable.dataclass(frozen=True, slots=True)
        class Asking:
            x: int = asked


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_a_standard_frozen_class_may_be_derived_from_one_and_others_may_not(decorator: Decorator) -> None:
    base = single(decorator)
    derived: Any = dataclasses.dataclass(frozen=True)(type("Derived", (base,), {"__annotations__": {"more": int}}))
    one = derived(1, more=2)
    assert (one.only, one.more, one) == (1, 2, derived(1, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.only = 3
    with pytest.raises(TypeError, match="frozen"):
        dataclasses.dataclass(type("Loose", (base,), {"__annotations__": {"more": int}}))
