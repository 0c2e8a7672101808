"""`tidegate local up`: the stack in the foreground, until Ctrl-C."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tidegate_local.mailbox import Mailbox
from tidegate_local.stack import OUTPUTS_FILE, LocalStack

FOLLOW_EVERY_SECONDS = 0.2


def up(port: int | None = None, *, directory: Path | None = None, auth: bool = False, verbose: bool = False) -> None:
    """Run the stack until Ctrl-C or SIGTERM, then clean up and return.

    When it is ready, prints one line, `ready http://127.0.0.1:N`, and nothing else on standard output; hints go to
    standard error. Writes `.tidegate/outputs.json`, `.tidegate/functions.log`, `.tidegate/emulator.log` and, for each
    e-mail, `.tidegate/mail/0001.eml` in `directory` (default: the working directory), and removes outputs.json at the
    end. `port` is chosen if it is not given. With `auth`, roles are enforced (the root user is `test` with the secret
    `test`); with `verbose`, what the functions print goes to standard error too. Raises LocalStackError, PortTakenError
    among them, with nothing left running.
    """
    outputs = (directory or Path.cwd()) / OUTPUTS_FILE
    mailbox = Mailbox(folder=outputs.parent / "mail")
    stack = LocalStack(port=port, auth=auth, logs=outputs.parent, mailbox=mailbox)
    with terminated_like_interrupted():
        try:
            with mailbox, stack, _described(stack, outputs), _following(stack.function_log, wanted=verbose):
                hint = f"Outputs: {outputs}. What the functions print: {stack.function_log}. Ctrl-C ends it."
                sys.stderr.write(f"{hint}\n")
                sys.stdout.write(f"ready {stack.endpoint_url}\n")
                sys.stdout.flush()
                stack.emulator.wait()
        except KeyboardInterrupt:
            sys.stderr.write("Stopped; nothing is left running.\n")


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that both clean up.

    SIGINT is asked for too: a shell that starts a command in the background has it ignored, and Python leaves it so.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _described(stack: LocalStack, outputs: Path) -> Iterator[None]:
    """Keep the file `outputs` as long as the block lasts."""
    stack.write_outputs(outputs)
    try:
        yield
    finally:
        stack.remove_outputs(outputs)


@contextmanager
def _following(log: Path, *, wanted: bool) -> Iterator[None]:
    """Copy what is appended to `log` to standard error, if `wanted`, until the block ends."""
    ended = threading.Event()

    def follow() -> None:
        with log.open(encoding="utf-8", errors="replace") as lines:
            while not ended.wait(FOLLOW_EVERY_SECONDS):
                sys.stderr.write(lines.read())

    follower = threading.Thread(target=follow, daemon=True)
    if wanted:
        follower.start()
    try:
        yield
    finally:
        ended.set()
        if wanted:
            follower.join()
