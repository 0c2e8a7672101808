"""Run ministack for one parent process, and end with it however it ends.

Started by launcher.py with ministack's own Python, by path, so it imports nothing of this project. Its standard input
is a pipe whose other end only the parent holds: the end of that file means that the parent has stopped or died, even
by SIGKILL, and then the emulator, the functions that it runs and their directory go too.
"""

import importlib
import os
import runpy
import shutil
import signal
import sys
import threading
from typing import Any

_HIDDEN = str.maketrans({".": "\0", "[": "\1"})


def end_with_parent(directory: str) -> None:
    """Wait for the end of standard input, then remove `directory` and kill this whole process group."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def correct_projections() -> None:
    """Let a projection name an attribute whose own name reads as a path beside one that such a name begins with.

    ministack 1.5.33 takes `#a` and `#b` for overlapping paths where they stand for `answers` and `answers.q1`, or for
    `visits` and `visits[0]`. AWS does not: a name that is given by a placeholder is one name, dots, brackets and all.
    """
    # Only ministack's own Python has this module, and it has no other seam.
    dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
    project = dynamodb._project_item  # noqa: SLF001

    def with_paths_hidden(item: dict[str, Any], expression: str, names: dict[str, str] | None) -> dict[str, Any]:
        hidden = {name: name.translate(_HIDDEN) for name in (names or {}).values() if "." in name or "[" in name}
        if not hidden:
            return dict(project(item, expression, names))
        back = {stand_in: name for name, stand_in in hidden.items()}
        stored = {hidden.get(name, name): value for name, value in item.items()}
        aliases = {alias: hidden.get(name, name) for alias, name in (names or {}).items()}
        return {back.get(name, name): value for name, value in project(stored, expression, aliases).items()}

    dynamodb._project_item = with_paths_hidden  # noqa: SLF001


def main() -> None:
    """Serve in the foreground. The one argument is the directory to remove when the parent has gone."""
    directory = sys.argv.pop()
    threading.Thread(target=end_with_parent, args=(directory,), daemon=True).start()
    correct_projections()
    runpy.run_module("ministack", run_name="__main__")


if __name__ == "__main__":
    main()
