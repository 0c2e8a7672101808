"""The collector of cycles pauses where it was asked to, goes on afterwards, and leaves alone what is to stay."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from tidegate.collector import made_to_stay, paused


class Loop:
    """Garbage that only a collector of cycles finds, once nobody else knows of it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Each test begins with a collector that works, and leaves one."""
    gc.enable()
    yield
    gc.enable()


def test_nothing_is_collected_meanwhile_and_all_afterwards() -> None:
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with paused():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_a_pause_in_a_pause_does_not_end_it() -> None:
    with paused():
        with paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_failure_ends_the_pause() -> None:
    with pytest.raises(ZeroDivisionError), paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_is_there_is_not_collected_and_what_comes_later_is() -> None:
    kept = Loop()
    with made_to_stay():
        made = Loop()
        assert not gc.isenabled()
    assert gc.isenabled()
    later = Loop()
    watched = [weakref.ref(one) for one in (kept, made, later)]
    del kept, made, later
    gc.collect()
    assert [ref() is None for ref in watched] == [False, False, True]
    gc.unfreeze()
    gc.collect()
    assert not any(ref() for ref in watched)


def test_what_a_failure_leaves_is_collected() -> None:
    def fail() -> None:
        with made_to_stay():
            watched.append(weakref.ref(Loop()))
            raise ZeroDivisionError

    watched: list[weakref.ref[Loop]] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()
    gc.collect()
    assert watched[0]() is None
