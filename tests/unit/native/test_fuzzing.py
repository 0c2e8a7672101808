"""The fuzzer, bounded: in this process, and under the sanitizers in one of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.transcoder import fuzz
from tidegate.native.library import PATH, Library

TESTS = Path(__file__).parents[2]
SOURCES = PATH.parent
FLAGS = "-std=c11 -O1 -g -fPIC -shared -fvisibility=hidden -fsanitize=address,undefined -fno-sanitize-recover=all"


def test_pages_and_their_mutations_give_what_the_python_path_gives_or_are_refused() -> None:
    counts = fuzz(7, 4000, Library(), lambda _: None)
    assert not counts["page as made: refused by the library alone"]
    assert not counts["lines as made: refused by the library alone"]
    assert not counts["tabled page as made: refused by the library alone"]
    for how in ("page as made: equal", "page mutated: equal", "lines as made: equal", "lines mutated: equal"):
        assert counts[how], how
        assert counts["typed " + how], how
        assert counts["tabled " + how], how
    assert counts["columns: equal"]
    # Numbers of many digits and with exponents are left to the reference.
    assert counts["typed page as made: refused by the library alone"] < counts["typed page as made: equal"]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc, which has the sanitizers, is not installed")
    library = tmp_path_factory.mktemp("sanitized") / "libtranscode.so"
    subprocess.run([compiler, *FLAGS.split(), "-o", library, SOURCES / "transcode.c"], check=True)  # noqa: S603
    return library


def under_sanitizers(library: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    names = ("libasan.so", "libubsan.so")
    found = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607
        for name in names
    ]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "fuzz.transcoder", "--exact", "--library", library, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "LD_PRELOAD": " ".join(found),
            "PYTHONMALLOC": "malloc",
            # Python does not free all at its end; the quarantine is for what is used after it was freed.
            "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=8:malloc_context_size=2",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_no_page_makes_the_library_read_or_write_beyond_its_buffers(sanitized: Path) -> None:
    run = under_sanitizers(sanitized, "--pages", 2000, "--seed", 11)
    assert run.returncode == 0, run.stderr
    assert "page mutated: equal" in run.stdout


@pytest.mark.usefixtures("sanitized")
def test_the_sanitizers_see_a_single_byte_beyond(tmp_path: Path) -> None:
    for source in SOURCES.glob("*.[ch]"):
        (tmp_path / source.name).write_text(source.read_text())
    scan = tmp_path / "scan.h"
    scan.write_text(scan.read_text().replace("while (at && at < end)", "while (at && at <= end)"))
    library = tmp_path / "libtranscode.so"
    subprocess.run(["gcc", *FLAGS.split(), "-o", library, tmp_path / "transcode.c"], check=True)  # noqa: S603, S607
    run = under_sanitizers(library, "--pages", 100)
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stderr
