"""`tidegate local demo --delivery` as a person runs it. What it claims it checks itself, and then exits 0."""

import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

TIDEGATE = Path(sys.executable).with_name("tidegate")


def test_the_demo_delivers_everywhere_once_and_leaves_copies(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603  # our own command
        [TIDEGATE, "local", "demo", "--delivery"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    folder = tmp_path / ".tidegate" / "demo-delivery"
    assert len(list((folder / "partner").rglob("manifest.json"))) == 2
    assert len(list((folder / "partner").rglob("part-00001.csv.gz"))) == 2
    by_sftp = sorted(path.name for path in (folder / "hospital").iterdir())
    assert len(by_sftp) == 2
    assert all(name.startswith("asthma-diary_") and name.endswith("_00001.csv.gz") for name in by_sftp)
    by_mail = [
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted((folder / "ward").glob("*.eml"))
    ]
    assert [message["To"] for message in by_mail] == ["Ward 7 <ward@example.org>"] * 2
    assert [message["Subject"] for message in by_mail] == [f"asthma-diary: {n} new records" for n in (250, 20)]
    for word in ("Receipts", "DELIVERED", "New at hospital", "New at ward", "none of the 250"):
        assert word in ran.stdout
