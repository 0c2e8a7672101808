"""A source of one's own on the embedded AWS: dropped beside the handlers, put by the command, read by the worker."""

import os
import shutil
import subprocess
from pathlib import Path

from e2e.outsider import TIDEGATE, Outsider
from tidegate_local.stack import PROJECT, LocalStack

SOURCE = '''
"""Hours of a day, a page each."""

KEY, TIME = "hour", "at"


def source(asked):
    for n in range(0 if asked.cursor is None else asked.cursor, 24):
        row = {"at": f"2025-03-01T{n:02}:00:00Z", "hour": n, "study": asked.study}
        yield {"headerRow": ["at", "hour", "study"], "data": [row], "cursor": n + 1}
'''
DEFINITION = "exportId: hours\nsource: {type: hours}\nformat: {type: CSV, compression: none}\n"


def test_a_module_that_is_dropped_beside_the_handlers_is_exported(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    shutil.copytree(PROJECT / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    folder = functions / "worker" / "datasources"
    folder.mkdir()
    (folder / "hours.py").write_text(SOURCE)
    (tmp_path / "hours.yaml").write_text(DEFINITION)
    with LocalStack(
        auth=True, functions=functions, logs=tmp_path, parameters={"DailyScheduleState": "DISABLED"}
    ) as stack:
        outsider = Outsider.of(stack, tmp_path)
        outsider.put_study("a")
        put = subprocess.run(  # noqa: S603
            [TIDEGATE, "exports", "put", tmp_path / "hours.yaml"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(folder.parent)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert put.returncode == 0, put.stderr
        (operation,) = outsider.export(exportType="DAILY", endDateTime="2025-03-01T03:00:00Z", export="hours")
        (part,) = outsider.manifest_of(operation)["parts"]
        assert outsider.text_of(part["key"]) == "at,hour,study\r\n" + "".join(
            f"2025-03-01T{n:02}:00:00Z,{n},a\r\n" for n in range(3)
        )
        assert outsider.watermark("hours/a") is not None
