"""`tidegate local demo` as a person runs it. What it claims it checks itself, and then exits 0."""

import subprocess
import sys
from pathlib import Path

TIDEGATE = Path(sys.executable).with_name("tidegate")


def test_the_demo_exports_everything_once_and_leaves_the_files(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603  # our own command
        [TIDEGATE, "local", "demo"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    exports = tmp_path / ".tidegate" / "demo" / "exports"
    assert len(list(exports.rglob("manifest.json"))) == 6
    assert len(list(exports.rglob("part-*.csv.gz"))) == 6
    for word in ("asthma-diary", "Watermarks", "none of the 3,600", "previousManifest"):
        assert word in ran.stdout
