"""`tidegate local up` as a person runs it: a process of its own, with the real functions."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidegate_local.launcher import HOST, free_port
from tidegate_local.overlay import load_template
from tidegate_local.stack import OUTPUTS_FILE, PROJECT
from tidegate_local.waiting import wait_for

TIDEGATE = Path(sys.executable).with_name("tidegate")


@dataclass(frozen=True, slots=True)
class Running:
    """The command, running in `directory`, with temporary files in `temporary`."""

    process: subprocess.Popen[str]
    directory: Path
    temporary: Path

    def ready_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def outputs(self) -> dict[str, str]:
        read: dict[str, str] = json.loads((self.directory / OUTPUTS_FILE).read_text())
        return read


@contextmanager
def running(directory: Path, *options: str, before: tuple[str, ...] = ()) -> Iterator[Running]:
    temporary = directory / "temporary"
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*before, TIDEGATE, "local", "up", *options],
        cwd=directory,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Running(process, directory, temporary)
        finally:
            process.kill()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as started:
        yield started


def test_an_interrupt_ends_it_also_where_a_shell_had_it_ignored(tmp_path: Path) -> None:
    # What a shell does for a command that it starts in the background.
    ignoring = ("sh", "-c", 'trap \'\' INT; exec "$0" "$@"')
    with running(tmp_path, before=ignoring) as up:
        up.ready_line()
        up.process.send_signal(signal.SIGINT)
        up.process.communicate(timeout=30)
        assert up.process.returncode == 0
        assert list(up.temporary.iterdir()) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_ready_once_writes_the_outputs_and_leaves_nothing(up: Running, ending: signal.Signals) -> None:
    ready = up.ready_line()
    outputs = up.outputs()
    assert ready == f"ready {outputs['endpointUrl']}\n"
    assert set(outputs) == {"endpointUrl", "region", *load_template(PROJECT / "template.yaml")["Outputs"]}
    up.process.send_signal(ending)
    more, _said = up.process.communicate(timeout=30)
    assert (more, up.process.returncode) == ("", 0)
    assert list(up.temporary.iterdir()) == []
    assert not (up.directory / OUTPUTS_FILE).exists()


def test_it_listens_where_it_is_told(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "--port", str(port)) as started:
        assert started.ready_line() == f"ready http://{HOST}:{port}\n"


def test_a_second_one_on_the_same_port_is_refused_and_harms_nothing(up: Running) -> None:
    up.ready_line()
    port = up.outputs()["endpointUrl"].rpartition(":")[2]
    with running(up.directory, "--port", port) as second:
        printed, said = second.process.communicate(timeout=60)
    assert (printed, second.process.returncode) == ("", 1)
    assert f"Port {port}" in said
    assert "--port" in said
    assert up.outputs()["endpointUrl"].endswith(port)
    assert answers(up.outputs()["endpointUrl"])


def test_nothing_outlives_it_even_when_it_is_killed(up: Running) -> None:
    up.ready_line()
    endpoint = up.outputs()["endpointUrl"]
    assert answers(endpoint)
    up.process.kill()
    wait_for(lambda: not answers(endpoint), what="the emulator ends with its parent")
    assert list(up.temporary.iterdir()) == []


def answers(endpoint: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(endpoint + "/_ministack/health"):
            return True
    except OSError:
        return False
