"""Run ministack for one parent process, and end with it however it ends.

Started by launcher.py with ministack's own Python, by path, so it imports nothing of this project. Its standard input
is a pipe whose other end only the parent holds: the end of that file means that the parent has stopped or died, even
by SIGKILL, and then the emulator, the functions that it runs and their directory go too.
"""

import os
import runpy
import shutil
import signal
import sys
import threading


def end_with_parent(directory: str) -> None:
    """Wait for the end of standard input, then remove `directory` and kill this whole process group."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve in the foreground. The one argument is the directory to remove when the parent has gone."""
    directory = sys.argv.pop()
    threading.Thread(target=end_with_parent, args=(directory,), daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")


if __name__ == "__main__":
    main()
