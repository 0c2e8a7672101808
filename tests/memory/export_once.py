"""One process, one operation: run the engine on the work message given as argument; print its peak memory as JSON.

The environment names the stack, as it does for a worker, and the endpoints (AWS_ENDPOINT_URL and its kin).
"""

import json
import sys
import time

from benchmarks.measure import peak_bytes
from tidegate.bootstrap import Stack
from tidegate.job import Task
from tidegate.settings import from_environment

INVOCATION_SECONDS = 300


class Undisturbed:
    """The message's side of the work: nothing else wants this message."""

    def hide(self, seconds: int) -> None:
        """Hide the message from nobody."""


def work(task: Task) -> dict[str, object]:
    """Run invocations until the operation has ended."""
    engine = Stack.of(from_environment()).engine()
    invocations = 0
    started = time.monotonic()
    while True:
        invocations += 1
        until = time.monotonic() + INVOCATION_SECONDS
        verdict = engine.work(task, Undisturbed(), lambda until=until: until - time.monotonic())  # type: ignore[misc]  # a default is bound now
        if verdict.acknowledge:
            break
    return {
        "ended": verdict.ended,
        "note": verdict.note,
        "invocations": invocations,
        "seconds": round(time.monotonic() - started, 1),
        "peak": peak_bytes(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(work(Task.of_body(json.loads(sys.argv[1])))) + "\n")
