"""Start and stop one ministack: its own process group, its own directory, 127.0.0.1 only."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tidegate_local.errors import LocalStackError, PortTakenError, TooLateError
from tidegate_local.waiting import wait_for

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105  # the emulator's root credentials: fixed, public, and good for nothing else
READY_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 3.0
TRIES_FOR_A_FREE_PORT = 3
OTHER_PORT = "Stop the program that listens there, or choose another port with --port."


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Raise PortTakenError if `port` of 127.0.0.1 cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} of {HOST} cannot be used: {error.strerror}.", remedy=OTHER_PORT
            ) from error


def ministack_python(venv: Path | None = None) -> Path:
    """Return the Python of the environment that ministack is installed in.

    `venv` is that environment's folder; by default `ministack` inside the running one. ministack pins its own botocore,
    so it never shares an environment with the project. Raises LocalStackError if it is not there.
    """
    folder = venv or Path(sys.prefix) / "ministack"
    python = folder / "bin" / "python"
    if not python.exists() or not any(folder.glob("lib/python*/site-packages/ministack/app.py")):
        raise LocalStackError(
            f"The embedded AWS is not installed: there is no ministack in {folder}.",
            remedy="Run 'make install' in the project's folder, then try again with .venv/bin/tidegate.",
        )
    return python


class Emulator:
    """One running ministack. Several can run at a time; each has a port, a directory and a process group of its own.

    Use it as a context manager, or call `start` and `stop`. With `auth`, requests are checked against the roles of who
    sends them; without, everyone may do everything. `log` receives what the emulator prints (default: a file in its
    directory). Nothing outlives `stop`, nor the death of the process that called `start`.
    """

    def __init__(
        self, *, port: int | None = None, auth: bool = False, log: Path | None = None, venv: Path | None = None
    ) -> None:
        self._asked_port = port
        self._auth = auth
        self._venv = venv
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or 0
        self.directory = Path()

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service of this emulator answers, e.g. `http://127.0.0.1:4566`."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with what the emulator printed."""
        return self._log or self.directory / "emulator.log"

    @property
    def process_group(self) -> int:
        """The id of the group that the emulator and all its functions' processes are in; 0 when it does not run."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and return when the emulator answers.

        Raises PortTakenError if the port that was asked for is in use, LocalStackError if ministack is missing or does
        not come up. After an error nothing is left running.
        """
        python = ministack_python(self._venv)
        if self._asked_port is not None:
            require_free(self._asked_port)
        for attempt in range(1, TRIES_FOR_A_FREE_PORT + 1):
            self.port = self._asked_port or free_port()
            try:
                self._start_once(python)
            except PortTakenError:
                # Between choosing a free port and listening on it another program can be faster.
                if self._asked_port is not None or attempt == TRIES_FOR_A_FREE_PORT:
                    raise
            else:
                return

    def stop(self) -> None:
        """End the emulator and every function it runs, and remove its directory. Safe to call again."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin:
                process.stdin.close()
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)

    def wait(self) -> None:
        """Return never while all is well. Raises LocalStackError when the emulator ends by itself."""
        if self._process is not None:
            code = self._process.wait()
            raise LocalStackError(f"The embedded AWS ended by itself (exit code {code}).{self._last_lines()}")

    def _start_once(self, python: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tidegate-local-"))
        identity = f"tidegate-{secrets.token_hex(8)}"
        try:
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [str(python), str(Path(__file__).with_name("guard.py")), str(self.directory)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(identity),
                    cwd=self.directory,
                    start_new_session=True,
                )
            self._wait_until_ready(self._process, identity)
        except BaseException:
            self.stop()
            raise

    def _environment(self, identity: str) -> dict[str, str]:
        """Build the emulator's environment from nothing, so that no profile, proxy or key of the user's gets in."""
        directory = str(self.directory)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": directory,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": directory,
            "STATE_DIR": f"{directory}/state",
            "S3_DATA_DIR": f"{directory}/s3",
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "MINISTACK_EDITION": identity,
            "AUTH": "true" if self._auth else "false",
            # Without this, the functions' clients would call the real AWS.
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # ministack removes what it takes for its own leftovers from any Docker it can reach.
            "DOCKER_HOST": f"unix://{directory}/no-docker.sock",
        }

    def _wait_until_ready(self, process: subprocess.Popen[bytes], identity: str) -> None:
        def is_ready() -> bool:
            if process.poll() is not None:
                raise self._why_it_ended(process.returncode)
            return self._is_ready(identity)

        try:
            wait_for(is_ready, what=f"{self.endpoint_url}", within=READY_WITHIN_SECONDS, every=0.05)
        except TooLateError as error:
            raise LocalStackError(f"The embedded AWS does not answer. {error.message}{self._last_lines()}") from error

    def _why_it_ended(self, code: int) -> LocalStackError:
        lines = self._last_lines()
        if "already in use" in lines:
            return PortTakenError(f"Another program took port {self.port} of {HOST} first.", remedy=OTHER_PORT)
        return LocalStackError(f"The embedded AWS did not start (exit code {code}).{lines}")

    def _is_ready(self, identity: str) -> bool:
        """Tell whether this very emulator answers: another one on the same port has another identity."""
        try:
            health = self._get("/_ministack/health")
            return health.get("edition") == identity and bool(self._get("/_ministack/ready"))
        except (OSError, ValueError):
            return False

    def _get(self, path: str) -> dict[str, object]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.endpoint_url + path, timeout=5) as answer:
            body = json.load(answer)
        return body if isinstance(body, dict) else {}

    def _last_lines(self, count: int = 15) -> str:
        with suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-count:]
            return "\n".join([" Its last lines:", *lines])
        return ""
