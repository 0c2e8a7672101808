"""Threads of a process that shares one heap have one, as far as glibc tells."""

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from tidegate.heap import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
    share_one_heap()
meet = threading.Barrier(4)
def work():
    taken = bytearray(100_000)
    meet.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
c = ctypes.CDLL(None)
c.malloc_info(0, ctypes.c_void_p.in_dll(c, "stdout"))
c.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone has mallopt")
@pytest.mark.parametrize("how", ["shared", "as usual"])
def test_threads_share_one_heap_where_that_was_asked_for(how: str) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)  # noqa: S603
    heaps = run.stdout.count("<heap nr=")
    assert heaps == 1 if how == "shared" else heaps > 1


def test_a_c_library_without_these_settings_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.heap.ctypes.CDLL", lambda _: object())
    from tidegate import heap

    heap.share_one_heap.__wrapped__()
